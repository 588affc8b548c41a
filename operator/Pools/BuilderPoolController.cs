using System.Net;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Events;
using Slipway.Kube.Writing;
using Slipway.Pki;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>
/// Brings a pool's StatefulSets, Services, ConfigMaps, NetworkPolicy and certificates in line with its spec. Secrets are created and deleted, never
/// read: the rights on those of the operator's own namespace are a Role there.
/// </summary>
[EntityRbac(typeof(V1Alpha1BuilderPool), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch)]
[GenericRbac(Groups = [SlipwayApi.Group], Resources = ["builderpools/status"], Verbs = RbacVerb.Patch)]
[GenericRbac(Groups = [SlipwayApi.Group], Resources = ["builderpools/finalizers"], Verbs = RbacVerb.Update)]
[EntityRbac(typeof(V1StatefulSet), typeof(V1Service), typeof(V1ConfigMap), typeof(V1NetworkPolicy),
    Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch | RbacVerb.Create | RbacVerb.Patch | RbacVerb.Delete)]
[EntityRbac(typeof(V1Pod), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch | RbacVerb.Delete)]
[EntityRbac(typeof(V1Job), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch | RbacVerb.Create | RbacVerb.Delete)]
[EntityRbac(typeof(V1Node), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch)]
[EntityRbac(typeof(V1PersistentVolumeClaim), Verbs = RbacVerb.Patch)]
[EntityRbac(typeof(V1Secret), Verbs = RbacVerb.Create | RbacVerb.Delete)]
internal sealed partial class BuilderPoolController(
    PoolObserver observer, PoolAuthority authority, AuthoritySweep sweep, IKubeClient client, Applier applier, Deleter deleter, StatusWriter status, StatusPace pace, IssuedCertificates issued,
    CacheExpiry expiry, IPoolWatcher scheduler, IBuilderService builders, FarmMetrics metrics, IEventRecorder events, ILogger<BuilderPoolController> logger) : IEntityController<V1Alpha1BuilderPool>
{
    public async Task<ReconciliationResult<V1Alpha1BuilderPool>> ReconcileAsync(
        V1Alpha1BuilderPool entity, CancellationToken cancellationToken)
    {
        scheduler.Refresh(NamespacedName.Of(entity));
        // What it owned goes with it: nothing must be made for it any more.
        if (entity.Metadata.DeletionTimestamp is not null) return ReconciliationResult<V1Alpha1BuilderPool>.Success(entity);

        var plan = await PlanAsync(entity, cancellationToken);
        try
        {
            var again = await ActAsync(entity, plan, cancellationToken);
            if (again is not null && !(plan.LookAgainAfter < again)) plan = plan with { LookAgainAfter = again };
        }
        catch (AuthorityChangedException changed)
        {
            return ReconciliationResult<V1Alpha1BuilderPool>.Failure(entity, changed.Message);
        }

        return await ReportAsync(entity, plan, cancellationToken);
    }

    public async Task DeletedAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        scheduler.Refresh(key);
        pace.Forget(key);
        metrics.Forget(key);
        expiry.Forget(key);
        var deleted = await sweep.RunAsync(cancellationToken);
        if (deleted > 0) LogSwept(deleted);
    }

    /// <summary>Plans again with each fact that only an act brings to light.</summary>
    private async Task<PoolPlan> PlanAsync(V1Alpha1BuilderPool pool, CancellationToken cancellationToken)
    {
        var snapshot = observer.Observe(pool) with { Expiry = expiry.Observe(pool) };
        var plan = PoolPlanner.Plan(snapshot);
        var foreign = await UnseenForeignersAsync(snapshot, plan, cancellationToken);
        if (foreign.Count > 0) plan = PoolPlanner.Plan(snapshot = snapshot with { Foreign = [.. snapshot.Foreign, .. foreign] });
        if (plan.NeedsAuthority) plan = PoolPlanner.Plan(snapshot = snapshot with { Authority = await authority.MakeAsync(pool, cancellationToken) });
        if (LetGo(pool, plan.Drains)) plan = PoolPlanner.Plan(snapshot = snapshot with { Queues = observer.Queues(pool, snapshot.StatefulSets) });
        var refusal = await GrowAsync(plan.Growths, cancellationToken);
        return refusal is null ? plan : PoolPlanner.Plan(snapshot with { GrowthRefused = refusal });
    }

    /// <summary>Returns when there is more to do; null where only the plan knows.</summary>
    private async Task<TimeSpan?> ActAsync(V1Alpha1BuilderPool pool, PoolPlan plan, CancellationToken cancellationToken)
    {
        foreach (var order in plan.Certificates) await IssueAsync(pool, order, cancellationToken);
        foreach (var unused in plan.UnusedCertificates) await client.DeleteAsync<V1Secret>(unused, null, PropagationPolicy.Background, cancellationToken);
        foreach (var child in plan.Objects) await ApplyAsync(child, cancellationToken);
        foreach (var set in plan.Orphaned) await OrphanAsync(set, cancellationToken);
        foreach (var pod in plan.Replaced) await ReplaceAsync(pod, cancellationToken);
        foreach (var dropped in plan.Dropped) await DropAsync(dropped, cancellationToken);
        if (plan.DroppedPolicy is { } policy) await DropAsync(policy, cancellationToken);
        return await expiry.ActAsync(pool, plan.Expiry, cancellationToken);
    }

    private async Task<ReconciliationResult<V1Alpha1BuilderPool>> ReportAsync(V1Alpha1BuilderPool pool, PoolPlan plan, CancellationToken cancellationToken)
    {
        var (wanted, wait) = pace.Of(NamespacedName.Of(pool), pool.Status, plan.Status);
        var written = await status.WriteAsync(pool, pool with { Status = wanted }, cancellationToken);
        metrics.Observe(pool, plan.Status);
        // After the write: only the pass that made the change tells of it.
        if (ReadyTransition.Of(pool, pool.Status?.Conditions, plan.Status.Conditions) is { } news) events.Record(news);
        LogTransition(pool, plan.Status);
        return ReconciliationResult<V1Alpha1BuilderPool>.Success(written, wait < plan.LookAgainAfter ? wait : plan.LookAgainAfter ?? wait);
    }

    /// <summary>
    /// Stores hold what carries our label. Before a name is used for the first time, one GET finds out whether somebody else's object
    /// has it: an apply would take that over without a question.
    /// </summary>
    private async Task<List<IKubernetesObject<V1ObjectMeta>>> UnseenForeignersAsync(
        PoolSnapshot snapshot, PoolPlan plan, CancellationToken cancellationToken)
    {
        var found = new List<IKubernetesObject<V1ObjectMeta>>();
        foreach (var wanted in plan.Objects.Where(wanted => observer.Known(wanted) is null))
        {
            var live = await LiveAsync(wanted, cancellationToken);
            if (live is not null && !snapshot.Owns(live.Metadata)) found.Add(live);
        }

        return found;
    }

    private async Task<IKubernetesObject<V1ObjectMeta>?> LiveAsync(
        IKubernetesObject<V1ObjectMeta> wanted, CancellationToken cancellationToken) => wanted switch
        {
            V1StatefulSet => await client.GetOrDefaultAsync<V1StatefulSet>(NamespacedName.Of(wanted), cancellationToken),
            V1Service => await client.GetOrDefaultAsync<V1Service>(NamespacedName.Of(wanted), cancellationToken),
            V1ConfigMap => await client.GetOrDefaultAsync<V1ConfigMap>(NamespacedName.Of(wanted), cancellationToken),
            V1NetworkPolicy => await client.GetOrDefaultAsync<V1NetworkPolicy>(NamespacedName.Of(wanted), cancellationToken),
            _ => throw new ArgumentException($"A pool makes no {wanted.Kind}.", nameof(wanted)),
        };

    private Task ApplyAsync(IKubernetesObject<V1ObjectMeta> wanted, CancellationToken cancellationToken) => wanted switch
    {
        V1StatefulSet set => ApplyAsync(set, cancellationToken),
        V1Service service => ApplyAsync(service, cancellationToken),
        V1ConfigMap config => ApplyAsync(config, cancellationToken),
        V1NetworkPolicy policy => ApplyAsync(policy, cancellationToken),
        _ => throw new ArgumentException($"A pool makes no {wanted.Kind}.", nameof(wanted)),
    };

    private async Task ApplyAsync<T>(T wanted, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var key = NamespacedName.Of(wanted);
        var known = (T?)observer.Known(wanted);
        var applied = await applier.ApplyAsync(wanted, known, cancellationToken);
        if (applied.Metadata.ResourceVersion != known?.Metadata.ResourceVersion) LogApplied(wanted.Kind, key);
    }

    /// <summary>A pass that was interrupted has left one whose key nobody has seen: it is replaced, since it cannot be read.</summary>
    private async Task IssueAsync(V1Alpha1BuilderPool pool, CertificateOrder order, CancellationToken cancellationToken)
    {
        var (serial, expires, signer) = order.Certificate;
        var secret = await authority.IssueServerAsync(pool, signer, order.Secret, order.DnsName, serial, expires, cancellationToken);
        secret.Metadata.OwnerReferences = [OwnerReferences.ControlledBy(pool)];
        try
        {
            await client.CreateAsync(secret, cancellationToken);
        }
        catch (KubeApiException exception) when (exception.IsAlreadyExists)
        {
            await client.DeleteAsync<V1Secret>(order.Secret, null, PropagationPolicy.Background, cancellationToken);
            await client.CreateAsync(secret, cancellationToken);
        }

        issued.Add(order.StatefulSet, order.Certificate);
        LogIssued(order.Secret, expires);
    }

    /// <summary>What the server had against it, or null. It never hangs on reading a claim: where there is none, there is nothing to grow.</summary>
    private async Task<string?> GrowAsync(IReadOnlyList<VolumeGrowth> growths, CancellationToken cancellationToken)
    {
        foreach (var growth in growths)
        {
            var patch = new JsonObject
            {
                ["spec"] = new JsonObject { ["resources"] = new JsonObject { ["requests"] = new JsonObject { ["storage"] = growth.Size.ToString() } } },
            };
            try
            {
                await client.PatchAsync<V1PersistentVolumeClaim>(growth.Claim, patch, cancellationToken);
                LogGrown(growth.Claim, growth.Size.ToString());
            }
            catch (KubeApiException exception) when (exception.IsNotFound)
            {
                continue;
            }
            catch (KubeApiException exception) when (exception.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.UnprocessableEntity)
            {
                return exception.Message;
            }
        }

        return null;
    }

    private async Task OrphanAsync(V1StatefulSet set, CancellationToken cancellationToken)
    {
        if (deleter.HasDeleted(set.Metadata.Uid)) return;
        if (await deleter.DeleteAsync(set, PropagationPolicy.Orphan, cancellationToken)) LogOrphaned(NamespacedName.Of(set));
    }

    private async Task ReplaceAsync(V1Pod pod, CancellationToken cancellationToken)
    {
        if (deleter.HasDeleted(pod.Metadata.Uid)) return;
        if (await deleter.DeleteAsync(pod, PropagationPolicy.Background, cancellationToken)) LogReplaced(NamespacedName.Of(pod));
    }

    private async Task DropAsync(V1StatefulSet set, CancellationToken cancellationToken)
    {
        var key = NamespacedName.Of(set);
        var config = key with { Name = ChildNames.PoolConfig(key.Name) };
        issued.Forget(key);
        await client.DeleteAsync<V1Service>(key, null, PropagationPolicy.Background, cancellationToken);
        await client.DeleteAsync<V1ConfigMap>(config, null, PropagationPolicy.Background, cancellationToken);
        foreach (var secret in PoolCertificates.SecretsOf(set)) await client.DeleteAsync<V1Secret>(secret, null, PropagationPolicy.Background, cancellationToken);
        // Last: as long as it is there, a pass after an interrupted one knows that there is something to drop.
        await client.DeleteAsync<V1StatefulSet>(key, set.Metadata.Uid, PropagationPolicy.Background, cancellationToken);
        LogDropped(key);
    }

    /// <summary>True where the scheduler may have let go of a builder: then it is worth another look.</summary>
    private bool LetGo(V1Alpha1BuilderPool pool, IReadOnlyList<PoolDrain> drains)
    {
        var key = NamespacedName.Of(pool);
        var retired = 0;
        foreach (var drain in drains)
        {
            builders.Drain(key, drain.Platform, drain.Drained);
            retired += drain.Replaced.Count(uid => builders.TryRetire(key, drain.Platform, uid));
            retired += drain.Surplus.TakeWhile(uid => builders.TryRetire(key, drain.Platform, uid)).Count();
        }

        return retired > 0;
    }

    private async Task DropAsync(V1NetworkPolicy policy, CancellationToken cancellationToken)
    {
        var key = NamespacedName.Of(policy);
        await client.DeleteAsync<V1NetworkPolicy>(key, policy.Metadata.Uid, PropagationPolicy.Background, cancellationToken);
        LogPolicyRetired(key);
    }

    private void LogTransition(V1Alpha1BuilderPool pool, BuilderPoolStatus now)
    {
        var before = pool.Status?.Conditions?.FirstOrDefault(condition => condition.Type == Conditions.Ready);
        var after = now.Conditions?.FirstOrDefault(condition => condition.Type == Conditions.Ready);
        if (after is null || (before?.Status, before?.Reason) == (after.Status, after.Reason)) return;
        var key = NamespacedName.Of(pool);
        LogState(key, after.Status, after.Reason, after.Message);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Applied {Kind} {Name}")]
    private partial void LogApplied(string kind, NamespacedName name);

    [LoggerMessage(Level = LogLevel.Information, Message = "Issued server certificate {Secret}, valid until {Expires:u}")]
    private partial void LogIssued(NamespacedName secret, DateTimeOffset expires);

    [LoggerMessage(Level = LogLevel.Information, Message = "Asked for {Size} for volume {Claim}")]
    private partial void LogGrown(NamespacedName claim, string size);

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted StatefulSet {Name} without its pods, to make it anew")]
    private partial void LogOrphaned(NamespacedName name);

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted builder {Pod}, idle, to have it started anew")]
    private partial void LogReplaced(NamespacedName pod);

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted StatefulSet {Name}: its pool no longer has this platform")]
    private partial void LogDropped(NamespacedName name);

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted NetworkPolicy {Name}: its pool wants none")]
    private partial void LogPolicyRetired(NamespacedName name);

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted {Count} certificate authorities of pools that are gone")]
    private partial void LogSwept(int count);

    [LoggerMessage(Level = LogLevel.Information, Message = "Pool {Pool}: Ready is {Status}, {Reason}: {Explanation}")]
    private partial void LogState(NamespacedName pool, string status, string reason, string explanation);
}
