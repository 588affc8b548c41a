using System.Diagnostics;

namespace Slipway.Tests.ApiServer;

/// <summary>helm and kubectl of the local cluster's cache; they need no cluster.</summary>
internal static class Tools
{
    private const string Fetch = "source tests/cluster/lib.sh; \"$CLUSTER_SCRIPTS/build/kubectl-helm.sh\" >&2; artifact_path kubectl-helm";

    private static readonly Lazy<Task<string>> Folder = new(async () =>
    {
        var (code, output, error) = await RunAsync("bash", "-c", Fetch);
        return code == 0 ? output.Trim() : throw new InvalidOperationException($"helm and kubectl cannot be had: {error}");
    });

    public static async Task<(int ExitCode, string Output, string Error)> HelmAsync(params string[] arguments) =>
        await RunAsync(Path.Combine(await Folder.Value, "helm"), arguments);

    public static async Task<(int ExitCode, string Output, string Error)> KubectlAsync(params string[] arguments) =>
        await RunAsync(Path.Combine(await Folder.Value, "kubectl"), arguments);

    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }) ?? throw new InvalidOperationException($"{program} did not start");
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        await process.WaitForExitAsync(CancellationToken.None);
        return (process.ExitCode, await output, await error);
    }
}
