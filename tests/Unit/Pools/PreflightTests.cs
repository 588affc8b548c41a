using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using k8s.Models;
using Slipway.Pools;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Pools;

[SupportedOSPlatform("linux")]
public sealed class PreflightTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("slipway-preflight-");

    [Fact]
    public async Task Script_WhenBuildkitdAnswers_LeavesFactsThatTheOperatorReads()
    {
        var facts = await RunAsync("echo 'buildkitd github.com/moby/buildkit v0.32.2 abcdef'");

        facts!.Version.ShouldBe("v0.32.2");
        facts.MaxUserNamespaces.ShouldBe(127);
        facts.ApparmorRestrictsUserNamespaces.ShouldBe(true);
    }

    [Theory]
    [InlineData("exit 1")]
    [InlineData("echo")]
    public async Task Script_WhenBuildkitdSaysNothing_FailsNothingAndLeavesTheRest(string buildkitd)
    {
        var facts = await RunAsync(buildkitd);

        facts!.Version.ShouldBeNull();
        facts.MaxUserNamespaces.ShouldBe(127);
    }

    [Fact]
    public async Task Script_WhenVersionTriesToBreakOut_LeavesJsonAllTheSame()
    {
        var facts = await RunAsync("""echo 'buildkitd x v1","version":"$(touch /tmp/x)" y'""");

        facts!.Version!.ShouldStartWith("v1");
        facts.Version.ShouldAllBe(character => char.IsLetterOrDigit(character) || character == '.');
    }

    [Fact]
    public async Task Script_WhenKernelHasNoSuchSwitch_LeavesNull()
    {
        var facts = await RunAsync("exit 1", withKernel: false);

        facts!.MaxUserNamespaces.ShouldBeNull();
        facts.ApparmorRestrictsUserNamespaces.ShouldBeNull();
    }

    [Fact]
    public async Task Script_WithoutArguments_SaysNothingOfEmulation() => (await RunAsync("exit 1"))!.Emulates.ShouldBeNull();

    // This machine's own programs run on it, as those of another would with an emulator.
    [Fact]
    public async Task Script_WhenTheProgramRuns_EmulatesAndLeavesNothingBehind()
    {
        var own = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64";

        (await RunAsync("exit 1", arguments: EmulationProbe.Arguments(own)))!.Emulates.ShouldBe(true);
        _folder.GetDirectories("tmp").Single().GetFileSystemInfos().ShouldBeEmpty();
    }

    /// <summary>A shell that cannot execute a file may take it for a script.</summary>
    [Fact]
    public async Task Script_WhenNothingRunsTheProgram_DoesNotEmulateAndLeavesNothingBehind()
    {
        // No kernel knows this machine.
        var strange = EmulationProbe.Arguments("amd64")[1].Replace("\\002\\000\\076\\000", "\\002\\000\\376\\376", StringComparison.Ordinal);
        strange.ShouldNotBe(EmulationProbe.Arguments("amd64")[1]);

        (await RunAsync("exit 1", arguments: ["strange", strange]))!.Emulates.ShouldBe(false);
        _folder.GetDirectories("tmp").Single().GetFileSystemInfos().ShouldBeEmpty();
    }

    // buildkitd runs that one itself; the node needs nothing.
    [Fact]
    public async Task Script_WhenTheImageBringsAnEmulator_Emulates()
    {
        Directory.CreateDirectory($"{_folder.FullName}/bin");
        var emulator = $"{_folder.FullName}/bin/buildkit-qemu-strange";
        await File.WriteAllTextAsync(emulator, "", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(emulator, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        (await RunAsync("exit 1", arguments: ["strange", "no program"]))!.Emulates.ShouldBe(true);
    }

    // Of an architecture whose programs nobody here can write, nothing is said against the node.
    [Fact]
    public async Task Script_WhenThereIsNoProgramToTry_SaysNothing() =>
        (await RunAsync("exit 1", arguments: EmulationProbe.Arguments("mips64le")))!.Emulates.ShouldBeNull();

    [Theory]
    [InlineData("amd64", "x86_64", 129)]
    [InlineData("386", "i386", 93)]
    [InlineData("arm64", "aarch64", 132)]
    [InlineData("arm", "arm", 96)]
    [InlineData("riscv64", "riscv64", 132)]
    [InlineData("ppc64le", "ppc64le", 132)]
    [InlineData("s390x", "s390x", 126)]
    public void EmulationProbe_OfAnArchitecture_IsAnElfFileThatQemuKnowsByName(string architecture, string qemu, int bytes)
    {
        var arguments = EmulationProbe.Arguments(architecture);

        arguments[0].ShouldBe(qemu);
        arguments[1].ShouldStartWith("\\177\\105\\114\\106");
        arguments[1].Split('\\').Length.ShouldBe(bytes + 1);
    }

    public void Dispose() => _folder.Delete(true);

    /// <summary>The script with its paths bent into a folder of the test's own.</summary>
    private async Task<BuilderFacts?> RunAsync(string buildkitd, bool withKernel = true, IReadOnlyList<string>? arguments = null)
    {
        var token = TestContext.Current.CancellationToken;
        var root = _folder.FullName;
        Directory.CreateDirectory($"{root}/bin");
        await File.WriteAllTextAsync($"{root}/bin/buildkitd", "#!/bin/sh\n" + buildkitd + "\n", token);
        File.SetUnixFileMode($"{root}/bin/buildkitd", UnixFileMode.UserRead | UnixFileMode.UserExecute);
        if (withKernel)
        {
            await File.WriteAllTextAsync($"{root}/namespaces", "127\n", token);
            await File.WriteAllTextAsync($"{root}/apparmor", "1\n", token);
        }

        // As fsGroup leaves the volume's own folder.
        var volume = Directory.CreateDirectory($"{root}/volume");
        volume.UnixFileMode |= UnixFileMode.SetGroup;
        var script = Preflight.Script.Replace(BuilderPaths.State, $"{root}/volume").Replace(Preflight.Report, $"{root}/report")
            .Replace("/proc/sys/user/max_user_namespaces", $"{root}/namespaces")
            .Replace("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", $"{root}/apparmor");
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", script, .. arguments is null ? Array.Empty<string>() : [Preflight.ContainerName, .. arguments]])
        {
            WorkingDirectory = Directory.CreateDirectory($"{root}/tmp").FullName,
            Environment = { ["PATH"] = $"{root}/bin:/usr/bin:/bin", ["TMPDIR"] = $"{root}/tmp" },
        })!;
        await process.WaitForExitAsync(token);

        process.ExitCode.ShouldBe(0);
        new DirectoryInfo($"{root}/volume/state").UnixFileMode.ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return BuilderFacts.From(Reporting(await File.ReadAllTextAsync($"{root}/report", token)));
    }

    private static V1Pod Reporting(string message) => new()
    {
        Status = new V1PodStatus
        {
            InitContainerStatuses =
            [
                new V1ContainerStatus
                {
                    Name = Preflight.ContainerName, Image = "", ImageID = "",
                    State = new V1ContainerState { Terminated = new V1ContainerStateTerminated { Message = message } },
                },
            ],
        },
    };
}
