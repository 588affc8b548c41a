using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public sealed class BuilderProbeTests
{
    private const string Ref = "tvj9eona1b0jlbq0tu4bq8oht";

    private readonly WatchedTime _time = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AnswersAsync_WhenTheBuilderListsItsWorkers_IsTrueAndAsksWithTheBuildsCertificate()
    {
        var processes = new FakeProcesses(process => process.Say("ID\t\tPLATFORMS\n").End(0));
        (await Probe(processes).AnswersAsync(RunnerSamples.Build.Builder, Token)).ShouldBeTrue();
        var command = processes.Started.ShouldHaveSingleItem().Command;
        command.Arguments.ShouldBe(
        [
            "--addr", "tcp://10.0.0.7:1234", "--tlsservername", "farm-linux-arm64-0.farm-linux-arm64.builders.svc",
            "--tlscacert", "/run/slipway/builder/ca.crt", "--tlscert", "/run/slipway/builder/tls.crt", "--tlskey", "/run/slipway/builder/tls.key",
            "--timeout", "5", "debug", "workers",
        ]);
        command.Environment.Keys.ShouldBe(["PATH"]);
    }

    /// <summary>Refused, or another builder with another certificate behind the address.</summary>
    [Fact]
    public async Task AnswersAsync_WhenBuildctlFails_IsFalse() =>
        (await Probe(new FakeProcesses(process => process.Say(error: "error: failed to list workers: Unavailable").End(1))).AnswersAsync(RunnerSamples.Build.Builder, Token)).ShouldBeFalse();

    [Fact]
    public async Task AnswersAsync_WhenBuildctlCannotBeStarted_IsFalse() =>
        (await Probe(new FakeProcesses(_ => throw new System.ComponentModel.Win32Exception(11))).AnswersAsync(RunnerSamples.Build.Builder, Token)).ShouldBeFalse();

    [Fact]
    public async Task AnswersAsync_WhenNothingComesBack_IsFalseAfterTenSecondsAndEndsBuildctl()
    {
        var processes = new FakeProcesses(_ => { });
        var asking = Probe(processes).AnswersAsync(RunnerSamples.Build.Builder, Token);
        _time.Advance(TimeSpan.FromSeconds(9.9));
        asking.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.1));
        (await asking).ShouldBeFalse();
        processes.Started[0].Signals.ShouldBe(["KILL"]);
    }

    /// <summary>As buildctl 0.13 prints them.</summary>
    [Theory]
    [InlineData($"STARTED {Ref}\nCOMPLETE 3bv6os6jyxrrnahe84xzdu0sw\n", true)]
    [InlineData($"STARTED 3bv6os6jyxrrnahe84xzdu0sw\nCOMPLETE {Ref}\n", false)]
    [InlineData("", false)]
    public async Task IsSolvingAsync_WhenTheBuilderListsItsSolves_LooksForThisOne(string records, bool expected)
    {
        var processes = new FakeProcesses(process => process.Say(records).End(0));
        (await Probe(processes).IsSolvingAsync(RunnerSamples.Build.Builder, Ref, Token)).ShouldBe(expected);
        processes.Started[0].Command.Arguments.TakeLast(4).ShouldBe(["debug", "histories", "--format", "{{.Type}} {{.Record.Ref}}"]);
    }

    [Fact]
    public async Task IsSolvingAsync_WhenBuildctlFails_IsNotKnown() =>
        (await Probe(new FakeProcesses(process => process.End(1))).IsSolvingAsync(RunnerSamples.Build.Builder, Ref, Token)).ShouldBeNull();

    private BuilderProbe Probe(FakeProcesses processes) => new(processes, _time);
}
