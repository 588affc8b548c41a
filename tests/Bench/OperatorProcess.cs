using System.Diagnostics;

namespace Slipway.Bench;

/// <summary>The operator as its image has it, in a process of its own, with the settings of Dockerfile and chart.</summary>
internal sealed class OperatorProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    /// <summary>
    /// The Dockerfile's, and what .NET makes of the chart's memory limit of 512Mi: three quarters of it for the heap.
    /// </summary>
    private static readonly string[] Environment = ["HOME=/tmp", "DOTNET_EnableDiagnostics=0", "MALLOC_ARENA_MAX=1", "DOTNET_GCHeapHardLimit=0x18000000"];

    private readonly LoopbackService _service;
    private readonly string _folder;
    private readonly int _port;
    private bool _stopped;

    private OperatorProcess(LoopbackService service, string folder, int port) => (_service, _folder, _port) = (service, folder, port);

    /// <summary>By <see cref="Stopwatch"/>.</summary>
    public long Started { get; } = Stopwatch.GetTimestamp();

    public int Id => _service.ProcessId;

    /// <summary>The publish that `make bench` makes.</summary>
    private static string Program => Repository.Path("artifacts", "bench", "app", "slipway");

    public static OperatorProcess Start(string kubeconfig)
    {
        var folder = Directory.CreateTempSubdirectory("slipway-operator-").FullName;
        var port = LocalApiServer.FreePort();
        var service = LoopbackService.Start(folder, "env", [.. Environment, Program, "operator", "--kubeconfig", kubeconfig,
            "--namespace", LocalApiServer.OperatorNamespace, "--runner-image", "slipway/slipway:bench", "--http-port", $"{port}"]);
        return new OperatorProcess(service, folder, port);
    }

    /// <summary>Its stores are filled.</summary>
    public async Task ReadyAsync()
    {
        using var http = new HttpClient();
        await _service.ReadyAsync(http, new Uri($"http://127.0.0.1:{_port}/readyz"), StartLimit);
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        using var process = Process.GetProcessById(Id);
        process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
    }

    /// <summary>SIGTERM, and until it has ended. Once is enough.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stopped) return;
        _stopped = true;
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
