using System.Diagnostics;
using System.Globalization;
using Slipway.Api;
using Slipway.Runner;
using Slipway.Tests.E2E;

namespace Slipway.Bench.Chapters;

/// <summary>What a remote cache costs until there is a digest, what a fresh builder has of it, and how fast what is out of use goes.</summary>
internal static class Caches
{
    private const string Amd64 = "linux/amd64";
    private const string Secret = "s3";
    private const int Pairs = 5;
    private const int Steps = 10;
    private const int SweptManifests = 200;
    private const int SweptBlobs = 3800;

    public static async Task RunAsync(Report report)
    {
        await using var bed = await FarmBed.StartAsync();
        var server = bed.Cluster.S3!;
        await using var bucket = await BenchBucket.CreateAsync(server);
        await BuildsAsync(report, bed, "s3", new PoolCache { S3 = new PoolS3Cache { Bucket = bucket.Name, Region = "us-east-1", EndpointUrl = server.Endpoint, UsePathStyle = true, CredentialsSecretRef = new LocalReference { Name = Secret } } });
        await BuildsAsync(report, bed, "registry", null);
        await SweepAsync(report, server);
    }

    private static async Task BuildsAsync(Report report, FarmBed bed, string backend, PoolCache? cache)
    {
        report.Say($"{Pairs} pairs of builds with and without writing their cache in a {(cache is null ? "registry" : "bucket")}, by ImageBuild, and in one solve by buildctl");
        await using var pool = await BenchPool.CreateAsync(bed, backend, cache, new PoolPlatform { Platform = Amd64, BuildsPerBuilder = 4 });
        await TimeAsync(pool, "first", "Always");
        await using var plain = await PlainBuild.LikeAsync(bed.Client, pool.JobOf("first"));
        List<double> apart = [], together = [];
        for (var run = 0; run < Pairs; run++)
        {
            var (with, without) = await PairAsync(run, (name, written) => TimeAsync(pool, name, written ? "Always" : "Never"));
            apart.Add(((with / without) - 1) * 100);
            (with, without) = await PairAsync(run, (name, written) => plain.TimeAsync(Dockerfile($"plain-{name}"), written));
            together.Add(((with / without) - 1) * 100);
        }

        report.Add($"cache_export_percent_of_build_{backend}", "%", apart);
        report.Add($"cache_export_percent_in_one_solve_{backend}", "%", together);
        await FreshAsync(report, pool, backend);
    }

    /// <summary>In turn, now this first and now that.</summary>
    private static async Task<(double With, double Without)> PairAsync(int run, Func<string, bool, Task<double>> time)
    {
        if (run % 2 != 0) return (await time(Numbered("with", run), true), await time(Numbered("without", run), false));
        var without = await time(Numbered("without", run), false);
        return (await time(Numbered("with", run), true), without);
    }

    /// <summary>A cache is that of the build that wrote it last: buildctl alone has, until here.</summary>
    private static async Task FreshAsync(Report report, BenchPool pool, string backend)
    {
        await TimeAsync(pool, "last", "Always");
        await pool.RestartBuildersAsync();
        var build = Build(pool, "fresh", "last", "Never");
        await pool.TimeAsync(build);
        var cache = (await pool.Tenant.ReadAsync("fresh")).Status!.Platforms![0].Cache!;
        report.Add(backend == "s3" ? "remote_cache_hit_percent" : $"remote_cache_hit_percent_{backend}", "%", [100.0 * cache.Cached!.Value / cache.Steps!.Value]);
    }

    /// <summary>The next one begins when its cache is written: what is measured is not two of them at once.</summary>
    private static async Task<double> TimeAsync(BenchPool pool, string name, string export)
    {
        var seconds = (await pool.TimeAsync(Build(pool, name, name, export))).ToEnd;
        await pool.JobEndsAsync(name);
        return seconds;
    }

    private static V1Alpha1ImageBuild Build(BenchPool pool, string name, string content, string export)
    {
        var build = pool.Tenant.Inline(name, Dockerfile(content), Amd64);
        return build with { Spec = build.Spec with { Output = build.Spec.Output with { Image = pool.Tenant.Repository("cached") }, Cache = new BuildCache { Scope = "bench", Export = export } } };
    }

    /// <summary>
    /// Of 48 MB that ten steps write, which no compression makes smaller, a third is in the image: as it is with compilers and what they need.
    /// Each layer is less than the 5 MiB of which an upload in parts begins: the local cluster's S3 server loses one of several parts at times.
    /// </summary>
    private static string Dockerfile(string content)
    {
        var steps = Enumerable.Range(0, Steps).Select(step => string.Create(CultureInfo.InvariantCulture, $"RUN echo {content} > /name && head -c 4800000 /dev/urandom > /{step} && sleep 0.6\n"));
        var copies = Enumerable.Range(Steps - 3, 3).Select(step => string.Create(CultureInfo.InvariantCulture, $"COPY --from=build /{step} /{step}\n"));
        return $"FROM busybox:stable AS build\n{string.Concat(steps)}FROM busybox:stable\n{string.Concat(copies)}";
    }

    /// <summary>Everything is older than its time, and no rules of a bucket: the clock is a year ahead.</summary>
    private static async Task SweepAsync(Report report, TestS3 server)
    {
        report.Say($"a sweep of {SweptManifests + SweptBlobs} objects");
        await using var bucket = await BenchBucket.CreateAsync(server);
        await Parallel.ForEachAsync(Enumerable.Range(0, SweptManifests + SweptBlobs), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (number, token) => await bucket.PutAsync(
            number < SweptManifests ? Numbered("manifests/m", number) : $"blobs/sha256:{number:x64}",
            number < SweptManifests ? """{"layers":[],"records":[]}""" : "x",
            token));
        var keys = Directory.CreateTempSubdirectory("slipway-bench-").FullName;
        await File.WriteAllTextAsync(Path.Combine(keys, "AWS_ACCESS_KEY_ID"), server.AccessKey);
        await File.WriteAllTextAsync(Path.Combine(keys, "AWS_SECRET_ACCESS_KEY"), server.SecretKey);
        var expire = new ExpireCacheDescription
        {
            Owner = "bench",
            TtlSeconds = 24 * 3600,
            S3 = new S3CacheDescription { Bucket = bucket.Name, Region = "us-east-1", EndpointUrl = server.Endpoint, UsePathStyle = true, CredentialsDirectory = keys },
        };
        var started = Stopwatch.GetTimestamp();
        var result = await new ExpireCacheVerb(TextWriter.Null, new NextYear()).RunAsync(expire, default);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Directory.Delete(keys, recursive: true);
        var deleted = result.Expiry is { Complete: true, Manifests: { } manifests, Blobs: { } blobs } ? manifests.Deleted + blobs.Deleted : 0;
        if (deleted != SweptManifests + SweptBlobs) throw new InvalidOperationException($"The sweep deleted {deleted} objects: {result.Failure?.Message}");
        report.Add("sweep_objects_per_second", "/s", [deleted / seconds]);
    }

    private static string Numbered(string name, int number) => string.Create(CultureInfo.InvariantCulture, $"{name}-{number}");

    private sealed class NextYear : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddYears(1);
    }
}
