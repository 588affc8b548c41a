using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;

namespace Slipway.Scheduling;

/// <summary>
/// What Jobs have told of builders outside the cluster. No pod shows how those are, and the operator dials nobody, so the builds
/// themselves find out.
/// </summary>
internal sealed class Circuits(IStore<V1Alpha1BuilderPool> definitions, IReconcileTrigger<V1Alpha1BuilderPool> pools, TimeProvider time)
{
    /// <summary>A pass that could not write its status tells of the same Job again.</summary>
    private const int CountedJobs = 1024;

    private readonly Lock _lock = new();
    private readonly Recent<string, bool> _counted = new(CountedJobs);

    // Those that are not closed, by uid of their builder.
    private readonly Dictionary<string, Circuit> _broken = [];

    /// <summary>The endpoints of a platform: ready where a build may be sent there, with room for one where it is to be seen whether it is back.</summary>
    public IReadOnlyList<Builder> Builders(V1Alpha1BuilderPool pool, PoolPlatform platform)
    {
        lock (_lock)
        {
            return [.. Endpoints.Of(pool, platform).Select(builder => Of(builder.Uid).At(time.GetUtcNow()) switch
            {
                CircuitState.Open => builder with { Ready = false },
                CircuitState.HalfOpen => builder with { Room = 1 },
                _ => builder,
            })];
        }
    }

    /// <summary>When a builder of the platform that takes no builds may be tried again.</summary>
    public DateTimeOffset? NextTry(NamespacedName pool, string platform)
    {
        lock (_lock)
        {
            return _broken.Values.Where(circuit => circuit.Pool == pool && circuit.Platform == platform && circuit.Breaker.At(time.GetUtcNow()) == CircuitState.Open)
                .Min(circuit => circuit.Breaker.OpenUntil);
        }
    }

    /// <summary>Wakes the pool where builds may now be sent elsewhere than before.</summary>
    public void Report(JobOutcome outcome)
    {
        if (!Exists(outcome.Pool, outcome.Platform, outcome.BuilderUid)) return;
        lock (_lock)
        {
            if (_counted.Get(outcome.JobUid)) return;
            _counted.Set(outcome.JobUid, true);
            var before = Of(outcome.BuilderUid);
            var after = before.After(outcome.Reached, time.GetUtcNow());
            if (after == before) return;
            ForgetRemoved();
            if (after == CircuitBreaker.Closed) _broken.Remove(outcome.BuilderUid);
            else _broken[outcome.BuilderUid] = new Circuit(outcome.Pool, outcome.Platform, after);
            pools.Enqueue(outcome.Pool);
        }
    }

    private CircuitBreaker Of(string builderUid) => _broken.TryGetValue(builderUid, out var circuit) ? circuit.Breaker : CircuitBreaker.Closed;

    private void ForgetRemoved()
    {
        foreach (var (uid, circuit) in _broken.ToList())
        {
            if (!Exists(circuit.Pool, circuit.Platform, uid)) _broken.Remove(uid);
        }
    }

    /// <summary>A builder that is a pod is none of these: its pod shows how it is.</summary>
    private bool Exists(NamespacedName pool, string platform, string builderUid) =>
        definitions.Get(pool) is { } definition
        && definition.Spec.Platforms.Where(candidate => candidate.Platform == platform)
            .SelectMany(candidate => Endpoints.Of(definition, candidate)).Any(builder => builder.Uid == builderUid);

    private sealed record Circuit(NamespacedName Pool, string Platform, CircuitBreaker Breaker);
}
