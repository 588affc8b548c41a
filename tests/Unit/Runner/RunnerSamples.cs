using Slipway.Runner;
using Slipway.S3;

namespace Slipway.Tests.Unit.Runner;

internal static class RunnerSamples
{
    public const string Commit = "4f2c1e0d9b8a7f6e5d4c3b2a190817263544f0e1";

    public static GitSource Git => new("https://git.example.com/team/app.git", "main");

    /// <summary>The least that a description needs.</summary>
    public static BuildDescription Build => new()
    {
        Platform = "linux/arm64",
        Builder = new BuilderEndpoint
        {
            Address = "tcp://10.0.0.7:1234",
            ServerName = "farm-linux-arm64-0.farm-linux-arm64.builders.svc",
            TlsDirectory = "/run/slipway/builder",
            Name = "farm-linux-arm64-0",
        },
        Git = Git,
        Commit = Commit,
        Output = new OutputDescription { Image = "registry.example.com/team/app", CredentialsSecret = "push" },
        CacheMountNamespace = "team-a/team/app",
        TimeoutSeconds = 3600,
    };

    public static BuildDescription Full => Build with
    {
        Git = Git with { Url = "https://git.example.com/team/app", SubPath = "services/api" },
        Dockerfile = "build/Dockerfile",
        Target = "runtime",
        BuildArgs = [new("VERSION", "1.4.2"), new("EMPTY", ""), new("ODD", "a=b, \"c\"\nd")],
        Cache = new CacheDescription
        {
            Name = "team-a-app-linux-arm64-1",
            Others = ["team-a-app-linux-amd64-1", "team-a-main-linux-arm64-1"],
            Registry = new RegistryCacheDescription { Repository = "registry.example.com/cache" },
        },
        Attestations = new AttestationDescription { SbomGenerator = "mirror.internal/scanner:1", BuilderId = "https://slipway.dev/pools/builders/farm,1" },
        Output = Build.Output with { Ca = "PEM" },
    };

    public static BuildDescription Inline => Build with
    {
        Git = null,
        Commit = null,
        ContextDirectory = "/run/slipway/context",
        Attestations = new AttestationDescription { Provenance = "none", Sbom = false },
        Output = new OutputDescription { Image = "debian-like", PlainHttp = true },
        Cache = new CacheDescription { Name = "x", Mode = "min", Registry = new RegistryCacheDescription { Repository = "docker.io/team/cache" } },
    };

    public static BuildDescription InBucket => Build with
    {
        Cache = new CacheDescription
        {
            Name = "team-a-app-linux-arm64-1",
            Others = ["team-a-app-linux-amd64-1"],
            CredentialsSecret = "s3",
            S3 = new S3CacheDescription { Bucket = "acme-cache", Region = "us-east-1", Prefix = "app/", EndpointUrl = "https://s3.example.com:9000", UsePathStyle = true, TouchRefreshSeconds = 86400 },
        },
    };

    public static Solve Solve(BuildDescription build, S3Keys? keys = null) => new()
    {
        Build = build,
        Files = new BuildctlFiles { Metadata = "/tmp/run/metadata.json", Ref = "/tmp/run/ref", RegistryCa = build.Output.Ca is null ? null : "/tmp/run/registry-ca.pem" },
        Environment = new Dictionary<string, string>(),
        Cache = build.Cache is null ? null : new CacheAccess(build.Cache) { Keys = keys },
    };
}
