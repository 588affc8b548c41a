using Slipway.Api;

namespace Slipway.Builds;

/// <summary>
/// Of builds with a tag in common one publishes at a time. Whose Job every store shows is known without this; it remembers the moments
/// before.
/// </summary>
internal sealed class TagTurns(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Turn> _turns = new(StringComparer.Ordinal);

    /// <summary>Null where the build may create its publish Job now, and the name of the build that is before it where not.</summary>
    public string? TakenBy(V1Alpha1ImageBuild build)
    {
        var (tags, now) = (Rivals.TagsOf(build).ToList(), time.GetUtcNow());
        var mine = new Turn(build.Metadata.Uid, build.Metadata.Name, BuildKey.Of(build.Spec), now + JobResult.StoreLag);
        lock (_lock)
        {
            foreach (var (tag, turn) in _turns.Where(entry => entry.Value.Until <= now).ToList()) _turns.Remove(tag);
            if (tags.Select(tag => _turns.GetValueOrDefault(tag)).FirstOrDefault(turn => turn is not null && turn.Uid != build.Metadata.Uid) is { } other) return other.Name;
            foreach (var tag in tags) _turns[tag] = mine;
            return null;
        }
    }

    /// <summary>Whether the build has a turn as its spec is now, so that its publish Job is there, whatever store and status show.</summary>
    public bool IsHeldBy(V1Alpha1ImageBuild build)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            return _turns.Values.FirstOrDefault(turn => turn.Uid == build.Metadata.Uid && turn.Until > now)?.BuildKey is { } key && key == BuildKey.Of(build.Spec);
        }
    }

    /// <summary>The build has ended, or its publish Job was refused.</summary>
    public void Leave(V1Alpha1ImageBuild build)
    {
        lock (_lock)
        {
            foreach (var (tag, turn) in _turns.Where(entry => entry.Value.Uid == build.Metadata.Uid).ToList()) _turns.Remove(tag);
        }
    }

    private sealed record Turn(string Uid, string Name, string BuildKey, DateTimeOffset Until);
}
