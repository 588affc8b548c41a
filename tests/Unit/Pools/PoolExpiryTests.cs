using k8s.Models;
using Slipway.Api;
using Slipway.Cache;
using Slipway.JobPods;
using Slipway.Kube;
using Slipway.Pools;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Pools;

/// <summary>Which Job makes a pool's cache go, when, and what the pool says of it.</summary>
public sealed class PoolExpiryTests
{
    private static readonly RunResult Lifecycle = new() { Expiry = new ExpiryResult { Means = ExpiryResult.Lifecycle, Complete = true } };
    private static readonly RunResult Sweep = new() { Expiry = new ExpiryResult { Means = ExpiryResult.Sweep, Why = ExpiryResult.LifecycleDenied, Complete = true } };

    private static PoolCache Cache => new() { S3 = new PoolS3Cache { Bucket = "acme", Region = "us-east-1", Prefix = "app/", CredentialsSecretRef = new LocalReference { Name = "s3" }, ServiceAccountName = "sweeper" } };

    [Fact]
    public void Plan_OfAPoolWithoutABucket_MakesNoJob()
    {
        Plan(Snapshot(null)).Create.ShouldBeNull();
        PoolExpiry.Condition(Snapshot(null)).ShouldBeNull();
    }

    [Fact]
    public void Plan_OfANewCache_MakesTheFirstJobAtOnce()
    {
        var plan = Plan(Snapshot(Cache));

        var job = plan.Create.ShouldNotBeNull();
        job.Metadata.NamespaceProperty.ShouldBe("builders");
        job.Metadata.OwnerReferences.ShouldHaveSingleItem().Uid.ShouldBe(PoolWorld.PoolUid);
        var pod = job.Spec.Template.Spec;
        pod.ServiceAccountName.ShouldBe("sweeper");
        pod.AutomountServiceAccountToken.ShouldBe(false);
        pod.Containers.ShouldHaveSingleItem().Env.ShouldBeNull();
        pod.Volumes.Single(volume => volume.Secret is not null).Secret.SecretName.ShouldBe("s3");
        var told = RunnerJson.Deserialize<ExpireCacheDescription>(pod.Containers[0].Args[2]);
        DescriptionCheck.Problems(told).ShouldBeEmpty();
        (told.Owner, told.TtlSeconds, told.S3!.Prefix, told.S3.TouchRefreshSeconds).ShouldBe((PoolWorld.PoolUid, 336 * 3600, "app/", 24 * 3600));
        Reason(Snapshot(Cache)).ShouldBe(("Unknown", Reasons.CacheExpiryPending));
    }

    /// <summary>Half of a short time, so that a cache in daily use is touched in it.</summary>
    [Theory]
    [InlineData("336h", 24 * 3600)]
    [InlineData("48h", 24 * 3600)]
    [InlineData("6h", 3 * 3600)]
    public void Plan_OfAnyTtl_TouchesInHalfOfItAtMost(string ttl, int seconds) => Told(Cache with { Ttl = ttl }).S3!.TouchRefreshSeconds.ShouldBe(seconds);

    [Fact]
    public void Plan_WhileItsJobRuns_MakesNoOther()
    {
        var running = Snapshot(Cache).With(Job(Cache, 1));

        var plan = Plan(running);

        plan.Create.ShouldBeNull();
        plan.Deletes.ShouldBeEmpty();
        plan.NextLook.ShouldBe(PoolWorld.Now + TimeSpan.FromHours(1));
    }

    [Theory]
    [InlineData("336h", 24)]
    [InlineData("72h", 18)]
    [InlineData("4h", 1)]
    public void Plan_OnceItsJobHasEnded_LooksAgainInAQuarterOfTheTime(string ttl, int hours)
    {
        var cache = Cache with { Ttl = ttl };
        var ended = Snapshot(cache).With(Job(cache, 1, PoolWorld.Now, Lifecycle));

        Plan(ended).Create.ShouldBeNull();
        Plan(ended).NextLook.ShouldBe(PoolWorld.Now + TimeSpan.FromHours(hours));
        var next = Plan(ended with { Now = PoolWorld.Now + TimeSpan.FromHours(hours) }).Create.ShouldNotBeNull();
        next.Metadata.Name.ShouldNotBe(ended.Expiry!.Jobs[0].Job.Metadata.Name);
        SlipwayApi.AttemptOf(next.Metadata.Annotations).ShouldBe(2);
    }

    [Fact]
    public void Plan_WhenItsJobFailed_TriesAgainInAnHour()
    {
        var failed = Snapshot(Cache).With(Job(Cache, 1, PoolWorld.Now, Failed(FailureReasons.CacheBucketUnavailable)));

        Plan(failed).NextLook.ShouldBe(PoolWorld.Now + TimeSpan.FromHours(1));
        Reason(failed).ShouldBe(("False", FailureReasons.CacheBucketUnavailable));
    }

    [Fact]
    public void Plan_WhenANewerJobHasEnded_DeletesTheOneBefore()
    {
        var (first, second) = (Job(Cache, 1, PoolWorld.Now.AddDays(-1), Lifecycle), Job(Cache, 2));
        Plan(Snapshot(Cache).With(first, second)).Deletes.ShouldBeEmpty("its result is the last that is known");
        Plan(Snapshot(Cache).With(first, Job(Cache, 2, PoolWorld.Now, Lifecycle))).Deletes.ShouldBe([first]);
    }

    [Fact]
    public void Plan_WhenTheCacheIsAnother_EndsTheOldJobBeforeItMakesTheNew()
    {
        var other = Cache with { Ttl = "100h" };
        var running = Snapshot(other).With(Job(Cache, 1));

        var plan = Plan(running);

        plan.Deletes.Count.ShouldBe(1);
        plan.Create.ShouldBeNull("both would write one bucket's rules");
        Plan(Snapshot(other).With(Job(Cache, 1, PoolWorld.Now, Lifecycle))).Create.ShouldNotBeNull();
        Reason(running).ShouldBe(("Unknown", Reasons.CacheExpiryPending));
    }

    [Fact]
    public void Plan_WhenThePoolHasNoCacheAnyMore_DeletesItsJobs() => Plan(Snapshot(null).With(Job(Cache, 1, PoolWorld.Now, Lifecycle))).Deletes.Count.ShouldBe(1);

    [Fact]
    public void Plan_WhileAnotherPoolIsAtTheBucket_Waits()
    {
        var snapshot = Snapshot(Cache);
        var taken = snapshot with { Expiry = snapshot.Expiry! with { BucketTaken = true } };

        Plan(taken).Create.ShouldBeNull();
        Plan(taken).NextLook.ShouldBe(PoolWorld.Now + TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void Plan_WhenNoNodeTakesTheJob_SaysSoAndMakesAnother()
    {
        var stuck = Snapshot(Cache).With(Job(Cache, 1)) with { Now = PoolWorld.Now + TimeSpan.FromMinutes(61) };

        Plan(stuck).Deletes.ShouldBeEmpty("somebody has to be able to look at it");
        Plan(stuck).NextLook.ShouldBe(PoolWorld.Now + TimeSpan.FromHours(2));
        Plan(stuck with { Now = PoolWorld.Now + TimeSpan.FromHours(2) }).Deletes.Count.ShouldBe(1);
        Plan(stuck with { Now = PoolWorld.Now + TimeSpan.FromHours(2) }).Create.ShouldBeNull("it may be at the bucket yet");
        Plan(stuck with { Now = PoolWorld.Now + TimeSpan.FromHours(3) }).Create.ShouldNotBeNull("its node has gone with it");
        var condition = PoolExpiry.Condition(stuck)!;
        (condition.Status, condition.Reason).ShouldBe(("False", Reasons.CacheExpiryFailed));
        condition.Message.ShouldContain("kubectl describe");
    }

    [Fact]
    public void Condition_OfRulesInPlace_IsTrue() => Reason(Snapshot(Cache).With(Job(Cache, 1, PoolWorld.Now, Lifecycle))).ShouldBe(("True", Reasons.CacheLifecycleApplied));

    [Fact]
    public void Condition_OfASweep_SaysWhyTheBucketDoesNotDoIt()
    {
        var condition = PoolExpiry.Condition(Snapshot(Cache).With(Job(Cache, 1, PoolWorld.Now, Sweep)))!;
        (condition.Status, condition.Reason).ShouldBe(("True", Reasons.CacheSwept));
        condition.Message.ShouldContain("s3:PutLifecycleConfiguration");
    }

    [Fact]
    public void Condition_WhenAForeignRuleIsInTheWay_NamesIt()
    {
        var result = new RunResult { Expiry = Lifecycle.Expiry! with { Conflicts = ["rule \"clean\" deletes everything after 7 days, blobs of the cache have to stay 18"] } };
        var condition = PoolExpiry.Condition(Snapshot(Cache).With(Job(Cache, 1, PoolWorld.Now, result)))!;
        (condition.Status, condition.Reason).ShouldBe(("False", Reasons.CacheExpiryConflict));
        condition.Message.ShouldContain("rule \"clean\"");
    }

    [Fact]
    public void Condition_WhenTheSecretIsNotInThePoolsNamespace_SaysSo() =>
        Reason(Snapshot(Cache).With(Job(Cache, 1, PoolWorld.Now, Failed(FailureReasons.CredentialsSecretMissing)))).ShouldBe(("False", Reasons.CacheCredentialsMissing));

    [Fact]
    public void Condition_WhenTheJobLeftNoResult_NamesItsLog()
    {
        var condition = PoolExpiry.Condition(Snapshot(Cache).With(Job(Cache, 1, PoolWorld.Now.AddSeconds(-30))))!;
        condition.Reason.ShouldBe(Reasons.CacheExpiryFailed);
        condition.Message.ShouldContain("kubectl logs -n builders job/farm-");
    }

    /// <summary>Jobs and pods are watched one beside the other, and the Job's end may be known before what its pod has left.</summary>
    [Fact]
    public void Condition_WhenThePodIsNotSeenToHaveEndedYet_WaitsForIt()
    {
        var snapshot = Snapshot(Cache).With(Job(Cache, 1, PoolWorld.Now.AddSeconds(-2)));
        Reason(snapshot).ShouldBe(("Unknown", Reasons.CacheExpiryPending));
        Plan(snapshot).NextLook.ShouldBe(PoolWorld.Now.AddSeconds(28));

        var next = Snapshot(Cache).With(Job(Cache, 1, PoolWorld.Now.AddDays(-1), Lifecycle), Job(Cache, 2, PoolWorld.Now.AddSeconds(-2)));
        Reason(next).ShouldBe(("True", Reasons.CacheLifecycleApplied));
        Plan(next).Deletes.ShouldBeEmpty();
    }

    [Fact]
    public void PoolOf_ThePodOfAnExpiry_IsThePoolThatWaitsForItsEnd()
    {
        var job = Job(Cache, 1).Job;
        var metadata = new V1ObjectMeta
        {
            NamespaceProperty = "builders",
            Labels = job.Spec.Template.Metadata.Labels,
            OwnerReferences = [new V1OwnerReference { Kind = "Job", Uid = job.Metadata.Uid, Controller = true }],
        };

        CacheExpiry.PoolOf(new V1Pod { Metadata = metadata }).ShouldBe([new NamespacedName("builders", "farm")]);
        CacheExpiry.PoolOf(new V1Pod { Metadata = new V1ObjectMeta { NamespaceProperty = "builders" } }).ShouldBeEmpty();
    }

    /// <summary>The next Job has not ended: what the one before said still holds.</summary>
    [Fact]
    public void Condition_WhileTheNextJobRuns_StaysWhatItWas() =>
        Reason(Snapshot(Cache).With(Job(Cache, 1, PoolWorld.Now.AddDays(-1), Lifecycle), Job(Cache, 2))).ShouldBe(("True", Reasons.CacheLifecycleApplied));

    private static PoolCache InRegistry => new() { Ttl = "48h", Registry = new PoolRegistryCache { Repository = "registry.example.com:5000/cache", CredentialsSecretRef = new LocalReference { Name = "push" } } };

    [Fact]
    public void Plan_OfARegistryWhoseTagsAreInUse_MakesNoJobAndSaysWhatWillCome()
    {
        var snapshot = Snapshot(InRegistry).Used("a", PoolWorld.Now.AddHours(-20));

        Plan(snapshot).Create.ShouldBeNull();
        Plan(snapshot).NextLook.ShouldBe(PoolWorld.Now.AddHours(-20 + 48 + 6));
        Reason(snapshot).ShouldBe(("True", Reasons.CacheSwept));
    }

    [Fact]
    public void Plan_OfARegistryWithTagsOutOfUse_DeletesThem()
    {
        var snapshot = Snapshot(InRegistry).Used("old", PoolWorld.Now.AddHours(-60)).Used("a", PoolWorld.Now);
        snapshot = snapshot with { Pool = snapshot.Pool with { Spec = snapshot.Pool.Spec with { Registries = [new PoolRegistry { Host = "registry.example.com:5000", Ca = "PEM" }] } } };

        var job = Plan(snapshot).Create.ShouldNotBeNull();

        var told = RunnerJson.Deserialize<ExpireCacheDescription>(RunnerJob.DescriptionOf(job, JobContainers.Runner));
        DescriptionCheck.Problems(told).ShouldBeEmpty();
        told.Registry!.UnusedTags.ShouldBe(["old"]);
        (told.Registry.Ca, told.CredentialsSecret).ShouldBe(("PEM", "push"));
        job.Spec.Template.Spec.Volumes.ShouldContain(volume => volume.Secret != null && volume.Secret.SecretName == "push");
    }

    [Fact]
    public void Plan_OnceTagsAreDeleted_ForgetsThemAndMakesNoOtherJobForThem()
    {
        var snapshot = Snapshot(InRegistry).Used("old", PoolWorld.Now.AddHours(-60));
        var job = Plan(snapshot).Create!;
        var ended = snapshot.With(Ended(job, new RunResult { Expiry = new ExpiryResult { Means = ExpiryResult.Sweep, Complete = true } }));

        Plan(ended).Forgotten.ShouldBe(["old"]);
        Plan(ended).Create.ShouldBeNull();
        // A build came between.
        Plan(ended.Used("old", PoolWorld.Now)).Forgotten.ShouldBeEmpty();
        var late = PoolWorld.Now.AddHours(60);
        Plan(ended.Used("old", PoolWorld.Now) with { Now = late }).Create.ShouldNotBeNull("it was used after it was deleted, and is out of use again");
        var another = ended.Used("older", PoolWorld.Now.AddHours(-90));
        Plan(another).Create.ShouldBeNull("a Job for each tag would be one after another");
        Plan(another with { Now = PoolWorld.Now.AddHours(1) }).Create.ShouldNotBeNull("it was not among them");
    }

    /// <summary>It may be allowed by now; and what nobody could delete is forgotten in the end.</summary>
    [Fact]
    public void Plan_WhereTheRegistryForbidsDeletes_TriesAgainInADayAndNotForEver()
    {
        var snapshot = Snapshot(InRegistry).Used("old", PoolWorld.Now.AddHours(-60));
        var forbidden = snapshot.With(Ended(Plan(snapshot).Create!, Failed(FailureReasons.CacheDeletesForbidden)));

        Reason(forbidden).ShouldBe(("False", FailureReasons.CacheDeletesForbidden));
        Plan(forbidden with { Now = PoolWorld.Now.AddHours(23) }).Create.ShouldBeNull();
        Plan(forbidden with { Now = PoolWorld.Now.AddHours(24) }).Create.ShouldNotBeNull();
        Plan(forbidden with { Now = PoolWorld.Now.AddDays(30) }).Create.ShouldBeNull();
        var other = forbidden with { Pool = forbidden.Pool with { Spec = forbidden.Pool.Spec with { Cache = InRegistry with { Ttl = "50h" } } } };
        Plan(other).Create.ShouldNotBeNull("another spec is tried anew");
    }

    /// <summary>Which ones it was nobody knows: none is forgotten.</summary>
    [Fact]
    public void Plan_WhereTheRegistryRefusedSome_RemembersThemAndTriesAgainInADay()
    {
        var snapshot = Snapshot(InRegistry).Used("old", PoolWorld.Now.AddHours(-60)).Used("pinned", PoolWorld.Now.AddHours(-60));
        var refused = snapshot.With(Ended(Plan(snapshot).Create!, new RunResult { Expiry = new ExpiryResult { Means = ExpiryResult.Sweep, Conflicts = ["one is refused"] } }));

        Plan(refused).Forgotten.ShouldBeEmpty();
        Plan(refused with { Now = PoolWorld.Now.AddHours(23) }).Create.ShouldBeNull();
        Plan(refused with { Now = PoolWorld.Now.AddHours(24) }).Create.ShouldNotBeNull();
        Reason(refused).ShouldBe(("False", Reasons.CacheExpiryConflict));
    }

    /// <summary>It may wait an hour for its node.</summary>
    [Fact]
    public void Plan_WhenATagOfAJobThatWaitsIsUsed_MakesAnotherWithoutIt()
    {
        var snapshot = Snapshot(InRegistry).Used("old", PoolWorld.Now.AddHours(-60)).Used("used", PoolWorld.Now.AddHours(-60));
        var job = Plan(snapshot).Create!;
        job.Metadata.CreationTimestamp = PoolWorld.Now.UtcDateTime;
        var waiting = snapshot.With(new ExpiryJob(job, null));
        Plan(waiting).Deletes.ShouldBeEmpty();

        var used = waiting.Used("used", PoolWorld.Now.AddMinutes(5)) with { Now = PoolWorld.Now.AddMinutes(6) };

        Plan(used).Deletes.ShouldHaveSingleItem().Job.ShouldBeSameAs(job);
        Plan(used).Create.ShouldBeNull("not beside it");
    }

    /// <summary>A quota, or an admission policy.</summary>
    [Fact]
    public void Plan_WhereTheJobIsRefused_SaysWhyAndTriesAgainInAnHour()
    {
        var snapshot = Snapshot(Cache);
        var spec = Plan(snapshot).Create!.Metadata.Labels[SlipwayApi.CacheSpecLabel];
        var refused = snapshot with { Expiry = snapshot.Expiry! with { Refusal = new ExpiryRefusal(spec, "exceeded quota: jobs", PoolWorld.Now.AddHours(1)) } };

        Plan(refused).Create.ShouldBeNull();
        Plan(refused).NextLook.ShouldBe(PoolWorld.Now.AddHours(1));
        Reason(refused).ShouldBe(("False", Reasons.CacheExpiryFailed));
        PoolExpiry.Condition(refused)!.Message.ShouldEndWith("is tried again in an hour: exceeded quota: jobs");
        var other = refused with { Pool = refused.Pool with { Spec = refused.Pool.Spec with { Cache = Cache with { Ttl = "100h" } } } };
        Plan(other).Create.ShouldNotBeNull("another spec is tried anew");
    }

    /// <summary>Who has corrected the name of the Secret need not wait for an hour.</summary>
    [Theory]
    [InlineData("another", "sweeper")]
    [InlineData("s3", "another")]
    public void Plan_WhenTheCredentialsAreOthers_IsAnotherSpec(string secret, string account)
    {
        var failed = Snapshot(Cache).With(Job(Cache, 1, PoolWorld.Now, Failed(FailureReasons.CredentialsSecretMissing)));
        var other = Cache with { S3 = Cache.S3! with { CredentialsSecretRef = new LocalReference { Name = secret }, ServiceAccountName = account } };

        Plan(failed with { Pool = failed.Pool with { Spec = failed.Pool.Spec with { Cache = other } } }).Create.ShouldNotBeNull();
    }

    [Fact]
    public void Plan_WhereTheRegistryIsDown_TriesAgainInAnHour()
    {
        var snapshot = Snapshot(InRegistry).Used("old", PoolWorld.Now.AddHours(-60));
        var failed = snapshot.With(Ended(Plan(snapshot).Create!, Failed(FailureReasons.RegistryUnavailable)));

        Plan(failed).Create.ShouldBeNull();
        Plan(failed with { Now = PoolWorld.Now.AddHours(1) }).Create.ShouldNotBeNull();
    }

    /// <summary>A registry has a name, not an address: what is trusted of it is what its builders trust.</summary>
    [Fact]
    public void Plan_OfARegistryThatIsNotVerified_PassesThatOn()
    {
        var snapshot = Snapshot(InRegistry).Used("old", PoolWorld.Now.AddHours(-60));
        snapshot = snapshot with { Pool = snapshot.Pool with { Spec = snapshot.Pool.Spec with { Registries = [new PoolRegistry { Host = "registry.example.com:5000", InsecureSkipVerify = true }] } } };

        RunnerJson.Deserialize<ExpireCacheDescription>(RunnerJob.DescriptionOf(Plan(snapshot).Create!, JobContainers.Runner)).Registry!.InsecureSkipVerify.ShouldBeTrue();
    }

    /// <summary>What is in a bucket goes by itself; only the memory of it is ours.</summary>
    [Fact]
    public void Plan_OfABucket_ForgetsWhatMustBeGone() =>
        Plan(Snapshot(Cache).Used("old", PoolWorld.Now.AddDays(-29)).Used("a", PoolWorld.Now.AddDays(-20))).Forgotten.ShouldBe(["old"]);

    private static ExpiryJob Ended(V1Job job, RunResult result)
    {
        job.Metadata.CreationTimestamp = PoolWorld.Now.UtcDateTime;
        job.Status = new V1JobStatus { Conditions = [new V1JobCondition { Type = "Complete", Status = "True", LastTransitionTime = PoolWorld.Now.UtcDateTime }] };
        return new ExpiryJob(job, result);
    }

    [Fact]
    public void Plan_OfThePool_HoldsBoth()
    {
        var plan = PoolPlanner.Plan(Snapshot(Cache));
        plan.Expiry.Create.ShouldNotBeNull();
        plan.Status.Conditions!.Single(condition => condition.Type == Conditions.CacheExpiryApplied).Status.ShouldBe("Unknown");
        plan.Status.Conditions!.ShouldContain(condition => condition.Type == Conditions.Ready);
    }

    private static ExpiryPlan Plan(PoolSnapshot snapshot) => PoolExpiry.Plan(snapshot);

    private static ExpireCacheDescription Told(PoolCache cache) => RunnerJson.Deserialize<ExpireCacheDescription>(Plan(Snapshot(cache)).Create!.Spec.Template.Spec.Containers[0].Args[2]);

    private static (string Status, string Reason) Reason(PoolSnapshot snapshot) => PoolExpiry.Condition(snapshot) is { } condition ? (condition.Status, condition.Reason) : ("", "");

    private static RunResult Failed(string reason) => new() { Failure = new RunFailure { Class = FailureClass.Config, Reason = reason, Message = "It went wrong." } };

    private static PoolSnapshot Snapshot(PoolCache? cache)
    {
        var pool = PoolWorld.Pool();
        return PoolWorld.Snapshot(pool with { Spec = pool.Spec with { Cache = cache } }) with { Expiry = new ExpirySnapshot { Options = PoolWorld.Jobs } };
    }

    /// <summary>As the pool makes it, and as the cluster shows it later.</summary>
    private static ExpiryJob Job(PoolCache cache, int number, DateTimeOffset? ended = null, RunResult? result = null)
    {
        var snapshot = Snapshot(cache);
        for (var made = 1; made < number; made++) snapshot = snapshot.With(Job(cache, made, PoolWorld.Now.AddDays(-10), Lifecycle));
        var job = Plan(snapshot).Create!;
        job.Metadata.Uid = $"uid-of-{job.Metadata.Name}";
        job.Metadata.CreationTimestamp = PoolWorld.Now.UtcDateTime;
        if (ended is { } end) job.Status = new V1JobStatus { Conditions = [new V1JobCondition { Type = "Complete", Status = "True", LastTransitionTime = end.UtcDateTime }] };
        return new ExpiryJob(job, result);
    }
}

file static class ExpirySnapshots
{
    public static PoolSnapshot Used(this PoolSnapshot snapshot, string name, DateTimeOffset at)
    {
        var ledger = new Dictionary<string, CacheEntry>(snapshot.Expiry!.Ledger) { [name] = new CacheEntry { Namespace = "team-a", Scope = name, Platform = "linux/amd64", LastUsed = at } };
        return snapshot with { Expiry = snapshot.Expiry with { Ledger = ledger } };
    }

    public static PoolSnapshot With(this PoolSnapshot snapshot, params ExpiryJob[] jobs) => snapshot with { Expiry = snapshot.Expiry! with { Jobs = [.. snapshot.Expiry.Jobs, .. jobs] } };
}
