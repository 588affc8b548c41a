using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class DescriptionCheckTests
{
    private static readonly string Digest = "sha256:" + new string('a', 64);

    private static readonly Dictionary<string, Func<BuildDescription, BuildDescription>> BadBuilds = new()
    {
        ["platform"] = build => build with { Platform = "linux/amd64,linux/arm64" },
        ["builder.address"] = build => build with { Builder = build.Builder with { Address = "unix:///run/x.sock" } },
        ["builder.serverName"] = build => build with { Builder = build.Builder with { ServerName = "-x" } },
        ["exactly one"] = build => build with { ContextDirectory = "/context" },
        ["git.url"] = build => build with { Git = RunnerSamples.Git with { Url = "https://u:p@h.example/x" } },
        ["git.revision"] = build => build with { Git = RunnerSamples.Git with { Revision = "-x" } },
        ["git.subPath"] = build => build with { Git = RunnerSamples.Git with { SubPath = "a/../../b" } },
        ["commit"] = build => build with { Commit = "main" },
        ["dockerfile"] = build => build with { Dockerfile = "../Dockerfile" },
        ["target"] = build => build with { Target = "a\nb" },
        ["buildArgs"] = build => build with { BuildArgs = [new("A=B", "c")] },
        ["output.image"] = build => build with { Output = build.Output with { Image = "r.example/a,push=false" } },
        ["output.tags"] = build => build with { Publish = true },
        ["cache.name"] = build => build with { Cache = RunnerSamples.Full.Cache! with { Name = "a;b" } },
        ["cache.name or cache.others"] = build => build with { Cache = RunnerSamples.Full.Cache! with { Others = ["a,b"] } },
        ["cache.mode"] = build => build with { Cache = RunnerSamples.Full.Cache! with { Mode = "all" } },
        ["exactly one of cache.registry"] = build => build with { Cache = new CacheDescription { Name = "x" } },
        ["cache.registry.repository"] = build => build with { Cache = new CacheDescription { Name = "x", Registry = new RegistryCacheDescription { Repository = "r.example/a:b" } } },
        ["s3.bucket"] = build => InBucket(build, bucket => bucket with { Bucket = "a\nb" }),
        ["s3.prefix"] = build => InBucket(build, bucket => bucket with { Prefix = "app" }),
        ["s3.endpointUrl"] = build => InBucket(build, bucket => bucket with { EndpointUrl = "https://u:p@s3.example.com" }),
        ["s3.usePathStyle"] = build => InBucket(build, bucket => bucket with { EndpointUrl = null }),
        ["s3.touchRefreshSeconds"] = build => InBucket(build, bucket => bucket with { TouchRefreshSeconds = 0 }),
        ["handoverDirectory"] = build => build with { HandoverDirectory = "run" },
        ["attestations.provenance"] = build => build with { Attestations = new AttestationDescription { Provenance = "Max" } },
        ["attestations.sbomGenerator"] = build => build with { Attestations = new AttestationDescription { SbomGenerator = "a b" } },
        ["attestations.format"] = build => build with { Attestations = new AttestationDescription { Format = "Auto" } },
        ["traceParent"] = build => build with { TraceParent = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01" },
        ["timeoutSeconds"] = build => build with { TimeoutSeconds = 0 },
    };

    private static BuildDescription InBucket(BuildDescription build, Func<S3CacheDescription, S3CacheDescription> change) =>
        build with { Cache = RunnerSamples.InBucket.Cache! with { S3 = change(RunnerSamples.InBucket.Cache.S3!) } };

    private static readonly ExpireCacheDescription Expire = new()
    {
        Owner = "0b1b5c1e-9f0e-4e62-8a1c-3c1f0a6f7d11",
        TtlSeconds = 14 * 24 * 3600,
        S3 = new S3CacheDescription { Bucket = "team.cache-1", Region = "eu-central-1", Prefix = "farm/a/", EndpointUrl = "https://s3.example.com:9000", CredentialsDirectory = "/keys" },
    };

    private static readonly Dictionary<string, Func<ExpireCacheDescription, ExpireCacheDescription>> BadExpiries = new()
    {
        ["owner"] = expire => expire with { Owner = "a/b" },
        ["ttlSeconds is not from 3600 to 31536000"] = expire => expire with { TtlSeconds = 3599 },
        ["ttlSeconds is"] = expire => expire with { TtlSeconds = 31536001 },
        ["exactly one back-end"] = expire => expire with { S3 = null },
        ["verifyAfterSeconds"] = expire => expire with { VerifyAfterSeconds = -1 },
        ["timeoutSeconds"] = expire => expire with { TimeoutSeconds = 0 },
        ["s3.region"] = expire => Change(expire, cache => cache with { Region = "eu/../x" }),
        ["s3.touchRefreshSeconds"] = expire => Change(expire, cache => cache with { TouchRefreshSeconds = 0 }),
        ["s3.credentialsDirectory"] = expire => Change(expire, cache => cache with { CredentialsDirectory = "keys" }),
    };

    public static TheoryData<string> Fields => [.. BadBuilds.Keys];

    public static TheoryData<string> ExpiryFields => [.. BadExpiries.Keys];

    [Theory]
    [MemberData(nameof(Fields))]
    public void Problems_WhenOneFieldIsBad_NamesIt(string field) =>
        DescriptionCheck.Problems(BadBuilds[field](RunnerSamples.Build)).ShouldHaveSingleItem().ShouldStartWith(field);

    [Theory]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true)]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true)]
    [InlineData("00-00000000000000000000000000000000-b7ad6b7169203331-01", false)]
    [InlineData("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false)]
    [InlineData("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false)]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n", false)]
    [InlineData("", false)]
    public void Problems_WhenThereIsATraceContext_TakesItsW3cFormOnly(string context, bool good) =>
        DescriptionCheck.Problems(RunnerSamples.Build with { TraceParent = context }).Count.ShouldBe(good ? 0 : 1);

    [Fact]
    public void Problems_WhenABuildIsGood_AreNone()
    {
        DescriptionCheck.Problems(RunnerSamples.Build).ShouldBeEmpty();
        DescriptionCheck.Problems(RunnerSamples.Full).ShouldBeEmpty();
        DescriptionCheck.Problems(RunnerSamples.Inline).ShouldBeEmpty();
        var byAddress = RunnerSamples.Build.Builder with { Address = "tcp://[2001:db8::7]:1234", ServerName = "2001:db8::7" };
        DescriptionCheck.Problems(RunnerSamples.Build with { Builder = byAddress }).ShouldBeEmpty();
    }

    [Fact]
    public void Problems_WhenAPublishNamesAPlatformTwice_SaysSo() =>
        DescriptionCheck.Problems(new PublishDescription
        {
            Platforms = [new("linux/arm64", Digest), new("linux/arm64/v8", Digest)],
            Output = new OutputDescription { Image = "r.example/a", Tags = ["x"] },
        }).ShouldHaveSingleItem().ShouldBe("platforms names one twice");

    [Theory]
    [MemberData(nameof(ExpiryFields))]
    public void Problems_WhenOneFieldOfAnExpiryIsBad_NamesIt(string field) =>
        DescriptionCheck.Problems(BadExpiries[field](Expire)).ShouldHaveSingleItem().ShouldStartWith(field);

    [Fact]
    public void Problems_WhenAnExpiryIsGood_AreNone()
    {
        DescriptionCheck.Problems(Expire).ShouldBeEmpty();
        DescriptionCheck.Problems(Change(Expire, cache => cache with { Prefix = "", EndpointUrl = null, CredentialsDirectory = null })).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("farm")]
    [InlineData("/")]
    [InlineData("/farm/")]
    [InlineData("fa\nrm/")]
    [InlineData("farm/../")]
    [InlineData("./")]
    public void Problems_OfAPrefix_AreWhatNoKeyCanBeginWith(string prefix) =>
        DescriptionCheck.Problems(Change(Expire, cache => cache with { Prefix = prefix })).ShouldHaveSingleItem().ShouldStartWith("s3.prefix");

    [Theory]
    [InlineData("ab")]
    [InlineData("Team")]
    [InlineData("a/b")]
    [InlineData("a..b")]
    [InlineData("abc-")]
    [InlineData("abc\n")]
    public void Problems_OfABucket_AreWhatIsNoName(string bucket) =>
        DescriptionCheck.Problems(Change(Expire, cache => cache with { Bucket = bucket })).ShouldHaveSingleItem().ShouldStartWith("s3.bucket");

    [Theory]
    [InlineData("s3.example.com")]
    [InlineData("ftp://s3.example.com")]
    [InlineData("https://u:p@s3.example.com")]
    [InlineData("https://u@s3.example.com")]
    [InlineData("https://s3.example.com/?x=y")]
    [InlineData("https://s3.example.com/#x")]
    [InlineData("https://s3.example.com/path")]
    [InlineData("https://s3.example.com\n")]
    [InlineData("")]
    public void Problems_OfAnEndpoint_AreWhatIsNotSchemeAndHost(string endpoint) =>
        DescriptionCheck.Problems(Change(Expire, cache => cache with { EndpointUrl = endpoint })).ShouldHaveSingleItem().ShouldStartWith("s3.endpointUrl");

    private static ExpireCacheDescription Change(ExpireCacheDescription expire, Func<S3CacheDescription, S3CacheDescription> change) => expire with { S3 = change(expire.S3!) };
}
