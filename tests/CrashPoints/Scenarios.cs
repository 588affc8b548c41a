using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube.Client;
using Slipway.Pki;
using Slipway.Pools;
using Slipway.Runner;

namespace Slipway.Tests.CrashPoints;

/// <summary>A story from nothing to nothing.</summary>
internal sealed record Scenario(Func<Stage, Task> PlayAsync)
{
    /// <summary>How long the operator keeps the Jobs of builds that succeeded.</summary>
    public TimeSpan KeepSucceeded { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>Together they reach every write that the operator knows; CrashPointTests holds them to that.</summary>
internal static class Scenarios
{
    public static readonly IReadOnlyDictionary<string, Scenario> All = new Dictionary<string, Scenario>
    {
        ["publish"] = new(PublishAsync) { KeepSucceeded = TimeSpan.FromMilliseconds(200) },
        ["rerun"] = new(RerunAsync),
        ["failure"] = new(FailureAsync),
        ["again"] = new(AgainAsync),
        ["cancel"] = new(CancelAsync),
        ["retire"] = new(RetireAsync),
        ["change"] = new(ChangeAsync),
        ["leftover"] = new(LeftoverAsync),
        ["cache"] = new(CacheAsync),
    };

    /// <summary>A pool, a build, two platforms, publish, and all of the build once more.</summary>
    public static readonly Scenario Whole = new(WholeAsync);

    private static async Task WholeAsync(Stage stage)
    {
        await stage.StartOperatorAsync();
        await stage.FarmAsync();
        var build = await stage.Story.CreateBuildAsync("hello", Story.Amd64, Story.Arm64);
        await PublishAsync(stage, build);
        await stage.SameAsync("it is published");
        await stage.RerunAsync(build);
        await PublishAsync(stage, build);
        await stage.SameAsync("it is published again");
        await stage.EndAsync();
    }

    /// <summary>A commit, two platforms, one index with its tags; then nobody needs the Jobs any more.</summary>
    private static async Task PublishAsync(Stage stage)
    {
        await stage.StartOperatorAsync();
        await stage.FarmAsync();
        var build = await stage.Story.CreateBuildAsync("hello", Story.Amd64, Story.Arm64);
        await PublishAsync(stage, build);
        await stage.CollectUntilAsync("its Jobs are gone", stage.HasNoJobsAsync);
        await stage.SameAsync("it is published and cleared away");
        await stage.EndAsync();
    }

    private static async Task PublishAsync(Stage stage, V1Alpha1ImageBuild build)
    {
        await stage.RunAsync(build, JobRoles.Prepare, Story.Prepared);
        await stage.BuildingAsync(1, 1);
        await stage.RunAsync(build, JobRoles.Build, Story.Pushed('1'), Story.Amd64);
        await stage.PlatformAsync(build, Story.Amd64, PlatformPhases.Succeeded);
        await stage.BuildingAsync(0, 1);
        await stage.RunAsync(build, JobRoles.Build, Story.Pushed('4'), Story.Arm64);
        await stage.Story.PhaseAsync(build, Phases.Publishing);
        await stage.BuildingAsync(0, 0);
        await stage.RunAsync(build, JobRoles.Publish, Story.Published);
        await stage.Story.PhaseAsync(build, Phases.Succeeded);
    }

    /// <summary>An inline source, built, and built again: what the first time has left goes first.</summary>
    private static async Task RerunAsync(Stage stage)
    {
        await stage.StartOperatorAsync();
        await stage.FarmAsync();
        var build = await stage.Story.CreateInlineBuildAsync("hello");
        await BuildAsync(stage, build, 'a');
        await stage.SameAsync("it is built");

        await stage.RerunAsync(build);
        await BuildAsync(stage, build, 'b');
        await stage.SameAsync("it is built again");
        await stage.EndAsync();
    }

    private static async Task BuildAsync(Stage stage, V1Alpha1ImageBuild build, char digit)
    {
        await stage.Story.PhaseAsync(build, Phases.Building);
        await stage.BuildingAsync(1, 0);
        await stage.RunAsync(build, JobRoles.Build, Story.Pushed(digit, published: true));
        await Eventually.SoAsync("it has ended", () => stage.Story.ReadAsync(build), seen => seen.Status?.IndexDigest == Story.Digest(digit));
        await stage.BuildingAsync(0, 0);
    }

    /// <summary>One platform fails, and what still runs is ended.</summary>
    private static async Task FailureAsync(Stage stage)
    {
        await stage.StartOperatorAsync();
        await stage.FarmAsync();
        var build = await stage.Story.CreateBuildAsync("hello", Story.Amd64, Story.Arm64);
        await stage.RunAsync(build, JobRoles.Prepare, Story.Prepared);
        var other = await stage.Player.JobAsync(build, JobRoles.Build, Story.Arm64);
        await stage.Player.StartAsync(other);
        await stage.BuildingAsync(1, 1);
        var failure = new RunFailure { Class = FailureClass.User, Reason = FailureReasons.RunStepFailed, Message = "A step failed." };
        await stage.RunAsync(build, JobRoles.Build, new RunResult { Failure = failure, DurationSeconds = 3 }, Story.Amd64);
        await stage.CollectUntilAsync("the other Job is gone", async () => (await stage.Player.JobsAsync(build)).All(job => job.Metadata.Uid != other.Metadata.Uid));
        await stage.Story.PhaseAsync(build, Phases.Failed);
        await stage.SameAsync("it has failed");
        await stage.EndAsync();
    }

    /// <summary>What the network spoils is tried again, and the object goes when its time is over.</summary>
    private static async Task AgainAsync(Stage stage)
    {
        await stage.StartOperatorAsync();
        await stage.FarmAsync();
        var build = await stage.Story.CreateInlineBuildAsync("hello");
        await stage.BuildingAsync(1, 0);
        var failure = new RunFailure { Class = FailureClass.Infrastructure, Reason = FailureReasons.BuilderUnreachable, Message = "The builder does not answer." };
        await stage.RunAsync(build, JobRoles.Build, new RunResult { Failure = failure, DurationSeconds = 3 });
        await Eventually.SoAsync("its second Job is there", () => stage.Player.JobsAsync(build), jobs => jobs.Count == 2);
        await stage.BuildingAsync(1, 0);
        var second = (await stage.Player.JobsAsync(build)).Single(job => job.Metadata.Annotations[SlipwayApi.AttemptAnnotation] == "2");
        await stage.RunAsync(second, Story.Pushed('a', published: true));
        await stage.Story.PhaseAsync(build, Phases.Succeeded);
        await stage.SameAsync("it has succeeded at the second attempt");

        await stage.Story.EditAsync(build, new JsonObject { ["spec"] = new JsonObject { ["ttlAfterFinished"] = "0s" } });
        await stage.CollectUntilAsync("it is gone", async () => (await stage.Player.ListAsync<V1Alpha1ImageBuild>(stage.Story.Tenant)).Count == 0);
        await stage.EndAsync();
    }

    /// <summary>A cache in a bucket: a Job sees that it goes, the ledger that it is used; another spec of it has a Job of its own.</summary>
    private static async Task CacheAsync(Stage stage)
    {
        await stage.StartOperatorAsync();
        await stage.FarmAsync();
        await stage.EditPoolAsync(Bucket("336h"));
        await ExpireAsync(stage);
        var build = await stage.Story.CreateInlineBuildAsync("hello");
        await BuildAsync(stage, build, 'a');
        await Eventually.SoAsync("the ledger knows of it", () => stage.Player.ListAsync<V1ConfigMap>(stage.Story.Builders), maps => maps.Any(map => map.Metadata.Name == ChildNames.CacheLedger("farm") && map.Data is { Count: 1 }));
        await stage.SameAsync("it is built, and noted");

        await stage.EditPoolAsync(Bucket("100h"));
        await ExpireAsync(stage);
        await stage.SameAsync("its time is another");
        await stage.EndAsync();
    }

    private static JsonObject Bucket(string ttl) => new()
    {
        ["cache"] = new JsonObject { ["ttl"] = ttl, ["s3"] = new JsonObject { ["bucket"] = "acme-cache", ["region"] = "us-east-1" } },
    };

    /// <summary>The Job that has not ended, once what there was before is gone.</summary>
    private static async Task ExpireAsync(Stage stage)
    {
        await stage.CollectUntilAsync("the Job is there alone", async () => await stage.Player.ListAsync<V1Job>(stage.Story.Builders) is [{ Status.Conditions: null or { Count: 0 } }]);
        await stage.RunAsync((await stage.Player.ListAsync<V1Job>(stage.Story.Builders)).Single(), new RunResult { Expiry = new ExpiryResult { Means = ExpiryResult.Lifecycle, Complete = true } });
        await stage.PoolAsync("says so", pool => pool.Status?.Conditions.IsTrue(Conditions.CacheExpiryApplied) is true);
    }

    /// <summary>Cancelled while it builds: its Job goes first.</summary>
    private static async Task CancelAsync(Stage stage)
    {
        await stage.StartOperatorAsync();
        await stage.FarmAsync();
        var build = await stage.Story.CreateInlineBuildAsync("hello");
        await stage.Player.StartAsync(await stage.Player.JobAsync(build, JobRoles.Build));
        await stage.BuildingAsync(1, 0);
        await stage.Story.EditAsync(build, new JsonObject { ["spec"] = new JsonObject { ["cancel"] = true } });
        await stage.CollectUntilAsync("its Job is gone", stage.HasNoJobsAsync);
        await stage.Story.PhaseAsync(build, Phases.Cancelled);
        await stage.BuildingAsync(0, 0);
        await stage.SameAsync("it is cancelled");
        await stage.EndAsync();
    }

    /// <summary>A pool loses a platform.</summary>
    private static async Task RetireAsync(Stage stage)
    {
        await stage.StartOperatorAsync();
        await stage.FarmAsync();
        await stage.SameAsync("both platforms are ready");
        await stage.EditPoolAsync(new JsonObject { ["platforms"] = new JsonArray(new JsonObject { ["platform"] = Story.Amd64 }) });
        await stage.CollectUntilAsync("its builders are gone", async () => (await stage.Player.ListAsync<V1Pod>(stage.Story.Builders)).Count == 1);
        await stage.SameAsync("one platform is left");
        await stage.EndAsync();
    }

    /// <summary>A pool gets another image, then larger volumes, then no policy: its builder is rolled, and taken over by another StatefulSet and rolled.</summary>
    private static async Task ChangeAsync(Stage stage)
    {
        var platform = new PoolPlatform { Platform = Story.Amd64, Storage = new PoolStorage { Size = new ResourceQuantity("1Gi"), StorageClassName = LocalApiServer.StorageClass } };
        var larger = platform with { Storage = platform.Storage with { Size = new ResourceQuantity("2Gi") } };
        await stage.StartOperatorAsync();
        await stage.FarmAsync(await stage.Story.CreatePoolAsync(platform));
        await stage.RollAsync(new JsonObject { ["image"] = "moby/buildkit:v0.13.1-rootless" });
        await stage.SameAsync("its builder has another image");

        await stage.RollAsync(new JsonObject { ["platforms"] = new JsonArray(KubeJson.ToNode(larger)) });
        await stage.SameAsync("its volume is larger");

        await stage.EditPoolAsync(new JsonObject { ["networkPolicy"] = new JsonObject { ["mode"] = "None" } });
        await Eventually.SoAsync("its policy is gone", () => stage.Player.ListAsync<V1NetworkPolicy>(stage.Story.Builders), policies => policies.Count == 0);
        await stage.SameAsync("it has no policy");
        await stage.EndAsync();
    }

    /// <summary>An operator that died between a server's certificate and its StatefulSet has left what nobody can read.</summary>
    private static async Task LeftoverAsync(Stage stage)
    {
        var pool = await stage.Story.CreatePoolAsync();
        var plan = PoolPlanner.Plan(new PoolSnapshot { Pool = pool, Options = new PoolOptions(), Now = TimeProvider.System.GetUtcNow(), ApiServer = [LocalApiServer.Address] });
        plan.Certificates.ShouldNotBeEmpty();
        foreach (var order in plan.Certificates)
        {
            var lost = PkiObjects.Secret(order.Secret, "lost", new CertificatePair("lost", "lost"));
            lost.Metadata.OwnerReferences = [Kube.Writing.OwnerReferences.ControlledBy(pool)];
            await stage.Story.Client.CreateAsync(lost, default);
        }

        await stage.StartOperatorAsync();
        await stage.Player.StartBuildersAsync(pool);
        await stage.Story.ReadyPoolAsync();
        await stage.SameAsync("the pool is ready");
        await stage.EndAsync();
    }
}
