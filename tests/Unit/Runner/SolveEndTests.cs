using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public sealed class SolveEndTests : IDisposable
{
    private readonly StringWriter _log = new();
    private readonly WatchedTime _time = new();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task WaitAsync_WhenTheSolveGoesOn_WaitsForItsEnd()
    {
        var probe = new PlayedProbe(true, true, false);
        var waiting = WaitAsync(probe);
        for (var asked = 0; asked < 2; asked++)
        {
            await _time.TimerAsync(TimeSpan.FromSeconds(1));
            waiting.IsCompleted.ShouldBeFalse();
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        await waiting;
        probe.Asked.ShouldBe(["solve", "solve", "solve"]);
        _log.ToString().ShouldContain("has ended on farm-linux-arm64-0");
    }

    [Fact]
    public async Task WaitAsync_WhenNobodyAnswers_GoesOn()
    {
        var probe = new PlayedProbe((bool?)null);
        await WaitAsync(probe);
        probe.Asked.Count.ShouldBe(1);
        _log.ToString().ShouldContain("does not say");
    }

    [Fact]
    public async Task WaitAsync_WhenTheSolveNeverEnds_GoesOnAfterTwentySeconds()
    {
        var waiting = WaitAsync(new PlayedProbe());
        await _time.TimerAsync(TimeSpan.FromSeconds(20));
        waiting.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(20));
        await waiting;
        _log.ToString().ShouldContain("has not ended");
    }

    [Fact]
    public async Task WaitAsync_WhenBuildctlLeftNoReference_AsksNobody()
    {
        var probe = new PlayedProbe();
        await new SolveEnd(probe, _log, _time).WaitAsync(RunnerSamples.Build.Builder, Path.Combine(_folder.Path, "none"));
        probe.Asked.ShouldBeEmpty();
    }

    private Task WaitAsync(PlayedProbe probe) => new SolveEnd(probe, _log, _time).WaitAsync(RunnerSamples.Build.Builder, _folder.Write("ref", "solve\n"));

    /// <summary>Gives its answers one after the other, and then none at all.</summary>
    private sealed class PlayedProbe(params bool?[] answers) : IBuilderProbe
    {
        private readonly Queue<bool?> _answers = new(answers);

        public List<string> Asked { get; } = [];

        public Task<bool> AnswersAsync(BuilderEndpoint builder, CancellationToken token) => throw new InvalidOperationException("the workers were asked for");

        public Task<bool> ForgetAsync(BuilderEndpoint builder, CancellationToken token) => throw new InvalidOperationException("it was told to forget");

        public Task<bool?> IsSolvingAsync(BuilderEndpoint builder, string reference, CancellationToken token)
        {
            Asked.Add(reference);
            return _answers.TryDequeue(out var answer) ? Task.FromResult(answer) : new TaskCompletionSource<bool?>().Task.WaitAsync(token);
        }
    }
}
