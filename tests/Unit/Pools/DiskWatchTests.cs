using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Slipway.Pools;
using Slipway.Tests.Unit.Kube;

namespace Slipway.Tests.Unit.Pools;

[SupportedOSPlatform("linux")]
public sealed class DiskWatchTests : IDisposable
{
    private const int SigTerm = 15;
    private const string Gnu = "Filesystem 1024-blocks Used Available Capacity Mounted on";
    private const string GnuInodes = "Filesystem Inodes IUsed IFree IUse% Mounted on";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("slipway-disk-");

    public void Dispose() => _folder.Delete(true);

    [Theory]
    [InlineData("/dev/sdb 1000000 500000 500000 50% /state", "/dev/sdb 1000 10 990 1% /state", null)]
    [InlineData("/dev/sdb 1000000 949999 50001 95% /state", "/dev/sdb 1000 10 990 1% /state", null)]
    [InlineData("/dev/sdb 1000000 950001 49999 96% /state", "/dev/sdb 1000 10 990 1% /state", "bytes")]
    [InlineData("/dev/sdb 1000000 1000000 0 100% /state", "/dev/sdb 1000 10 990 1% /state", "bytes")]
    [InlineData("/dev/sdb 1000000 500000 500000 50% /state", "/dev/sdb 1000 951 49 96% /state", "inodes")]
    public async Task Probe_WhenLittleIsFree_FailsAndSaysOfWhat(string bytes, string inodes, string? lack)
    {
        var (exit, text) = await ProbeAsync($"{Gnu}\n{bytes}", $"{GnuInodes}\n{inodes}");

        exit.ShouldBe(lack is null ? 0 : 1);
        text.ShouldBe(lack is null ? "" : $"Less than 5 % of the {lack} are free.\n");
    }

    [Theory]
    [InlineData("/dev/sdb 0 0 0 - /state")]
    [InlineData("/dev/sdb - - - - /state")]
    [InlineData("/dev/sdb 0 0 0 0% /state")]
    public async Task Probe_WhenFileSystemHasNoInodes_LacksNone(string inodes) =>
        (await ProbeAsync($"{Gnu}\n/dev/sdb 100 50 50 50% /state", $"{GnuInodes}\n{inodes}")).Exit.ShouldBe(0);

    [Fact]
    public async Task Probe_WhenDeviceHasSpacesInItsName_CountsTheColumnsFromTheRight() =>
        (await ProbeAsync($"{Gnu}\n//nas/build cache 100 99 1 99% /state", $"{GnuInodes}\n//nas/build cache 100 1 99 1% /state")).Exit.ShouldBe(1);

    [Fact]
    public async Task Probe_WhenRootsShareIsKeptBack_CountsWhatIsLeftForBuildkitd() =>
        (await ProbeAsync($"{Gnu}\n/dev/sdb 1000 940 10 99% /state", $"{GnuInodes}\n/dev/sdb 100 1 99 1% /state")).Exit.ShouldBe(1);

    [Fact]
    public async Task Probe_WhenDfFails_TakesNoBuilderAway() =>
        (await RunAsync("#!/bin/sh\nexit 1\n")).Exit.ShouldBe(0);

    [Fact]
    public async Task Probe_WhenTheRealDfAnswers_ReadsIt()
    {
        var (exit, _) = await RunAsync(df: null, BuilderPaths.State, "/proc");

        exit.ShouldBe(0, "it is a file system of no size");
    }

    [Fact]
    public async Task Script_WhenToldToEnd_EndsAtOnceAndLeavesNothingBehind()
    {
        var token = TestContext.Current.CancellationToken;
        // Its sleep says when it is there: a child that was forked a moment ago still has its parent's trap, and would lose the signal.
        var script = DiskWatch.Script.Replace("sleep 3600 &", "sh -c 'echo waiting; exec sleep 3600' &", StringComparison.Ordinal);
        script.ShouldNotBe(DiskWatch.Script);
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", script]) { RedirectStandardOutput = true })!;
        (await process.StandardOutput.ReadLineAsync(token)).ShouldBe("waiting");

        Native.Kill(process.Id, SigTerm).ShouldBe(0);

        await process.WaitForExitAsync(token).Soon();
        process.ExitCode.ShouldBe(0);
        // The sleep holds the other end of the pipe: this would not end before it.
        (await process.StandardOutput.ReadToEndAsync(token).Soon()).ShouldBeEmpty();
    }

    private Task<(int Exit, string Text)> ProbeAsync(string bytes, string inodes) =>
        RunAsync($"#!/bin/sh\n[ \"$1\" = -P ] || exit 2\ncase $2 in\n-k) echo '{bytes}' ;;\n-i) echo '{inodes}' ;;\nesac\n");

    private async Task<(int Exit, string Text)> RunAsync(string? df, string state = BuilderPaths.State, string place = BuilderPaths.State)
    {
        var token = TestContext.Current.CancellationToken;
        if (df is not null)
        {
            await File.WriteAllTextAsync($"{_folder.FullName}/df", df, token);
            File.SetUnixFileMode($"{_folder.FullName}/df", UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", DiskWatch.Probe.Replace(state, place, StringComparison.Ordinal)])
        {
            RedirectStandardOutput = true,
            Environment = { ["PATH"] = $"{_folder.FullName}:/usr/bin:/bin" },
        })!;
        var text = await process.StandardOutput.ReadToEndAsync(token);
        await process.WaitForExitAsync(token);
        return (process.ExitCode, text);
    }

    private static class Native
    {
        [DllImport("libc", EntryPoint = "kill")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Kill(int pid, int signal);
    }
}
