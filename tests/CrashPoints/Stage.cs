using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Runner;

namespace Slipway.Tests.CrashPoints;

/// <summary>What became of a run.</summary>
internal sealed record Run
{
    /// <summary>The world at the scenario's moments.</summary>
    public required IReadOnlyDictionary<string, string> Moments { get; init; }

    /// <summary>What the operator wrote, as the API server saw it.</summary>
    public required IReadOnlyList<AuditEntry> Writes { get; init; }

    /// <summary>Every Job that was created, as often as it was.</summary>
    public required IReadOnlyList<string> Jobs { get; init; }

    public required IReadOnlyList<string> Pushes { get; init; }

    public required IReadOnlyList<string> Events { get; init; }
}

/// <summary>Another end than without the crash.</summary>
internal sealed class DifferenceException(string message) : Exception(message);

/// <summary>Where a scenario is played: a story with its operator, and the undisturbed run that it is held against.</summary>
internal sealed class Stage(LocalApiServer server, Story story, Mask mask, IMortalOperator mortal, Run? undisturbed)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Dictionary<string, string> _moments = [];
    private readonly PlayedRegistry _registry = new(mask);
    private readonly long _mark = server.Audit.Mark();

    public Story Story => story;

    public ClusterPlayer Player => story.Player;

    public Task StartOperatorAsync() => mortal.StartAsync();

    /// <summary>A pool that is Ready.</summary>
    public async Task FarmAsync() => await FarmAsync(await story.CreatePoolAsync());

    /// <summary>Waits until that is Ready.</summary>
    public async Task FarmAsync(V1Alpha1BuilderPool pool)
    {
        await PoolAsync("is looked at", seen => seen.Status?.ObservedGeneration == 1);
        await Player.StartBuildersAsync(pool);
        await story.ReadyPoolAsync();
    }

    public Task<V1Alpha1BuilderPool> PoolAsync(string what, Func<V1Alpha1BuilderPool, bool> isSo) =>
        Eventually.SoAsync($"the pool {what}", () => story.Client.GetAsync<V1Alpha1BuilderPool>(new(story.Builders, "farm"), default), isSo);

    public Task<V1Alpha1BuilderPool> EditPoolAsync(JsonObject spec) =>
        story.Client.PatchAsync<V1Alpha1BuilderPool>(new(story.Builders, "farm"), new JsonObject { ["spec"] = spec }, default);

    /// <summary>
    /// The pool's spec changes, and its only builder comes back as another pod. Not before status tells that there was none: whether it does
    /// would else be a matter of time.
    /// </summary>
    public async Task RollAsync(JsonObject spec)
    {
        var pool = await EditPoolAsync(spec);
        await CollectUntilAsync("its builder is gone", async () =>
        {
            await Player.AdoptBuildersAsync(pool);
            return (await Player.ListAsync<V1Pod>(story.Builders)).Count == 0;
        });
        await PoolAsync("misses its builder", seen => !seen.Status!.Conditions.IsTrue(Conditions.Ready));
        await Player.StartBuildersAsync(pool);
    }

    /// <summary>A Job from its appearance to its end. Waits for what status makes of both, so that each run has the same steps.</summary>
    public async Task RunAsync(V1Alpha1ImageBuild build, string role, RunResult result, string? platform = null)
    {
        await RunAsync(await Player.JobAsync(build, role, platform), result);
    }

    public async Task RunAsync(V1Job job, RunResult result)
    {
        var pod = await Player.StartAsync(job);
        _registry.Ran(job, result);
        await Player.EndAsync(job, pod, result);
    }

    public Task<V1Alpha1ImageBuild> PlatformAsync(V1Alpha1ImageBuild build, string platform, string phase) =>
        Eventually.SoAsync($"{platform} is {phase}", () => story.ReadAsync(build), seen => seen.Status?.Platforms?.Any(one => one.Platform == platform && one.Phase == phase) ?? false);

    /// <summary>The pool counts that many builds on each platform.</summary>
    public Task BuildingAsync(params int[] builds) =>
        PoolAsync($"counts {string.Join(" and ", builds)} builds", pool => pool.Status!.Platforms!.Select(platform => platform.Building ?? 0).SequenceEqual(builds));

    /// <summary>The garbage collector works until it is so.</summary>
    public Task CollectUntilAsync(string what, Func<Task<bool>> isSo) => Eventually.SoAsync(what, async () =>
    {
        await CollectAsync();
        return await isSo();
    }, done => done);

    /// <summary>What the first time has left goes.</summary>
    public async Task RerunAsync(V1Alpha1ImageBuild build)
    {
        var first = (await Player.JobsAsync(build)).Select(job => job.Metadata.Uid).ToHashSet();
        await story.EditAsync(build, new JsonObject { ["spec"] = new JsonObject { ["rerun"] = "again" } });
        await CollectUntilAsync("its first Jobs are gone", async () => !(await Player.JobsAsync(build)).Any(job => first.Contains(job.Metadata.Uid)));
    }

    public async Task<bool> HasNoJobsAsync() => (await Player.ListAsync<V1Job>(story.Tenant)).Count == 0;

    /// <summary>The world comes to rest and is as it was at that moment of the undisturbed run.</summary>
    public async Task SameAsync(string moment)
    {
        using var timeout = new CancellationTokenSource(Patience);
        while (true)
        {
            var (seen, atRest) = await LookAsync();
            if (atRest && (undisturbed is null || undisturbed.Moments[moment] == seen))
            {
                if (seen.Contains(Mask.Nobody, StringComparison.Ordinal)) throw new DifferenceException($"When {moment}, something belongs to nobody:\n{seen}");
                _moments.Add(moment, seen);
                return;
            }

            if (timeout.IsCancellationRequested) throw new DifferenceException($"When {moment}: {(atRest ? Difference.Between(undisturbed!.Moments[moment], seen) : "the operator does not come to rest.")}");
        }
    }

    /// <summary>The builds and the pool are deleted, and all that was made for them goes with them.</summary>
    public async Task EndAsync()
    {
        foreach (var build in await Player.ListAsync<V1Alpha1ImageBuild>(story.Tenant))
            await story.Client.DeleteAsync<V1Alpha1ImageBuild>(NamespacedName.Of(build), null, PropagationPolicy.Background, default);
        await CollectUntilAsync("what the builds owned is gone", async () => (await Player.ObjectsAsync(story.Tenant)).Count == 0);
        await story.Client.DeleteAsync<V1Alpha1BuilderPool>(new(story.Builders, "farm"), null, PropagationPolicy.Background, default);
        // Volumes outlive their pool until somebody deletes them.
        foreach (var claim in await Player.ListAsync<V1PersistentVolumeClaim>(story.Builders))
            await story.Client.DeleteAsync<V1PersistentVolumeClaim>(NamespacedName.Of(claim), null, PropagationPolicy.Background, default);
        await CollectUntilAsync("what the pool owned is gone", async () => (await Player.ObjectsAsync(story.Builders)).Count == 0);
        await SameAsync("all is deleted");
        if (_moments["all is deleted"].Length > 0) throw new DifferenceException($"All is deleted, and there is still:\n{_moments["all is deleted"]}");
    }

    public async Task<Run> RunAsync()
    {
        var writes = server.Audit.Since(_mark).Where(entry => entry.IsWrite).ToList();
        var events = await Player.ListAsync<Corev1Event>(story.Tenant);
        return new Run
        {
            Moments = _moments,
            Writes = [.. writes.Select(entry => entry with { Namespace = mask.Name(entry.Namespace) })],
            Jobs = [.. writes.Where(entry => entry is { Verb: "create", Resource: "jobs", Changed: true }).Select(entry => mask.Name(entry.Name ?? "")).Order(StringComparer.Ordinal)],
            Pushes = [.. _registry.Pushes.Order(StringComparer.Ordinal)],
            Events = [.. events.Concat(await Player.ListAsync<Corev1Event>(story.Builders)).SelectMany(Told).Order(StringComparer.Ordinal)],
        };
    }

    /// <summary>As often as it was told: who comes after a crash knows nothing of the Event that the one before it has counted up.</summary>
    private IEnumerable<string> Told(Corev1Event told) =>
        Enumerable.Repeat(mask.Name($"{told.Type} {told.Reason} of {told.InvolvedObject.Kind} {told.InvolvedObject.Name}"), told.Count ?? 1);

    private async Task CollectAsync()
    {
        while (await Player.CollectAsync(story.Tenant) | await Player.CollectAsync(story.Builders)) { }
    }

    /// <summary>At rest: alive, and nothing written for a breath.</summary>
    private async Task<(string Seen, bool AtRest)> LookAsync()
    {
        await CollectAsync();
        var (life, mark) = (mortal.Life, server.Audit.Mark(_mark));
        var seen = await World.ShowAsync(story, mask);
        await Task.Delay(mortal.Breath, TimeProvider.System, CancellationToken.None);
        return (seen, life != 0 && life == mortal.Life && !server.Audit.Since(mark).Any(entry => entry.IsWrite));
    }
}
