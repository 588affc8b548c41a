using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>
/// Moves tags, and never back: it looks at them when the run begins and again before each try to put them, and a tag that
/// somebody has moved meanwhile is theirs. Once the first tag is put the others follow, also when the run is told to end: half of them
/// would be worse than all or none.
/// </summary>
internal sealed class TagPublisher(RegistryClient registry, IReadOnlyList<string> tags, DateTimeOffset? until, TextWriter log, TimeProvider time)
{
    /// <summary>For the rest of the tags; the pod has 60 s in all.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);

    private readonly Dictionary<string, string?> _before = new(StringComparer.Ordinal);

    private static RunFailure TooLate => new()
    {
        Class = FailureClass.Infrastructure,
        Reason = FailureReasons.Interrupted,
        Message = "The pod slept past the time in which it may put tags: it put none after that.",
    };

    /// <summary>Where every tag points now.</summary>
    public async Task RememberAsync(CancellationToken token)
    {
        foreach (var tag in tags)
        {
            _before[tag] = await NowAsync(tag, token);
        }
    }

    /// <summary>Null once all tags point at the index; else the tag that somebody else has moved since the run began.</summary>
    public async Task<string?> PutAsync(ManifestBody index, CancellationToken token)
    {
        // By its digest, which harms nobody: where a tag is somebody else's, whoever decides about tags after this run has to find it.
        await registry.PutManifestAsync(index.Digest, index, token);
        foreach (var tag in tags)
        {
            if (await IsTheirsAsync(tag, await registry.HeadManifestAsync(tag, token), index))
            {
                return tag;
            }
        }

        token.ThrowIfCancellationRequested();
        using var grace = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        using var ending = token.Register(() => grace.CancelAfter(Grace));
        foreach (var tag in tags)
        {
            if (!await PutAsync(tag, index, grace.Token))
            {
                return tag;
            }
        }

        return null;
    }

    /// <summary>False where somebody else has moved it.</summary>
    private async Task<bool> PutAsync(string tag, ManifestBody index, CancellationToken token)
    {
        try
        {
            await InTimeAsync(late => registry.PutManifestAsync(tag, index, late, look => LookAsync(tag, look)), token);
        }
        catch (TagChangedException e)
        {
            if (await IsTheirsAsync(tag, e.Now, index))
            {
                return false;
            }

            // It is ours already: the answer to an earlier try was lost, or an earlier pod has put it.
        }

        var now = await registry.HeadManifestAsync(tag, token);
        if (now != index.Digest && now == _before.GetValueOrDefault(tag))
        {
            throw new RunFailureException(FailureClass.Registry, FailureReasons.ResultIncomplete, $"The registry took the tag {tag} and did not move it to {index.Digest}.");
        }

        await log.WriteLineAsync(now == index.Digest ? $"{tag} -> {index.Digest}" : $"{tag} -> {index.Digest}, and something else has moved it since");
        return true;
    }

    /// <summary>A busy registry is tried again for a minute, in which the tag may move and the time end.</summary>
    private async Task LookAsync(string tag, CancellationToken token)
    {
        var now = await registry.HeadManifestAsync(tag, token);
        if (now != _before.GetValueOrDefault(tag))
        {
            throw new TagChangedException(now);
        }

        // After the look, which may take long.
        if (time.GetUtcNow() >= until)
        {
            throw new RunFailureException(TooLate);
        }
    }

    /// <summary>By the wall clock, which goes on while a machine sleeps, and by a timer for the call itself.</summary>
    private async Task InTimeAsync(Func<CancellationToken, Task> put, CancellationToken token)
    {
        var left = until - time.GetUtcNow();
        if (left <= TimeSpan.Zero)
        {
            throw new RunFailureException(TooLate);
        }

        // What lies beyond a timer's reach is no limit.
        using var late = new CancellationTokenSource(left < TimeSpan.FromDays(7) ? left.Value : Timeout.InfiniteTimeSpan, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, late.Token);
        try
        {
            await put(either.Token);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            throw new RunFailureException(TooLate);
        }
    }

    private async Task<bool> IsTheirsAsync(string tag, string? now, ManifestBody index)
    {
        if (now == _before.GetValueOrDefault(tag) || now == index.Digest)
        {
            return false;
        }

        await log.WriteLineAsync($"{tag} pointed at {_before.GetValueOrDefault(tag) ?? "nothing"} when this run began and points at {now ?? "nothing"} now: it is left alone.");
        return true;
    }

    /// <summary>A repository that the first push will make is refused to readers by some registries: there is no tag in it.</summary>
    private async Task<string?> NowAsync(string tag, CancellationToken token)
    {
        try
        {
            return await registry.HeadManifestAsync(tag, token);
        }
        catch (RegistryException e) when (e.Fault is RegistryFault.Unauthorized or RegistryFault.Denied)
        {
            await log.WriteLineAsync($"registry: {e.Message}: {tag} counts as not there");
            return null;
        }
    }

    /// <summary>Ends the put of a tag that is no longer where it was when the run began.</summary>
    private sealed class TagChangedException(string? now) : Exception
    {
        public string? Now { get; } = now;
    }
}
