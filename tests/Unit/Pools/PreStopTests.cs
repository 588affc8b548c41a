using System.Diagnostics;
using System.Runtime.Versioning;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

[SupportedOSPlatform("linux")]
public sealed class PreStopTests : IDisposable
{
    private const string Header = "TYPE\tREF\tCREATED\tCOMPLETED\tGENERATION\tPINNED";
    private const string Started = Header + "\nSTARTED\tabc\t2026-03-01T12:00:00Z\t\t0\t";
    private const string Complete = Header + "\nCOMPLETE\tabc\t2026-03-01T12:00:00Z\t2026-03-01T12:01:00Z\t1\t";
    private const string Established = "  0: 00000000:04D2 0100007F:A2F4 01 00000000:00000000 00:00000000 00000000  1000";
    private const string Listening = "  0: 00000000:04D2 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000";
    private const string OutOfThere = "  0: 0100007F:A2F4 0200007F:04D2 01 00000000:00000000 00:00000000 00000000  1000";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("slipway-prestop-");

    [Fact]
    public async Task Script_WhenNoSolveIsActive_EndsAfterFiveQuietSeconds() => (await SecondsAsync([Complete])).ShouldBe(5);

    [Fact]
    public async Task Script_WhenSolvesRun_WaitsForTheLastOfThem() => (await SecondsAsync([Started, Started, Started, Complete])).ShouldBe(8);

    // A Job that was started a moment ago is still on its way.
    [Fact]
    public async Task Script_WhenASolveStartsInTheQuietSeconds_CountsThemAnew() =>
        (await SecondsAsync([Complete, Complete, Complete, Complete, Started, Complete])).ShouldBe(10);

    [Fact]
    public async Task Script_WhenDaemonIsGone_EndsAfterFiveSeconds() => (await SecondsAsync(["FAIL"], Listening)).ShouldBe(5);

    [Fact]
    public async Task Script_WhenDaemonDoesNotAnswerForAMoment_WaitsForTheSolveAllTheSame() =>
        (await SecondsAsync([Started, "FAIL", "FAIL", Started, Complete])).ShouldBe(9);

    [Fact]
    public async Task Script_WhenBuildctlKnowsNoHistory_WaitsForConnections() =>
        (await SecondsAsync(["FAIL"], Established, Established, OutOfThere)).ShouldBe(7);

    public void Dispose() => _folder.Delete(true);

    /// <summary>
    /// How many seconds the script slept, with a buildctl that says one thing each second and a kernel that shows one connection; the
    /// last of each stays.
    /// </summary>
    private async Task<int> SecondsAsync(string[] answers, params string[] connections)
    {
        var token = TestContext.Current.CancellationToken;
        var root = _folder.FullName;
        Directory.CreateDirectory($"{root}/bin");
        await FilesAsync("answer", answers);
        await FilesAsync("tcp", connections.Length > 0 ? connections : [""]);
        await ProgramAsync("buildctl", $"""[ "$1" = --addr ] && [ "$4" = histories ] || exit 9; cat {root}/answer; ! grep -q FAIL {root}/answer""");
        await ProgramAsync("sleep", $"""
            echo >> {root}/seconds
            next=$(wc -l < {root}/seconds)
            for kind in answer tcp; do if [ -e "{root}/$kind.$next" ]; then cp "{root}/$kind.$next" "{root}/$kind"; fi; done
            """);

        var script = PreStop.Script.Replace("/proc/net/tcp6", $"{root}/none").Replace("/proc/net/tcp", $"{root}/tcp");
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", script]) { Environment = { ["PATH"] = $"{root}/bin:/usr/bin:/bin" } })!;
        await process.WaitForExitAsync(token);

        process.ExitCode.ShouldBe(0);
        return (await File.ReadAllLinesAsync($"{root}/seconds", token)).Length;
    }

    private async Task FilesAsync(string kind, string[] contents)
    {
        await File.WriteAllTextAsync($"{_folder.FullName}/{kind}", contents[0] + "\n", TestContext.Current.CancellationToken);
        for (var second = 1; second < contents.Length; second++)
            await File.WriteAllTextAsync($"{_folder.FullName}/{kind}.{second}", contents[second] + "\n", TestContext.Current.CancellationToken);
    }

    private async Task ProgramAsync(string name, string body)
    {
        var path = $"{_folder.FullName}/bin/{name}";
        await File.WriteAllTextAsync(path, "#!/bin/sh\n" + body + "\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }
}
