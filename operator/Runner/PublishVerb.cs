namespace Slipway.Runner;

/// <summary>slipway publish: one index of all platforms, checked, tagged last.</summary>
internal sealed class PublishVerb(TextWriter log, TimeProvider time)
{
    public Task<RunResult> RunAsync(PublishDescription publish, CancellationToken interrupted) => RunReport.OfAsync(
        async report =>
        {
            using var registry = RunnerRegistry.Connect(publish.Output, RunnerRegistry.Config(publish.Output), time);
            using var deadline = new Deadline(TimeSpan.FromSeconds(publish.TimeoutSeconds), time, interrupted);
            await deadline.GuardAsync(() => RunnerRegistry.GuardAsync(publish.Output, log, async () =>
            {
                var tags = new TagPublisher(registry, publish.Output.Tags, publish.TagsUntil, log, time);
                await tags.RememberAsync(deadline.Token);
                var publisher = new IndexPublisher(registry);
                var (index, contents) = await publisher.AssembleAsync(
                    [.. publish.Platforms.Select(platform => platform.Digest)],
                    IndexPublisher.Expectation([.. publish.Platforms.Select(platform => platform.Platform)], publish.Attestations),
                    deadline.Token);
                report.Result = report.Result with { IndexDigest = index.Digest, Attestations = IndexPublisher.Attestations(contents) };
                if (await tags.PutAsync(index, deadline.Token) is { } moved)
                {
                    throw new RunFailureException(FailureClass.Registry, FailureReasons.TagMoved, $"Something else moved the tag {moved} of {publish.Output.Image} while this was being published: it is left alone.");
                }

                report.Result = report.Result with { Published = true };
            }));
        },
        log,
        time);
}
