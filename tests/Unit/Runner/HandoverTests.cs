using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public sealed class HandoverTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly WatchedTime _time = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Wait_WhenTheImageIsPushed_GetsWhatWasBuiltWhileTheOtherGoesOn()
    {
        using var handover = Handover.Begin(_folder.Path);
        var waiting = WaitAsync();
        await PassAsync();
        waiting.IsCompleted.ShouldBeFalse();

        handover.Pass(new BuiltOnce { Build = RunnerSamples.Full, Imports = false });

        await PassAsync();
        var built = (await waiting)!;
        RunnerJson.Serialize(built.Build).ShouldBe(RunnerJson.Serialize(RunnerSamples.Full));
        built.Imports.ShouldBeFalse();
    }

    /// <summary>Killed or not: the kernel lets go of the lock.</summary>
    [Fact]
    public async Task Wait_WhenTheOtherEndsWithoutAnImage_EndsToo()
    {
        var handover = Handover.Begin(_folder.Path);
        var waiting = WaitAsync();
        await PassAsync();
        waiting.IsCompleted.ShouldBeFalse();

        handover.Dispose();

        await PassAsync();
        (await waiting).ShouldBeNull();
    }

    [Fact]
    public async Task Wait_WhenTheOtherEndedWithAnImageMeanwhile_GetsIt()
    {
        using (var handover = Handover.Begin(_folder.Path)) handover.Pass(new BuiltOnce { Build = RunnerSamples.Build });
        (await WaitAsync())!.Build.Commit.ShouldBe(RunnerSamples.Commit);
    }

    /// <summary>It holds a builder's slot as long as it is there.</summary>
    [Fact]
    public async Task Wait_WhenTheOtherNeverBegins_GivesUp()
    {
        var waiting = WaitAsync();
        await PassAsync();
        waiting.IsCompleted.ShouldBeFalse();

        await PassAsync(TimeSpan.FromMinutes(3));

        (await waiting).ShouldBeNull();
    }

    [Fact]
    public async Task Wait_WhenTheOtherBeginsAfterIt_IsNotTooEarly()
    {
        var waiting = WaitAsync();
        await PassAsync();
        using var handover = Handover.Begin(_folder.Path);
        await PassAsync(TimeSpan.FromMinutes(3));
        waiting.IsCompleted.ShouldBeFalse();
        handover.Pass(new BuiltOnce { Build = RunnerSamples.Build });
        await PassAsync();
        (await waiting).ShouldNotBeNull();
    }

    /// <summary>On a machine with much to do it is a while from a file to its lock, and whoever finds the one without the other takes the build for ended.</summary>
    [Fact]
    public async Task Wait_WhileTheOtherBegins_DoesNotTakeItForEnded()
    {
        for (var round = 0; round < 1000; round++)
        {
            using var folder = new TemporaryFolder();
            var waiting = Enumerable.Range(0, 3).Select(_ => Task.Run(() => Handover.WaitAsync(folder.Path, new Unresting(), Token), Token)).ToList();
            using var handover = Handover.Begin(folder.Path);
            handover.Pass(new BuiltOnce { Build = RunnerSamples.Build });
            (await Task.WhenAll(waiting)).ShouldAllBe(built => built != null, $"round {round}");
        }
    }

    /// <summary>Every pause is over at once.</summary>
    private sealed class Unresting : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }

    private Task<BuiltOnce?> WaitAsync() => Handover.WaitAsync(_folder.Path, _time, Token);

    private async Task PassAsync(TimeSpan? time = null)
    {
        await _time.TimerAsync(TimeSpan.FromMilliseconds(200));
        _time.Advance(time ?? TimeSpan.FromSeconds(1));
    }
}
