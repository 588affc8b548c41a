using System.Text.Json;
using System.Text.RegularExpressions;
using Slipway.Runner;
using Slipway.S3;

namespace Slipway.Tests.Unit.Runner;

/// <summary>
/// Each file in Golden/cache is the stderr of a real buildctl: captured (its version in the header) or quoted from an issue, with
/// what it has to come to.
/// </summary>
public sealed class CacheProblemsTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Runner", "Golden", "cache");

    public static TheoryData<string> Names => [.. Directory.GetFiles(Folder, "*.txt").Select(path => Path.GetFileNameWithoutExtension(path)).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void Of_WhatARealBuildctlSaid_TellsWhatWasWrong(string name)
    {
        var (header, outcome) = Read(name);
        using var deadline = new Deadline(TimeSpan.FromMinutes(1), TimeProvider.System, CancellationToken.None);

        var problem = outcome.Solve.WritesCache ? CacheProblems.OfExport(outcome, deadline).Problem : CacheProblems.OfBuild(outcome) ?? CacheProblems.OfImport(outcome);

        (header.ContainsKey("buildctl") ^ header.ContainsKey("quoted")).ShouldBeTrue("the header says where the text is from");
        (problem?.Kind.ToString() ?? "None").ShouldBe(header["expect"]);
        problem?.Message.ShouldContain(header.GetValueOrDefault("says", ""));
        problem?.Message.ShouldEndWith(".");
    }

    /// <summary>It would be built anew for nothing.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void OfBuild_WhereTheCacheCannotBeWritten_DoesNotTakeItForAHoleInIt(string name)
    {
        var (_, outcome) = Read(name);
        if (outcome.Solve.WritesCache) CacheProblems.OfBuild(outcome).ShouldBeNull();
    }

    [Theory]
    [InlineData("failed to copy: httpReadSeeker: failed open: unexpected status code https://cache.example.com/v2/cache/blobs/sha256:aa: 503 Service Unavailable", true)]
    [InlineData("failed to copy: httpReadSeeker: failed open: unexpected status code https://hub.example.com/v2/library/debian/blobs/sha256:aa: 503 Service Unavailable", false)]
    [InlineData("failed to do request: Get \"https://cache.example.com/v2/cache/blobs/sha256:aa\": dial tcp 198.18.0.1:443: connect: connection refused", true)]
    public void OfBuild_WhenABlobCannotBeFetched_BlamesTheCacheWhereItIsTheCaches(string error, bool blamed) =>
        (CacheProblems.OfBuild(Outcome(Registry, [Failed(error)])) is not null).ShouldBe(blamed);

    [Theory]
    [InlineData("operation error S3: GetObject, https response error StatusCode: 403, api error AccessDenied")]
    [InlineData("operation error S3: GetObject, https response error StatusCode: 503, api error SlowDown")]
    public void OfBuild_WhenTheBucketRefusesABlob_BlamesTheCache(string error) =>
        CacheProblems.OfBuild(Outcome(Bucket, [Failed(error)]))!.Kind.ShouldBe(CacheProblemKind.Broken);

    /// <summary>With a cache in a bucket, what a registry has lost is of an image: every step would run again for nothing.</summary>
    [Fact]
    public void OfBuild_WhenALayerOfAnImageIsGone_DoesNotBlameTheBucket()
    {
        const string Gone = "failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:aa (application/vnd.oci.image.layer.v1.tar+gzip) from remote: not found";
        CacheProblems.OfBuild(Outcome(Bucket, [Failed(Gone)])).ShouldBeNull();
        CacheProblems.OfBuild(Outcome(Registry, [Failed(Gone)])).ShouldNotBeNull();
    }

    /// <summary>Nobody says whose it was.</summary>
    [Fact]
    public void OfBuild_WhereOthersAreRead_DoesNotSayThatItWasTheBuildsOwn()
    {
        const string Gone = "failed to copy: operation error S3: GetObject, https response error StatusCode: 404, api error NoSuchKey";
        CacheProblems.OfBuild(Outcome(Bucket, [Failed(Gone)]))!.Message.ShouldBe("A part of the build's cache is gone from where it is kept.");
        CacheProblems.OfBuild(Outcome(Bucket with { Others = ["main"] }, [Failed(Gone)]))!.Message.ShouldBe("A part of the build's cache, or of another that it reads, is gone from where it is kept.");
    }

    /// <summary>A step's command is the user's text.</summary>
    [Fact]
    public void OfBuild_WhenAStepSpeaksLikeACache_IsNotFooled() =>
        CacheProblems.OfBuild(Outcome(Bucket, [Failed("process \"/bin/sh -c echo S3: GetObject 404 NoSuchKey; exit 1\" did not complete successfully: exit code: 1")])).ShouldBeNull();

    [Fact]
    public void OfBuild_WhenNothingWasImported_BlamesNoCache()
    {
        var outcome = Outcome(Bucket, [Failed("failed to copy: operation error S3: GetObject, https response error StatusCode: 404, api error NoSuchKey")]);
        CacheProblems.OfBuild(outcome).ShouldNotBeNull();
        CacheProblems.OfBuild(outcome with { Solve = outcome.Solve with { Imports = false } }).ShouldBeNull();
    }

    /// <summary>Its own builds tell of it, and mend it.</summary>
    [Theory]
    [InlineData("cache.example.com/cache:x", true)]
    [InlineData("cache.example.com/cache:another", false)]
    public void OfImport_WhenAnotherCacheCannotBeRead_IsNoTroubleOfThisOne(string cache, bool told)
    {
        var vertex = JsonSerializer.Serialize(new
        {
            vertexes = new[] { new { digest = "a", name = $"importing cache manifest from {cache}", started = "2026-01-01T00:00:00Z", completed = "2026-01-01T00:00:01Z", error = "failed to configure registry cache importer: unexpected EOF" } },
        });
        (CacheProblems.OfImport(Outcome(Registry, [vertex], exitCode: 0)) is not null).ShouldBe(told);
    }

    private static CacheDescription Registry => new() { Name = "x", Registry = new RegistryCacheDescription { Repository = "cache.example.com/cache" } };

    private static CacheDescription Bucket => new() { Name = "x", S3 = new S3CacheDescription { Bucket = "cache", Region = "us-east-1" } };

    private static string Failed(string error) => JsonSerializer.Serialize(new
    {
        vertexes = new[] { new { digest = "a", name = "[2/2] RUN make", started = "2026-01-01T00:00:00Z", completed = "2026-01-01T00:00:01Z", error } },
    });

    private static SolveOutcome Outcome(CacheDescription cache, IEnumerable<string> stderr, bool writes = false, int exitCode = 1)
    {
        var progress = new ProgressReader();
        foreach (var line in stderr) progress.Read(line);
        progress.End();
        var solve = RunnerSamples.Solve(RunnerSamples.Build with { Cache = cache }, new S3Keys("id", "secret", null)) with { WritesCache = writes };
        return new SolveOutcome(solve, new BuildctlEnd(exitCode, StopReason.None), progress);
    }

    /// <summary>The cache that it was told to read; null where it was none.</summary>
    private static CacheDescription? ImportedBy(IEnumerable<string> said) =>
        said.Select(line => Regex.Match(line, "importing cache manifest from ([^\\s\"]+):([^:\\s\"]+)\"")).FirstOrDefault(match => match.Success) is { } import
            ? new CacheDescription { Name = import.Groups[2].Value, Registry = new RegistryCacheDescription { Repository = import.Groups[1].Value } }
            : null;

    private static (Dictionary<string, string> Header, SolveOutcome Outcome) Read(string name)
    {
        var lines = File.ReadAllLines(Path.Combine(Folder, name + ".txt"));
        var end = Array.IndexOf(lines, "---");
        var header = lines[..end].Select(line => line[1..].Split(':', 2)).ToDictionary(pair => pair[0].Trim(), pair => pair[1].Trim());
        var said = lines[(end + 1)..];
        var failed = said.Any(line => line.StartsWith("error:", StringComparison.OrdinalIgnoreCase));
        return (header, Outcome(header["cache"] == "s3" ? Bucket : ImportedBy(said) ?? Registry, said, header.GetValueOrDefault("solve") == "export", failed ? 1 : 0));
    }
}
