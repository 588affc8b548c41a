using System.Globalization;
using System.Text.RegularExpressions;
using k8s.Models;

namespace Slipway.Tests.E2E.Faults;

/// <summary>
/// Drops every packet from and to a pod, without a word to either end: that of a machine that lost power. The chain is called as those
/// that the local cluster removes when it goes down, should the test not come to its end.
/// </summary>
internal sealed partial class Packets : IAsyncDisposable
{
    private static readonly string[] Ways = ["FORWARD", "INPUT", "OUTPUT"];

    private readonly string _chain = $"SLIPWAY-E2E-{Guid.NewGuid():N}"[..24];
    private readonly string _address;

    private Packets(string address) => _address = address;

    /// <summary>From now until it is disposed of.</summary>
    public static async Task<Packets> DropAsync(V1Pod pod)
    {
        var packets = new Packets(pod.Status.PodIP ?? throw new ArgumentException($"Pod {pod.Metadata.Name} has no address.", nameof(pod)));
        await IptablesAsync("-N", packets._chain);
        await IptablesAsync("-A", packets._chain, "-s", packets._address, "-j", "DROP");
        await IptablesAsync("-A", packets._chain, "-d", packets._address, "-j", "DROP");
        foreach (var way in Ways) await IptablesAsync("-I", way, "-j", packets._chain);
        return packets;
    }

    /// <summary>The kernel's own count of what it dropped, a line for each direction.</summary>
    public Task<string> CountersAsync() => IptablesAsync("-n", "-v", "-x", "-L", _chain);

    /// <summary>How many of the pod's packets were dropped, by the kernel's count.</summary>
    public async Task<long> DroppedAsync() =>
        Counter().Matches(await CountersAsync()).Sum(line => long.Parse(line.Groups[1].ValueSpan, CultureInfo.InvariantCulture));

    public async ValueTask DisposeAsync()
    {
        foreach (var way in Ways) await IptablesAsync("-D", way, "-j", _chain);
        await IptablesAsync("-F", _chain);
        await IptablesAsync("-X", _chain);
    }

    private static Task<string> IptablesAsync(params string[] arguments) => Shell.RunAsync("iptables", ["-w", .. arguments]);

    [GeneratedRegex(@"^ *(\d+) +\d+ +DROP ", RegexOptions.Multiline)]
    private static partial Regex Counter();
}
