namespace Slipway.Tests.Unit;

public sealed class RestMomentsTests
{
    private const long Megabyte = 1 << 20;

    private readonly RestMoments _moments = new();
    private long _allocated;

    [Fact]
    public void WorkThatIsOver_IsAMoment_AtTheFirstQuietLook() => Looks(300, 1).ShouldBe([false, true]);

    [Fact]
    public void Rest_IsNone_UntilEnoughHasCome() => Looks(300, 1, 1, 1, 1, 1, 1, 1, 1).ShouldBe([false, true, false, false, false, false, false, false, true]);

    /// <summary>A cluster is seldom silent: namespaces go, pods of others come. What a burst had left stayed until it was.</summary>
    [Fact]
    public void LittleWorkAllTheTime_AfterABurst_IsAMomentEveryHalfMinute() =>
        Looks(300, 20, 20, 20, 20, 20, 20).ShouldBe([false, false, true, false, false, true, false]);

    [Fact]
    public void Load_IsNone() => Looks([.. Enumerable.Repeat(300L, 50)]).ShouldAllBe(isOne => !isOne);

    private List<bool> Looks(params IReadOnlyList<long> megabytes) => [.. megabytes.Select(more => _moments.IsOne(_allocated += more * Megabyte))];
}
