using k8s;

namespace Slipway.Tests.E2E;

internal static class Wait
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>Looks until it is so, at most <paramref name="limit"/>; the failure says what was there instead.</summary>
    public static async Task<T> UntilAsync<T>(string what, TimeSpan limit, Func<Task<T>> look, Func<T, bool> isSo, TimeSpan? pause = null)
    {
        using var timeout = new CancellationTokenSource(limit);
        while (true)
        {
            var seen = await look();
            if (isSo(seen)) return seen;
            try
            {
                await Task.Delay(pause ?? Pause, TimeProvider.System, timeout.Token);
            }
            catch (OperationCanceledException)
            {
                throw new InvalidOperationException($"Not so within {limit}: {what}. Last seen:\n{KubernetesYaml.Serialize(seen)}");
            }
        }
    }
}
