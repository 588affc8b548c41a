using System.Diagnostics;
using System.Runtime.Versioning;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

/// <summary>That what a step has started goes with it is the e2e tests' to see; here, that nothing else is touched.</summary>
[SupportedOSPlatform("linux")]
public sealed class StepRuntimeTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("slipway-runtime-");

    [Theory]
    [InlineData("--version")]
    [InlineData("--log /l --log-format json run --bundle /b --keep id", "x y", "")]
    [InlineData("--log /l --rootless true kill id 9")]
    [InlineData("delete id")]
    public async Task Script_WhateverItIsCalledWith_PassesItOnAsItIs(string plain, params string[] odd)
    {
        string[] arguments = [.. plain.Split(' '), .. odd];

        (await RunAsync(pid: 0, exitCode: 7, arguments)).ShouldBe((7, string.Join('\n', arguments.Select(argument => $"[{argument}]"))));
    }

    // Those of a container that has no mounts of its own would be everybody's.
    [Fact]
    public async Task Script_WhenTheContainerHasNoNamespaceOfItsOwn_KillsNothing()
    {
        using var bystander = Process.Start(new ProcessStartInfo("sleep") { ArgumentList = { "60" } })!;

        await RunAsync(bystander.Id, exitCode: 0, "--log", "/l", "kill", "id", "9");

        bystander.HasExited.ShouldBeFalse();
        bystander.Kill();
    }

    // On a machine that is busy a look at each of its processes took longer than buildkitd waits, and a step's child slept on.
    [Fact]
    public async Task Script_AfterAKill_EndsTheChildrenInAFewLooksAtAllProcesses()
    {
        Program("readlink", $"#!/bin/sh\necho look >>{_folder.FullName}/looks\nexec /usr/bin/readlink \"$@\"\n");
        Program("ls", $"#!/bin/sh\necho look >>{_folder.FullName}/looks\nexec /bin/ls \"$@\"\n");
        var start = new ProcessStartInfo("unshare") { RedirectStandardOutput = true };
        foreach (var argument in (string[])["--user", "--map-root-user", "--mount", "sh", "-c", "sleep 300 & echo $!; wait"]) start.ArgumentList.Add(argument);
        using var step = Process.Start(start)!;
        using var child = Process.GetProcessById(int.Parse((await step.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken))!, System.Globalization.CultureInfo.InvariantCulture));

        await RunAsync(step.Id, exitCode: 0, "--log", "/l", "kill", "id", "9");

        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        await step.WaitForExitAsync(TestContext.Current.CancellationToken);
        File.ReadAllLines(Path.Combine(_folder.FullName, "looks")).Length.ShouldBeLessThan(10);
    }

    [Fact]
    public async Task Script_BeforeAKill_AsksForTheContainerWithTheSameOptions()
    {
        await RunAsync(pid: 0, exitCode: 0, "--root", "/r", "--log", "/l", "kill", "--all", "id", "9");

        File.ReadAllText(Path.Combine(_folder.FullName, "asked")).Trim().ShouldBe("--root /r --log /l state id");
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>With a runc that answers "state" with that process, and prints what else it is called with.</summary>
    private async Task<(int ExitCode, string Output)> RunAsync(int pid, int exitCode, params string[] arguments)
    {
        Program("runc", $$"""
            #!/bin/sh
            case " $* " in *" state "*) echo "$*" >"{{_folder.FullName}}/asked"; printf '{\n  "id": "id",\n  "pid": {{pid}},\n  "status": "running"\n}\n'; exit 0 ;; esac
            for argument; do echo "[$argument]"; done
            exit {{exitCode}}
            """);
        Program(StepRuntime.File, StepRuntime.Script);
        var start = new ProcessStartInfo(Path.Combine(_folder.FullName, StepRuntime.File)) { RedirectStandardOutput = true };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["PATH"] = $"{_folder.FullName}:/usr/bin:/bin";
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output.TrimEnd('\n'));
    }

    private void Program(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
