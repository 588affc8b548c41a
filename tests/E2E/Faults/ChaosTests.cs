using System.Globalization;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube.Client;

namespace Slipway.Tests.E2E.Faults;

/// <summary>
/// Many builds at once, and the operator killed at random moments of theirs: all of them succeed, and no Job is made but the first of
/// each build and platform and those that a recorded failure explains.
/// </summary>
public sealed class ChaosTests(ClusterFixture fixture)
{
    private static readonly int Builds = Sample.TakesAll ? 200 : 24;
    private static readonly int Kills = Sample.TakesAll ? 10 : 2;
    private static readonly TimeSpan Patience = Sample.TakesAll ? TimeSpan.FromMinutes(40) : TimeSpan.FromMinutes(6);

    /// <summary>One in so many is of all platforms.</summary>
    private const int AllPlatforms = 5;

    [Fact]
    public async Task Builds_WhileTheOperatorIsKilledAtRandom_AllSucceedAndNoneTwice()
    {
        await Shared.JoinAsync(Use.Strikes, Use.CountsOn);
        await using var tenant = await fixture.TenantAsync(writesCache: true);
        await using var jobs = await JobWatch.StartAsync(fixture.Client, tenant.Name);
        var wanted = Enumerable.Range(0, Builds).Select(number => BuildOf(tenant, number)).ToList();
        Console.WriteLine($"chaos: {Builds} builds, {Kills} kills (seed {Sample.Seed})");

        // Any choice does that is the same each time.
#pragma warning disable CA5394
        var random = new Random(Sample.Seed);
        foreach (var part in wanted.Chunk(Builds / Kills)) await CreateAndKillAsync(tenant, jobs, part, random.Next(part.Sum(FirstJobs)) + 1);
#pragma warning restore CA5394
        var ended = await Wait.UntilAsync("all builds have ended", Patience, () => ReadAsync(tenant), all => all.All(HasEnded), TimeSpan.FromSeconds(1));

        var differences = await DifferencesAsync(tenant, ended, jobs);
        var retries = ended.Sum(build => build.Status!.FailedAttempts?.Count ?? 0);
        Console.WriteLine($"chaos: {jobs.Jobs.Count} Jobs, {wanted.Sum(FirstJobs)} of them first ones, {retries} retries recorded; {Kills} kills (seed {Sample.Seed})");
        Sample.Tally(Kills, "kills", differences.Values.Sum(of => of.Count));
        Console.WriteLine($"bench: chaos_builds_ok={ended.Count(build => differences[build.Metadata.Name].Count == 0)} builds");
        differences.Values.SelectMany(of => of).ShouldBeEmpty();
        ended.Count.ShouldBe(Builds);
        jobs.Jobs.Count.ShouldBe(wanted.Sum(FirstJobs) + retries);
    }

    /// <summary>
    /// Kills when so many more Jobs have been created, at most as many as the new builds will have: they are not at their end by then. The
    /// lease has to run out.
    /// </summary>
    private async Task CreateAndKillAsync(Tenant tenant, JobWatch jobs, IReadOnlyList<V1Alpha1ImageBuild> builds, int after)
    {
        using var change = await Shared.ChangesLeaderAsync();
        var leader = await Leader.FindAsync(fixture);
        var moment = jobs.Jobs.Count + after;
        foreach (var build in builds) await tenant.CreateAsync(build);
        await Wait.UntilAsync($"Job {moment} is created", Patience, () => Task.FromResult(jobs.Jobs.Count), count => count >= moment, TimeSpan.FromMilliseconds(50));
        var going = (await ReadAsync(tenant)).Count(build => !HasEnded(build));
        var end = await leader.StrikeAsync("KILL", freesLease: false);
        TestContext.Current.TestOutputHelper!.WriteLine($"After Job {moment}, {going} builds going on: {end.Strike}; kubelet: {end.Kubelet}");
        going.ShouldBeGreaterThan(0);
    }

    /// <summary>By the build's name, what is not as it should be.</summary>
    private async Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> DifferencesAsync(Tenant tenant, IReadOnlyList<V1Alpha1ImageBuild> builds, JobWatch jobs)
    {
        using var registry = new RegistryReader(fixture.Cluster.Registry);
        var differences = new Dictionary<string, IReadOnlyList<string>>();
        foreach (var build in builds)
        {
            var (name, status) = (build.Metadata.Name, build.Status!);
            var of = jobs.Unexplained([build]).ToList();
            if (status.Phase != Phases.Succeeded) of.Add($"{name} is {status.Phase}: {status.Failure?.Reason} {status.Failure?.Message}");
            var firsts = jobs.Jobs.Where(job => job.Owner?.Uid == build.Metadata.Uid).GroupBy(job => (job.Role, job.Platform)).Count();
            if (firsts != FirstJobs(build)) of.Add($"{name} has first Jobs of {firsts} roles and platforms, not of {FirstJobs(build)}");
            var tag = await registry.DigestAsync(tenant.Repository(name), "1");
            if (tag is null || tag != status.IndexDigest) of.Add($"{name} is {status.IndexDigest}, and its tag points at {tag}");
            differences[name] = of;
        }

        return differences;
    }

    private V1Alpha1ImageBuild BuildOf(Tenant tenant, int number)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"build-{number:000}");
        string[] platforms = number % AllPlatforms == 0 ? [.. fixture.Cluster.Platforms] : [fixture.Cluster.Platforms[0]];
        return Fault.Without(tenant.Inline(name, $"FROM scratch\nLABEL build={tenant.Name}/{name}\nCOPY Dockerfile /\n", platforms));
    }

    /// <summary>One for each platform, and one that publishes where there are several.</summary>
    private static int FirstJobs(V1Alpha1ImageBuild build) => build.Spec.Platforms!.Count is var platforms and > 1 ? platforms + 1 : 1;

    private static bool HasEnded(V1Alpha1ImageBuild build) => build.Status?.Conditions.IsTrue(Conditions.Complete) is true;

    private async Task<IReadOnlyList<V1Alpha1ImageBuild>> ReadAsync(Tenant tenant) =>
        (await fixture.Client.ListPageAsync<V1Alpha1ImageBuild>(new ListQuery { Namespace = tenant.Name }, default)).Items;
}
