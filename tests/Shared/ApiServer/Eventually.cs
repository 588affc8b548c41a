using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using k8s;

namespace Slipway.Tests.ApiServer;

internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Looks until it is so; the failure says what was there instead.</summary>
    public static async Task<T> SoAsync<T>(string what, Func<Task<T>> look, Func<T, bool> isSo)
    {
        using var timeout = new CancellationTokenSource(Limit);
        while (true)
        {
            var seen = await look();
            if (isSo(seen)) return seen;
            if (timeout.IsCancellationRequested) throw new InvalidOperationException($"Not so within {Limit}: {what}. Last seen: {KubernetesJson.Serialize(seen, Readable)}");
            await Task.Delay(Pause, TimeProvider.System, CancellationToken.None);
        }
    }

    /// <summary>The client library's own options know their own types alone, and the failure would be that.</summary>
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, TypeInfoResolver = new DefaultJsonTypeInfoResolver() };
}
