using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Leadership;

namespace Slipway.Tests.Integration.ApiServer;

/// <summary>Two operators on one cluster.</summary>
[Collection(ApiServerTests.Name)]
[Requirement("R20")]
public sealed class LeadershipTests(ApiServerFixture fixture) : IAsyncLifetime
{
    private static readonly NamespacedName LeaseName = new(LocalApiServer.OperatorNamespace, "slipway");

    // The fixture's own needs no lease, and would work beside them.
    public async ValueTask InitializeAsync() => await fixture.StopOperatorAsync();

    public async ValueTask DisposeAsync() => await fixture.StartOperatorAsync();

    [Fact]
    public async Task Operators_WhenTheLeaderStops_TheOtherGoesOnAtOnce()
    {
        var leader = await StartAsync("first");
        await HolderAsync("first");
        await using var other = await StartAsync("second");
        var story = await Story.WithFarmAsync(fixture);
        var build = await story.CreateBuildAsync("hello", Story.Amd64);
        var job = await story.Player.JobAsync(build, JobRoles.Build);
        (await LeaseAsync()).Spec!.HolderIdentity.ShouldBe("first", "the other is ready and does not lead");

        var stopped = TimeProvider.System.GetTimestamp();
        await leader.DisposeAsync();
        var lease = await HolderAsync("second");
        var took = TimeProvider.System.GetElapsedTime(stopped);
        await story.Player.EndAsync(job, await story.Player.StartAsync(job), Story.Pushed('a', published: true));
        await story.PhaseAsync(build, Phases.Succeeded);

        TestContext.Current.TestOutputHelper?.WriteLine($"{took.TotalMilliseconds:0} ms from the order to stop to the new leader");
        took.ShouldBeLessThan(new LeaderElectionOptions { Lease = LeaseName }.LeaseDuration, "it was given the lease, and did not wait for its end");
        lease.Spec!.LeaseTransitions.ShouldBe(2);
        lease.Spec.LeaseDurationSeconds.ShouldBe(15);
    }

    // kubernetes-client/csharp writes a whole second without its fraction, which the API server refuses.
    [Fact]
    public async Task Lease_WhenItsTimeIsAWholeSecond_IsTaken()
    {
        var whole = LeaseSpec.MicroTime(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
        var lease = new Lease { Metadata = new() { Name = $"whole-{Guid.NewGuid():N}", NamespaceProperty = LocalApiServer.OperatorNamespace }, Spec = new LeaseSpec { RenewTime = whole } };

        var stored = await fixture.Client.CreateAsync(lease, TestContext.Current.CancellationToken);

        stored.Spec!.RenewTime.ShouldBe(whole);
    }

    private Task<RunningOperator> StartAsync(string identity) => RunningOperator.StartAsync(
        LocalApiServer.OperatorSettings() with { LeaderElection = new LeaderElectionOptions { Lease = LeaseName, Identity = identity } }, fixture.OperatorConfig());

    private Task<Lease> HolderAsync(string identity) =>
        Eventually.SoAsync($"{identity} leads", async () => await fixture.Client.GetOrDefaultAsync<Lease>(LeaseName, default) ?? new Lease(), lease => lease.Spec?.HolderIdentity == identity);

    private Task<Lease> LeaseAsync() => fixture.Client.GetAsync<Lease>(LeaseName, default);
}
