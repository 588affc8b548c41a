namespace Slipway.Tests.Integration;

/// <summary>What the cluster's scripts do where the machine lacks a program, with an apt-get that only writes down what it was told.</summary>
public sealed class HostPackagesTests
{
    [Fact]
    public async Task HostNeeds_WhenNothingWasEverCached_InstallsWhatIsMissing()
    {
        var folder = Directory.CreateTempSubdirectory("slipway-host-").FullName;
        try
        {
            var aptGet = Path.Combine(folder, "apt-get");
            await File.WriteAllTextAsync(aptGet, $"#!/bin/sh\necho \"$@\" >>'{folder}/told'\n", TestContext.Current.CancellationToken);
            await Tools.RunAsync("chmod", "+x", aptGet);

            var (code, output, error) = await Tools.RunAsync(
                "env", $"SLIPWAY_CACHE={folder}/cache", $"PATH={folder}:{Environment.GetEnvironmentVariable("PATH")}",
                "bash", "-c", "source tests/cluster/lib.sh; host_needs bash no-such-program:its-package /no/such/file:another");

            code.ShouldBe(0, output + error);
            var told = await File.ReadAllLinesAsync(Path.Combine(folder, "told"), TestContext.Current.CancellationToken);
            told.Length.ShouldBe(2);
            told[0].ShouldEndWith(" update");
            told[1].ShouldEndWith(" install -y --no-install-recommends its-package another");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
