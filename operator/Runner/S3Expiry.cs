using Slipway.S3;

namespace Slipway.Runner;

/// <summary>
/// Has the bucket itself make the cache go. Its list of rules is written as a whole, and nothing keeps two writers apart: whoever has
/// read it before our write puts back a list without our rules. So it is read again after a while, and written again if need be.
/// </summary>
internal sealed class S3Expiry(S3Bucket bucket, S3Retention retention, TimeSpan verifyAfter, TextWriter log, TimeProvider time)
{
    private const int MaxWrites = 3;

    /// <exception cref="S3Exception">Denied or NotImplemented too: then it has to be a sweep.</exception>
    public async Task<ExpiryResult> ApplyAsync(CancellationToken token)
    {
        var ours = S3Lifecycle.Rules(retention, await IsVersionedAsync(token));
        for (var writes = 0; ; writes++)
        {
            var read = await bucket.GetRulesAsync(token);
            var merge = S3Lifecycle.Merge(read.Rules, ours, retention);
            // A rule of somebody else that has gone meanwhile was taken away by them: it is not put back.
            if (!merge.Changed || (writes > 0 && S3Lifecycle.Holds(read.Rules, ours)))
            {
                await log.WriteLineAsync($"The bucket's rules are in place: manifests stay {retention.ManifestDays} days, blobs {retention.BlobDays}.");
                return Result(S3Lifecycle.Conflicts(read.Rules, retention)) with { Complete = true };
            }

            if (writes == MaxWrites)
            {
                return Result([$"other rules were written over those of this cache {MaxWrites} times", .. S3Lifecycle.Conflicts(read.Rules, retention)]);
            }

            await WriteAsync(read with { Rules = merge.Rules }, token);
            await Task.Delay(verifyAfter, time, token);
        }
    }

    private async Task WriteAsync(S3Rules rules, CancellationToken token)
    {
        if (rules.Rules.Count > S3Lifecycle.MaxRules)
        {
            throw new RunFailureException(FailureClass.Config, FailureReasons.CacheRulesTooMany, $"With the rules of this cache the bucket would have {rules.Rules.Count} of them, and it can have {S3Lifecycle.MaxRules}: remove some.");
        }

        await bucket.PutRulesAsync(rules, token);
        await log.WriteLineAsync($"Wrote the bucket's rules, {rules.Rules.Count} with those of others.");
    }

    private static ExpiryResult Result(IReadOnlyList<string> conflicts) => new() { Means = ExpiryResult.Lifecycle, Conflicts = conflicts };

    /// <summary>Where nobody says: a rule for versions that there are not does nothing, but a server without them may not know it.</summary>
    private async Task<bool> IsVersionedAsync(CancellationToken token)
    {
        try
        {
            return await bucket.IsVersionedAsync(token);
        }
        catch (S3Exception e) when (e.Fault is S3Fault.Denied or S3Fault.NotImplemented)
        {
            return e.Fault == S3Fault.Denied;
        }
    }
}
