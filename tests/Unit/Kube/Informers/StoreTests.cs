using Slipway.Kube;
using Slipway.Kube.Informers;

namespace Slipway.Tests.Unit.Kube.Informers;

[Requirement("R8")]
public sealed class StoreTests
{
    private readonly Store<Widget> _store = new([new StoreIndex<Widget>("colour", widget => widget.Spec.Colour is { } colour ? [colour] : [])]);

    [Requirement("R8", "ops#800")]
    [Fact]
    public void Get_WhenTwoNamespacesHaveTheSameName_TellsThemApart()
    {
        Put(Widget.Named("a", @namespace: "one"));
        Put(Widget.Named("a", @namespace: "two"));
        _store.Get(new NamespacedName("one", "a"))!.Metadata.NamespaceProperty.ShouldBe("one");
        _store.List().Count.ShouldBe(2);
    }

    [Fact]
    public void Put_WhenTheNameCameBackWithAnotherUid_TellsAnEndAndABeginning()
    {
        Put(Widget.Named("a", 1, uid: "old"));
        var changes = Put(Widget.Named("a", 2, uid: "new"));
        changes.Select(change => (change.Old?.Metadata.Uid, change.New?.Metadata.Uid)).ShouldBe([("old", null), (null, "new")]);
    }

    [Fact]
    public void Put_WhenTheVersionIsTheSame_ChangesNothing()
    {
        Put(Widget.Named("a", 1));
        Put(Widget.Named("a", 1)).ShouldBeEmpty();
    }

    [Fact]
    public void Remove_WhenTheUidIsThatOfAPredecessor_LeavesTheObject()
    {
        Put(Widget.Named("a", 2, uid: "new"));
        _store.Remove(new NamespacedName("ns", "a"), "old").ShouldBeEmpty();
        _store.List().Count.ShouldBe(1);
    }

    [Fact]
    public void ByIndex_WhenObjectsChangeAndGo_FollowsThem()
    {
        Put(Coloured("a", 1, "red"));
        Put(Coloured("b", 1, "red"));
        Put(Coloured("a", 2, "blue"));
        Names("red").ShouldBe(["b"]);
        Names("blue").ShouldBe(["a"]);
        _store.Remove(new NamespacedName("ns", "b"), null);
        Names("red").ShouldBeEmpty();
        _store.Replace(new Dictionary<NamespacedName, Store<Widget>.Entry>(), new HashSet<NamespacedName>()).Count.ShouldBe(1);
        Names("blue").ShouldBeEmpty();
    }

    [Fact]
    public void ByIndex_WhenThereIsNoSuchIndex_SaysSo() =>
        Should.Throw<ArgumentException>(() => _store.ByIndex("size", "1")).Message.ShouldContain("size");

    [Fact]
    public void Replace_WhenAnObjectIsUnreadable_KeepsWhatIsKnownOfIt()
    {
        Put(Widget.Named("a", 1));
        Put(Widget.Named("b", 1));
        var changes = _store.Replace(
            new Dictionary<NamespacedName, Store<Widget>.Entry>(), new HashSet<NamespacedName> { new("ns", "a") });
        changes.Single().Old!.Metadata.Name.ShouldBe("b");
        _store.List().Single().Metadata.Name.ShouldBe("a");
    }

    private static Widget Coloured(string name, int version, string colour) =>
        Widget.Named(name, version) with { Spec = new WidgetSpec { Colour = colour } };

    private IReadOnlyList<Change<Widget>> Put(Widget widget) => _store.Put(_store.Prepare(widget));

    private IEnumerable<string> Names(string colour) => _store.ByIndex("colour", colour).Select(widget => widget.Metadata.Name);
}
