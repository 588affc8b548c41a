namespace Slipway.Runner;

/// <summary>
/// Waits for a solve to end on the builder, not only for buildctl: buildctl gives up waiting for it a few seconds after it
/// was interrupted, and whoever ended the build is told that it is over once this pod is gone.
/// </summary>
internal sealed class SolveEnd(IBuilderProbe probe, TextWriter log, TimeProvider time)
{
    /// <summary>Together with buildctl's own grace within the pod's 60 s.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <param name="builder">Where the solve runs.</param>
    /// <param name="refFile">Written by buildctl as it ends. Where it was killed there is none: then its connection is gone, and the builder ends the solve by itself.</param>
    public async Task WaitAsync(BuilderEndpoint builder, string refFile)
    {
        if (!File.Exists(refFile))
        {
            return;
        }

        var reference = (await File.ReadAllTextAsync(refFile)).Trim();
        using var limit = new CancellationTokenSource(Limit, time);
        try
        {
            bool? solving;
            while ((solving = await probe.IsSolvingAsync(builder, reference, limit.Token)) is true)
            {
                await Task.Delay(Period, time, limit.Token);
            }

            await log.WriteLineAsync(solving is null ? $"{builder.Name} does not say whether the solve has ended." : $"The solve has ended on {builder.Name}.");
        }
        catch (OperationCanceledException)
        {
            await log.WriteLineAsync($"The solve has not ended on {builder.Name} in {Limit.TotalSeconds} s.");
        }
    }
}
