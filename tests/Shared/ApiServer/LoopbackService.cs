using System.Diagnostics;
using System.Globalization;

namespace Slipway.Tests.ApiServer;

/// <summary>
/// A program of the cluster's cache that runs as long as the tests. A shell holds it: when this process ends, however it ends,
/// the shell's standard input ends, and the program with it.
/// </summary>
internal sealed class LoopbackService : IAsyncDisposable
{
    private const string Hold = """
        log=$1; shift; exec 3<&0 2>/dev/null
        "$@" </dev/null >"$log" 2>&1 & id=$!
        { read -r _ <&3; kill "$id"; } & wait "$id"
        """;
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10);

    private readonly Process _shell;
    private readonly string _name;
    private readonly string _log;

    private LoopbackService(Process shell, string name, string log)
    {
        _shell = shell;
        _name = name;
        _log = log;
    }

    /// <summary>The program's own, not the shell's. The shell's other child is what waits for the end.</summary>
    public int ProcessId => File.ReadAllText($"/proc/{_shell.Id}/task/{_shell.Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Select(id => int.Parse(id, CultureInfo.InvariantCulture)).First(id => File.ReadAllText($"/proc/{id}/comm").Trim() != "bash");

    public static LoopbackService Start(string folder, string program, params IEnumerable<string> arguments)
    {
        var name = Path.GetFileName(program);
        var log = Path.Combine(folder, $"{name}.log");
        var start = new ProcessStartInfo("bash", ["-c", Hold, "bash", log, program, .. arguments]) { RedirectStandardInput = true, WorkingDirectory = folder };
        return new LoopbackService(Process.Start(start) ?? throw new InvalidOperationException("bash did not start"), name, log);
    }

    /// <summary>Waits until the address answers with success; where it does not, the program's log says why.</summary>
    public async Task ReadyAsync(HttpClient http, Uri address, TimeSpan limit)
    {
        using var timeout = new CancellationTokenSource(limit);
        while (!await AnswersAsync(http, address, timeout.Token))
        {
            if (timeout.IsCancellationRequested || _shell.HasExited)
                throw new InvalidOperationException($"{_name} is not ready at {address} after {limit}. Its log ends with:\n{string.Join('\n', File.ReadLines(_log).TakeLast(20))}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, CancellationToken.None);
        }
    }

    /// <summary>SIGKILL: the program has no time to put anything in order.</summary>
    public async Task KillAsync()
    {
        _shell.Kill(entireProcessTree: true);
        await _shell.WaitForExitAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        _shell.StandardInput.Close();
        using var limit = new CancellationTokenSource(EndLimit);
        try
        {
            await _shell.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            await KillAsync();
        }

        _shell.Dispose();
    }

    private static async Task<bool> AnswersAsync(HttpClient http, Uri address, CancellationToken cancel)
    {
        try
        {
            using var response = await http.GetAsync(address, cancel);
            return response.IsSuccessStatusCode;
        }
        catch (Exception notYet) when (notYet is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }
}
