using System.Diagnostics;
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

    public void Dispose() => _folder.Delete(true);

    /// <summary>The script with its paths bent into a folder of the test's own.</summary>
    private async Task<BuilderFacts?> RunAsync(string buildkitd, bool withKernel = true)
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
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", script]) { Environment = { ["PATH"] = $"{root}/bin:/usr/bin:/bin" } })!;
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
