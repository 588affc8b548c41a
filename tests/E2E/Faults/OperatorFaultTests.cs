using System.Globalization;
using Slipway.Api;
using Slipway.Builds;

namespace Slipway.Tests.E2E.Faults;

/// <summary>
/// The leader goes at ten moments of a build of two platforms, and nothing is lost or done twice. One build for each moment: those of
/// the others go on meanwhile, and bear all strikes from their creation on.
/// </summary>
public sealed class OperatorFaultTests(ClusterFixture fixture)
{
    /// <summary>The first time, the lease has to run out; after that, it is taken from the dead, so that ten strikes are not ten times fifteen seconds.</summary>
    [Fact]
    public Task OperatorKilled_AtTenMoments_BuildsEveryPlatformOnce() =>
        SurvivesAsync(nameof(OperatorKilled_AtTenMoments_BuildsEveryPlatformOnce), (leader, number) => leader.StrikeAsync("KILL", freesLease: number > 1), "exit code 137");

    /// <summary>The lease is given back.</summary>
    [Fact]
    public Task OperatorTerminated_AtTenMoments_BuildsEveryPlatformOnce() =>
        SurvivesAsync(nameof(OperatorTerminated_AtTenMoments_BuildsEveryPlatformOnce), (leader, _) => leader.StrikeAsync("TERM", freesLease: false), "exit code 0");

    private async Task SurvivesAsync(string test, Func<Leader, int, Task<LeaderEnd>> strikeAsync, string exit)
    {
        await Shared.JoinAsync(Use.Strikes, Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, test);
        await using var builds = await Recording<V1Alpha1ImageBuild>.StartAsync(fixture.Client, fault.Tenant.Name);
        var (url, _) = await fixture.Cluster.PushAsync(fault.Tenant.Name, new Dictionary<string, string> { ["Dockerfile"] = $"FROM scratch\nLABEL build={fault.Tenant.Name}\nCOPY Dockerfile /\n" });
        var known = new BuildMoments(fault, fixture.Cluster.Platforms, builds, url);
        var moments = known.All();

        var ends = await StrikeAllAsync(known, moments, strikeAsync);

        fault.Evidence.Add("the test", ends.Select(end => end.Strike));
        fault.Evidence.AddSeen("kubelet, in the pods' status", ends.Select(end => end.Kubelet), exit);
        foreach (var moment in moments) await ShouldBeBuiltOnceAsync(fault, moment.Build);
        fault.Evidence.Add("the API server's watch of the Jobs", fault.Jobs.Lines());
        ends.Count.ShouldBe(10);
        ends.ShouldAllBe(end => end.Kubelet.Contains(exit));
        await fault.ShouldBeExplainedAsync();
    }

    private async Task<IReadOnlyList<LeaderEnd>> StrikeAllAsync(BuildMoments known, IReadOnlyList<BuildMoment> moments, Func<Leader, int, Task<LeaderEnd>> strikeAsync)
    {
        var ends = new List<LeaderEnd>();
        var created = new HashSet<string>();
        for (var index = 0; index < moments.Count; index++)
        {
            var moment = moments[index];
            using (await Shared.ChangesLeaderAsync())
            {
                var turn = TimeProvider.System.GetTimestamp();
                var leader = await Leader.FindAsync(fixture);
                if (created.Add(moment.Build)) await moment.CreateAsync();
                // The next one is on its way by then.
                if (index + 1 < moments.Count && moments[index + 1].IsHeld && created.Add(moments[index + 1].Build)) await moments[index + 1].CreateAsync();
                await moment.ArriveAsync();
                var seen = known.Describe(moment.Build);
                var arrived = TimeProvider.System.GetElapsedTime(turn);
                var end = await strikeAsync(leader, index + 1);
                ends.Add(end with { Strike = string.Create(CultureInfo.InvariantCulture, $"{index + 1}. {moment.Name} ({seen}): {end.Strike}") });
                TestContext.Current.TestOutputHelper!.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{arrived.TotalSeconds:0.0} s to the moment, {TimeProvider.System.GetElapsedTime(turn).TotalSeconds:0.0} s in all: {ends[^1].Strike}; kubelet: {end.Kubelet}"));
            }

            moment.GoOn();
        }

        return ends;
    }

    private async Task ShouldBeBuiltOnceAsync(Fault fault, string build)
    {
        var status = await fault.SucceedsAsync(build);
        fault.Jobs.Of(build, JobRoles.Build).Select(job => job.Platform).ShouldBe(fixture.Cluster.Platforms, ignoreOrder: true, build);
        fault.Jobs.Of(build, JobRoles.Publish).Count.ShouldBe(1, build);
        fault.Jobs.Of(build, JobRoles.Prepare).Count.ShouldBe(status.Commit is null ? 0 : 1, build);
        (status.FailedAttempts ?? []).ShouldBeEmpty(build);
        (await fault.TagAsync(build)).ShouldBe(status.IndexDigest, build);
    }
}
