using k8s.Models;
using Microsoft.Extensions.Logging;
using Slipway.Api;
using Slipway.Cache;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Writing;
using Slipway.Pki;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>Observe, plan, act, report: one pass over one build. Decides nothing beyond the order of calls.</summary>
[EntityRbac(typeof(V1Alpha1ImageBuild), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch | RbacVerb.Delete)]
[EntityRbac(typeof(V1Alpha1BuilderPool), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch)]
[EntityRbac(typeof(V1Job), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch | RbacVerb.Create | RbacVerb.Delete)]
[EntityRbac(typeof(V1Pod), typeof(V1Namespace), typeof(V1Node), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch)]
[EntityRbac(typeof(V1ConfigMap), Verbs = RbacVerb.Create | RbacVerb.Delete)]
[EntityRbac(typeof(V1Secret), Verbs = RbacVerb.Create | RbacVerb.Delete)]
[GenericRbac(Groups = [SlipwayApi.Group], Resources = ["imagebuilds/status"], Verbs = RbacVerb.Patch)]
[GenericRbac(Groups = [SlipwayApi.Group], Resources = ["imagebuilds/finalizers"], Verbs = RbacVerb.Update)]
internal sealed partial class ImageBuildController(
    BuildObserver observer,
    IKubeClient client,
    Deleter deleter,
    StatusWriter statuses,
    ISlots slots,
    TagTurns turns,
    IClientCertificates certificates,
    BuildReporter reporter,
    ICacheLedger caches,
    ILogger<ImageBuildController> logger) : IEntityController<V1Alpha1ImageBuild>
{
    public async Task<ReconciliationResult<V1Alpha1ImageBuild>> ReconcileAsync(V1Alpha1ImageBuild entity, CancellationToken cancellationToken)
    {
        var snapshot = observer.Observe(entity) with { HasTurn = turns.IsHeldBy(entity) };
        var plan = BuildPlanner.Plan(snapshot);
        foreach (var outcome in plan.Outcomes) slots.Report(outcome);
        if (plan.SlotRequests.Count > 0) plan = BuildPlanner.Plan(snapshot with { Slots = slots.Request(plan.SlotRequests) });
        if (plan.TakesTurn && turns.TakenBy(entity) is { } other) plan = BuildPlanner.Plan(snapshot with { Rivals = snapshot.Rivals with { Publishing = other } });
        try
        {
            if (await ActAsync(entity, plan, cancellationToken) is { } taken)
            {
                turns.Leave(entity);
                plan = BuildPlanner.NameTaken(snapshot, taken);
            }
        }
        catch (KubeApiException refused) when (plan.TakesTurn && !refused.IsTransient)
        {
            // There is no Job. One whose making was not answered may be there.
            turns.Leave(entity);
            throw;
        }
        catch (AuthorityChangedException changed)
        {
            // The builder that was granted is on its way out, and goes once nothing is promised on it; the next pass is granted another.
            slots.Withdraw(NamespacedName.Of(entity));
            return ReconciliationResult<V1Alpha1ImageBuild>.Failure(entity, changed.Message);
        }

        if (plan.WithdrawSlots) slots.Withdraw(NamespacedName.Of(entity));
        if (plan.Status.CompletedAt is not null) turns.Leave(entity);
        if (plan.DeleteBuild) return await DeleteAsync(entity, cancellationToken);
        return ReconciliationResult<V1Alpha1ImageBuild>.Success(await ReportAsync(snapshot, plan, cancellationToken), plan.RequeueAfter);
    }

    public Task DeletedAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        slots.Withdraw(key);
        return Task.CompletedTask;
    }

    /// <summary>
    /// Everything a Job needs is there before the Job; every step may have been done by a pass before this one.
    /// Returns the name that somebody else's object has taken, if any.
    /// </summary>
    private async Task<string?> ActAsync(V1Alpha1ImageBuild build, BuildPlan plan, CancellationToken cancellationToken)
    {
        // Jobs last: as long as they are there, a pass after an interrupted one knows that there is something to delete.
        await DeleteAsync(build, plan.MaterialsToDelete, cancellationToken);
        foreach (var job in plan.Deletes) await DeleteAsync(job, cancellationToken);
        if (plan.InlineSource is { } source && !await CreateOnceAsync(build, source, cancellationToken)) return $"ConfigMap {source.Metadata.Name}";
        foreach (var request in plan.ClientCertificates) await IssueAsync(build, request, cancellationToken);
        foreach (var job in plan.Creates)
        {
            if (!await CreateOnceAsync(build, job, cancellationToken)) return $"Job {job.Metadata.Name}";
        }

        return null;
    }

    private async Task<V1Alpha1ImageBuild> ReportAsync(BuildSnapshot snapshot, BuildPlan plan, CancellationToken cancellationToken)
    {
        var build = snapshot.Build;
        var reported = await statuses.WriteAsync(build, build with { Status = plan.Status }, cancellationToken);
        // After the write: only the pass that made the change tells of it.
        reporter.Report(snapshot, plan.Status);
        foreach (var use in plan.CacheUses) caches.Record(snapshot.Pool!, use);
        if (build.Status?.Phase != plan.Status.Phase) LogPhase(NamespacedName.Of(build), plan.Status.Phase ?? "", plan.Status.Failure?.Reason ?? "");
        return reported;
    }

    /// <summary>By uid: another object of that name stays. An edit of this very moment goes with the object.</summary>
    private async Task<ReconciliationResult<V1Alpha1ImageBuild>> DeleteAsync(V1Alpha1ImageBuild build, CancellationToken cancellationToken)
    {
        if (await deleter.DeleteAsync(build, PropagationPolicy.Background, cancellationToken)) LogBuildDeleted(NamespacedName.Of(build));
        return ReconciliationResult<V1Alpha1ImageBuild>.Success(build);
    }

    /// <summary>Foreground: the Job stays visible until its pods are gone, so that nothing new starts beside them.</summary>
    private async Task DeleteAsync(BuildJob job, CancellationToken cancellationToken)
    {
        var propagation = job is { Live: true, NodeLost: false } ? PropagationPolicy.Foreground : PropagationPolicy.Background;
        if (await deleter.DeleteAsync(job.Job, propagation, cancellationToken)) LogJobDeleted(NamespacedName.Of(job.Job));
    }

    private async Task DeleteAsync(V1Alpha1ImageBuild build, BuildMaterials materials, CancellationToken cancellationToken)
    {
        var space = build.Metadata.NamespaceProperty;
        foreach (var name in materials.ClientCertificates) await client.DeleteAsync<V1Secret>(new(space, name), uid: null, PropagationPolicy.Background, cancellationToken);
        foreach (var name in materials.InlineSources) await client.DeleteAsync<V1ConfigMap>(new(space, name), uid: null, PropagationPolicy.Background, cancellationToken);
    }

    /// <summary>
    /// No Secret is ever read: a name that is taken was taken by a pass of ours that did not get further, and what it
    /// made serves as well. Anybody else's Secret under that name only keeps the build from connecting.
    /// </summary>
    private async Task IssueAsync(V1Alpha1ImageBuild build, ClientCertificateRequest request, CancellationToken cancellationToken)
    {
        var secret = await certificates.IssueClientAsync(request.Pool, request.Authority, request.Secret, request.Lifetime, cancellationToken);
        secret.Metadata.OwnerReferences = [OwnerReferences.ControlledBy(build)];
        secret.Metadata.Labels = BuildObjects.Labels(build, request.BuildKey);
        try
        {
            await client.CreateAsync(secret, cancellationToken);
        }
        catch (KubeApiException refused) when (refused.IsAlreadyExists)
        {
            LogCertificateKept(request.Secret);
        }
    }

    /// <summary>A POST. False where the name belongs to something that is not this build's.</summary>
    private async Task<bool> CreateOnceAsync<T>(V1Alpha1ImageBuild build, T child, CancellationToken cancellationToken)
        where T : class, k8s.IKubernetesObject<V1ObjectMeta>
    {
        var key = NamespacedName.Of(child);
        try
        {
            await client.CreateAsync(child, cancellationToken);
            LogCreated(child.Kind, key);
            return true;
        }
        catch (KubeApiException refused) when (refused.IsAlreadyExists)
        {
            var existing = await client.GetOrDefaultAsync<T>(key, cancellationToken);
            // What nobody owns is not ours either.
            return existing is null || (existing.Metadata.OwnerReferences ?? []).Any(owner => owner.Controller is true && owner.Uid == build.Metadata.Uid);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Kept client certificate {Key} of an earlier pass")]
    private partial void LogCertificateKept(NamespacedName key);

    [LoggerMessage(Level = LogLevel.Information, Message = "Created {Kind} {Key}")]
    private partial void LogCreated(string kind, NamespacedName key);

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted ImageBuild {Key}: its ttlAfterFinished is over")]
    private partial void LogBuildDeleted(NamespacedName key);

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted Job {Key}")]
    private partial void LogJobDeleted(NamespacedName key);

    [LoggerMessage(Level = LogLevel.Information, Message = "ImageBuild {Key} is {Phase} {Reason}")]
    private partial void LogPhase(NamespacedName key, string phase, string reason);
}
