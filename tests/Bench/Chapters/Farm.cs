using System.Globalization;
using Slipway.Api;

namespace Slipway.Bench.Chapters;

/// <summary>What a build takes on real builders: from nothing, cold, warm, from the registry's cache, and on two platforms.</summary>
internal static class Farm
{
    private const string Amd64 = "linux/amd64";
    private const string Arm64 = "linux/arm64";
    private const int Runs = 3;
    private const int Sleep = 15;

    /// <summary>Of a build that is long enough for what comes before and after it not to be most of it.</summary>
    private const int LongSleep = 60;
    private const int CachedRuns = 6;

    public static async Task RunAsync(Report report)
    {
        await using var bed = await FarmBed.StartAsync();
        await FromZeroAsync(report, bed);
        await ProgramAsync(report, bed);
        await TwoPlatformsAsync(report, bed);
        await OverheadAsync(report, bed);
    }

    private static async Task FromZeroAsync(Report report, FarmBed bed)
    {
        report.Say($"{Runs} builds on a pool at zero");
        await using var pool = await BenchPool.CreateAsync(bed, "zero", Platform(Amd64) with { Replicas = new PoolReplicas { Min = 0, Max = 1 } });
        var times = new List<double>();
        for (var run = 0; run < Runs; run++)
        {
            await pool.UntilAtZeroAsync();
            times.Add((await pool.TimeAsync(Sleeping(pool, $"zero-{run}", 0, Amd64))).ToJob);
        }

        report.Add("scale_from_zero_s", "s", times);
    }

    /// <summary>Each round starts on builders with empty disks, and with a scope of its own, so that the registry has no cache either.</summary>
    private static async Task ProgramAsync(Report report, FarmBed bed)
    {
        report.Say($"the demo's program, {Runs} rounds");
        var files = Directory.EnumerateFiles(Repository.Path("tests", "demo", "app")).ToDictionary(file => Path.GetFileName(file), File.ReadAllText);
        var (url, commit) = await bed.Cluster.PushAsync("bench", files);
        await using var pool = await BenchPool.CreateAsync(bed, "program", Platform(Amd64), Platform(Arm64));
        List<double> cold = [], warm = [], remote = [], ratios = [];
        for (var round = 0; round < Runs; round++)
        {
            if (round > 0) await pool.RestartBuildersAsync();
            cold.Add(await TimeAsync("cold", round, Amd64));
            ratios.Add(await TimeAsync("cold-arm64", round, Arm64) / cold[^1]);
            warm.Add(await TimeAsync("warm", round, Amd64));
            await pool.RestartBuildersAsync();
            remote.Add(await TimeAsync("remote", round, Amd64));
        }

        report.Add("cold_build_s", "s", cold);
        report.Add("local_warm_build_s", "s", warm);
        report.Add("remote_cache_build_s", "s", remote);
        report.Add("amd64_native_vs_arm64_qemu_ratio", "x", ratios);

        async Task<double> TimeAsync(string name, int round, string platform)
        {
            var build = pool.Tenant.Git(Numbered(name, round), url, commit, platform);
            return (await pool.TimeAsync(build with { Spec = build.Spec with { Cache = new BuildCache { Scope = Numbered("round", round) } } })).ToEnd;
        }
    }

    private static async Task TwoPlatformsAsync(Report report, FarmBed bed)
    {
        report.Say($"{Runs} builds of each platform and of both");
        await using var pool = await BenchPool.CreateAsync(bed, "two", Platform(Amd64), Platform(Arm64));
        var ratios = new List<double>();
        for (var run = 0; run < Runs; run++)
        {
            var amd64 = (await pool.TimeAsync(Sleeping(pool, Numbered("amd64", run), Sleep, Amd64))).ToEnd;
            var arm64 = (await pool.TimeAsync(Sleeping(pool, Numbered("arm64", run), Sleep, Arm64))).ToEnd;
            var both = (await pool.TimeAsync(Sleeping(pool, Numbered("both", run), Sleep, Amd64, Arm64))).ToEnd;
            ratios.Add(both / Math.Max(amd64, arm64));
        }

        report.Add("two_platform_vs_slower_ratio", "x", ratios);
    }

    /// <summary>The same builds by ImageBuilds and by buildctl alone, on one builder, in turn, now this first and now that.</summary>
    private static async Task OverheadAsync(Report report, FarmBed bed)
    {
        report.Say($"{Runs} builds of {LongSleep} s and {CachedRuns} cached ones, by ImageBuild and by buildctl");
        await using var pool = await BenchPool.CreateAsync(bed, "overhead", Platform(Amd64) with { Replicas = new PoolReplicas { Min = 1, Max = 1 } });
        var cached = Dockerfile("cached", 0);
        await pool.TimeAsync(Like(pool, "first", cached));
        await using var plain = await PlainBuild.LikeAsync(bed.Client, pool.JobOf("first"));
        // Both have a layer of their own to push the first time.
        await plain.TimeAsync(cached);

        var longer = new List<Pair>();
        for (var run = 0; run < Runs; run++) longer.Add(await PairAsync(pool, plain, Numbered("long", run), Dockerfile(Numbered("slipway", run), LongSleep), Dockerfile(Numbered("plain", run), LongSleep), run));
        report.Add("overhead_vs_buildctl_percent", "%", longer.Select(pair => ((pair.Slipway / pair.Plain) - 1) * 100));
        report.Note("overhead_vs_buildctl_percent", Text(longer));

        var quick = new List<Pair>();
        for (var run = 0; run < CachedRuns; run++) quick.Add(await PairAsync(pool, plain, Numbered("cached", run), cached, cached, run));
        report.Add("overhead_vs_buildctl_s", "s", quick.Select(pair => pair.Slipway - pair.Plain));
        report.Note("overhead_vs_buildctl_s", Text(quick));
    }

    private static async Task<Pair> PairAsync(BenchPool pool, PlainBuild plain, string name, string dockerfile, string plainDockerfile, int run)
    {
        double? before = run % 2 == 0 ? null : await plain.TimeAsync(plainDockerfile);
        var slipway = (await pool.TimeAsync(Like(pool, name, dockerfile))).ToEnd;
        return new Pair(slipway, before ?? await plain.TimeAsync(plainDockerfile));
    }

    /// <summary>Whatever its name, of one image and so of one scope, with provenance and SBOM as builds have them by default.</summary>
    private static V1Alpha1ImageBuild Like(BenchPool pool, string name, string dockerfile)
    {
        var build = pool.Tenant.Inline(name, dockerfile, Amd64);
        return build with { Spec = build.Spec with { Output = build.Spec.Output with { Image = pool.Tenant.Repository("overhead") } } };
    }

    private static string Dockerfile(string name, int seconds) => string.Create(CultureInfo.InvariantCulture, $"FROM busybox:stable\nRUN echo {name} > /name && sleep {seconds}\n");

    private static string Text(List<Pair> pairs) => string.Create(CultureInfo.InvariantCulture,
        $"{pairs.Average(pair => pair.Slipway):0.00} s by ImageBuild, {pairs.Average(pair => pair.Plain):0.00} s by buildctl");

    private static PoolPlatform Platform(string platform) => new() { Platform = platform };

    private static V1Alpha1ImageBuild Sleeping(BenchPool pool, string name, int seconds, params string[] platforms)
    {
        var build = pool.Tenant.Inline(name, string.Create(CultureInfo.InvariantCulture, $"FROM busybox:stable\nRUN echo {pool.Tenant.Name}/{name} && sleep {seconds}\n"), platforms);
        return build with { Spec = build.Spec with { Attestations = new BuildAttestations { Provenance = "None", Sbom = false } } };
    }

    private static string Numbered(string name, int number) => string.Create(CultureInfo.InvariantCulture, $"{name}-{number}");

    /// <summary>Seconds of one build, either way.</summary>
    private sealed record Pair(double Slipway, double Plain);
}
