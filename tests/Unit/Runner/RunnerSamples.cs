using Slipway.Runner;

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
        Cache = new RegistryCacheDescription { Reference = "registry.example.com/cache:team-a-app-linux-arm64" },
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
        Cache = new RegistryCacheDescription { Reference = "docker.io/team/cache:x", Mode = "min", Import = false },
        NoCache = true,
    };
}
