namespace Slipway.Tests.Unit;

/// <summary>The order in which tests of the cluster go: wrong, they strike each other, or none goes on.</summary>
public class TurnsTests
{
    private static readonly Part StrikesOperator = new(Use.Strikes, Use.Bears);
    private static readonly Part HasOperator = new(Use.HasAlone, Use.Bears);
    private static readonly Part StrikesNode = new(Use.CountsOn, Use.HasAlone);
    private static readonly Part CountsOnOperator = new(Use.CountsOn, Use.Bears);
    private static readonly Part CountsOnNode = new(Use.Bears, Use.CountsOn);
    private static readonly Part BearsAll = new(Use.Bears, Use.Bears);

    private readonly TaskCompletionSource _gathered = new();
    private readonly List<(Part Part, Task<IDisposable> Turn)> _asked = [];
    private int _seats = 10;
    private Turns? _turns;

    [Fact]
    public void Turns_AtTheStart_AreOfTheStrikersFirst()
    {
        Ask(CountsOnOperator, CountsOnNode, StrikesNode, StrikesOperator);
        _turns!.Going.ShouldBe([CountsOnNode, StrikesOperator], ignoreOrder: true);
    }

    [Fact]
    public void Strikers_OfOneThing_GoTogether_UnlessOneHasItAlone()
    {
        Ask(StrikesOperator, StrikesOperator, HasOperator);
        _turns!.Going.ShouldBe([StrikesOperator, StrikesOperator]);
    }

    [Fact]
    public async Task Seats_WhenAllAreTaken_KeepWhoBearsAllWaiting()
    {
        _seats = 2;
        Ask(BearsAll, BearsAll, BearsAll);
        _turns!.Going.Count.ShouldBe(2);
        await LeaveAsync(BearsAll);
        _turns.Going.Count.ShouldBe(2);
        await LeaveAsync(BearsAll);
        _turns.Going.Count.ShouldBe(1);
    }

    /// <summary>Or the last of them would come after who has it alone, by itself.</summary>
    [Fact]
    public void Strikers_ThatBearEachOther_GoBeforeWhoHasItAlone()
    {
        Ask(StrikesOperator, HasOperator, StrikesOperator);
        _turns!.Going.ShouldBe([StrikesOperator, StrikesOperator]);
    }

    /// <summary>They are the longer ones, and the last of them ends the run.</summary>
    [Fact]
    public void Seats_WhenThereAreFew_GoToWhoCountsOnTheOperatorFirst()
    {
        _seats = 1;
        Ask(BearsAll, CountsOnNode, CountsOnOperator);
        _turns!.Going.ShouldBe([CountsOnOperator]);
    }

    [Fact]
    public void Seats_WhenThereAreFew_GoToALongOneBeforeOthers()
    {
        _seats = 1;
        Ask(CountsOnOperator, CountsOnOperator with { IsLong = true });
        _turns!.Going.ShouldBe([CountsOnOperator with { IsLong = true }]);
    }

    /// <summary>Or he would wait until the last of the many that do not strike is done.</summary>
    [Fact]
    public async Task NextInLine_KeepsOutThoseWhoComeAfterHim()
    {
        Ask(CountsOnNode);
        Ask(StrikesNode);
        Ask(CountsOnNode, CountsOnOperator);
        _turns!.Going.ShouldBe([CountsOnNode, CountsOnOperator], ignoreOrder: true);

        await LeaveAsync(CountsOnNode);

        _turns!.Going.ShouldBe([StrikesNode, CountsOnOperator], ignoreOrder: true);
    }

    /// <summary>The node lies idle otherwise while its striker waits for the operator.</summary>
    [Fact]
    public void NextInLine_ForTheOperator_LeavesTheNodeToOthers()
    {
        Ask(StrikesOperator);
        Ask(StrikesNode);
        Ask(CountsOnNode);
        _turns!.Going.ShouldBe([StrikesOperator, CountsOnNode], ignoreOrder: true);
    }

    [Theory]
    [InlineData(Use.CountsOn, Use.Bears, true)]
    [InlineData(Use.CountsOn, Use.CountsOn, true)]
    [InlineData(Use.HasAlone, Use.CountsOn, true)]
    [InlineData(Use.Strikes, Use.CountsOn, false)]
    [InlineData(Use.Bears, Use.CountsOn, false)]
    internal void Part_OfATest_CoversWhatItsHelpersAsk(Use has, Use asks, bool covers)
    {
        new Part(has, Use.Bears).Covers(new Part(asks, Use.Bears)).ShouldBe(covers);
        new Part(Use.Bears, has).Covers(new Part(Use.Bears, asks)).ShouldBe(covers);
    }

    private void Ask(params Part[] parts)
    {
        _turns ??= new Turns(_seats, _gathered.Task);
        foreach (var part in parts) _asked.Add((part, _turns.TakeAsync(part, TestContext.Current.CancellationToken)));
        _gathered.TrySetResult();
    }

    /// <summary>The first that has asked for it and is still there.</summary>
    private async Task LeaveAsync(Part part)
    {
        var first = _asked.First(asked => asked.Part == part);
        _asked.Remove(first);
        (await first.Turn).Dispose();
    }
}
