using k8s.Models;
using Slipway.Kube;
using Slipway.Kube.Controllers;

namespace Slipway.Tests.Unit.Kube.Controllers;

public sealed class PredicatesTests
{
    private const string Annotation = "slipway.dev/reconcile-at";

    [Requirement("R9")]
    [Fact]
    public void WantsPass_WhenOnlyTheStatusChanged_IsFalse() =>
        WantsPass(Widget.Named("a", 1), Widget.Named("a", 2) with { Status = new WidgetStatus { Phase = "Ready" } }).ShouldBeFalse();

    [Requirement("R9")]
    [Fact]
    public void WantsPass_WhenTheSpecChanged_IsTrue() =>
        WantsPass(Widget.Named("a", 1, generation: 1), Widget.Named("a", 2, generation: 2)).ShouldBeTrue();

    [Requirement("R9")]
    [Fact]
    public void WantsPass_WhenItComesOrGoes_IsTrue()
    {
        WantsPass(null, Widget.Named("a")).ShouldBeTrue();
        WantsPass(Widget.Named("a"), null).ShouldBeTrue();
    }

    [Requirement("R9")]
    [Fact]
    public void WantsPass_WhenDeletionBegins_IsTrue()
    {
        var deleting = Widget.Named("a", 2);
        deleting.Metadata.DeletionTimestamp = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        WantsPass(Widget.Named("a", 1), deleting).ShouldBeTrue();
    }

    [Requirement("R9")]
    [Fact]
    public void WantsPass_WhenAFinalizerComesOrGoes_IsTrue()
    {
        var (without, with, still) = (Widget.Named("a", 1), Widget.Named("a", 2), Widget.Named("a", 3));
        with.Metadata.Finalizers = ["example.com/hold"];
        still.Metadata.Finalizers = ["example.com/hold"];
        WantsPass(without, with).ShouldBeTrue();
        WantsPass(with, still).ShouldBeFalse();
        WantsPass(with, without).ShouldBeTrue();
    }

    [Requirement("R9", "ops#668")]
    [Fact]
    public void ResourceVersionChanged_WhenOnlyTheStatusDid_IsTrueAndForTheSameVersionFalse()
    {
        var ready = Widget.Named("a", 2) with { Status = new WidgetStatus { Phase = "Ready" } };
        Predicates.ResourceVersionChanged(Widget.Named("a", 1), ready).ShouldBeTrue();
        Predicates.ResourceVersionChanged(ready, ready).ShouldBeFalse();
        Predicates.ResourceVersionChanged(null, ready).ShouldBeTrue();
        Predicates.ResourceVersionChanged(ready, null).ShouldBeTrue();
    }

    [Requirement("R9")]
    [Fact]
    public void WantsPass_WhenSomebodyAsksByAnnotation_IsTrueOnceForEachValue()
    {
        WantsPass(Annotated(1, null), Annotated(2, "now")).ShouldBeTrue();
        WantsPass(Annotated(2, "now"), Annotated(3, "now")).ShouldBeFalse();
        WantsPass(Annotated(3, "now"), Annotated(4, "again")).ShouldBeTrue();
    }

    [Requirement("R9")]
    [Fact]
    public void WantsPass_WhenTheKindHasNoGeneration_GoesByTheVersion()
    {
        WantsPass(Widget.Named("a", 1, generation: 0), Widget.Named("a", 2, generation: 0)).ShouldBeTrue();
        WantsPass(Widget.Named("a", 2, generation: 0), Widget.Named("a", 2, generation: 0)).ShouldBeFalse();
    }

    [Requirement("R10")]
    [Fact]
    public void OwnerMapping_WhenTheVersionDiffers_MapsByGroupAndKind() =>
        OwnerMapping.Keys<Widget, V1Job>(null, Child(Owner("test.dev/v2", "Widget", "a"))).ShouldBe([new NamespacedName("ns", "a")]);

    [Requirement("R10")]
    [Theory]
    [InlineData("other.dev/v1", "Widget", true)]
    [InlineData("v1", "Widget", true)]
    [InlineData("test.dev/v1", "Gadget", true)]
    [InlineData("test.dev/v1", "Widget", false)]
    public void OwnerMapping_WhenTheOwnerIsAnotherOrNoController_MapsToNothing(string apiVersion, string kind, bool controller) =>
        OwnerMapping.Keys<Widget, V1Job>(null, Child(Owner(apiVersion, kind, "a", controller))).ShouldBeEmpty();

    [Requirement("R10")]
    [Fact]
    public void OwnerMapping_WhenTheChildChangesHands_MapsToBoth() =>
        OwnerMapping.Keys<Widget, V1Job>(Child(Owner("test.dev/v1", "Widget", "a")), Child(Owner("test.dev/v1", "Widget", "b")))
            .ShouldBe([new NamespacedName("ns", "a"), new NamespacedName("ns", "b")]);

    private static bool WantsPass(Widget? old, Widget? now) => Predicates.WantsPass(old, now, Annotation);

    private static Widget Annotated(int version, string? value)
    {
        var widget = Widget.Named("a", version);
        widget.Metadata.Annotations = value is null ? null : new Dictionary<string, string> { [Annotation] = value };
        return widget;
    }

    private static V1Job Child(V1OwnerReference owner) =>
        new() { Metadata = new V1ObjectMeta { Name = "child", NamespaceProperty = "ns", OwnerReferences = [owner] } };

    private static V1OwnerReference Owner(string apiVersion, string kind, string name, bool controller = true) =>
        new() { ApiVersion = apiVersion, Kind = kind, Name = name, Uid = "u", Controller = controller };
}
