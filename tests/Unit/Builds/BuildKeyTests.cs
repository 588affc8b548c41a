using Slipway.Api;
using Slipway.Builds;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

public sealed class BuildKeyTests
{
    private static readonly ImageBuildSpec Spec = BuildFixture.Build(Amd64).Spec;

    [Fact]
    public void Of_WhenDefaultsAreWrittenOut_IsTheSame() => BuildKey.Of(Spec with
    {
        Dockerfile = "Dockerfile",
        Attestations = new BuildAttestations { Provenance = "Max", Sbom = true },
        Rerun = "",
        Output = Spec.Output with { PlainHttp = false },
    }).ShouldBe(BuildKey.Of(Spec));

    [Fact]
    public void Of_WhenAFieldDecidesNothing_IsTheSame() => BuildKey.Of(Spec with
    {
        Timeout = "2h",
        Priority = 100,
        Job = new JobTemplate { ServiceAccountName = "robot" },
        PoolRef = new PoolReference { Name = "other" },
        Cache = new BuildCache { Scope = "main" },
    }).ShouldBe(BuildKey.Of(Spec));

    [Fact]
    public void Of_WhenBuildArgsChangePlaces_IsTheSame() =>
        BuildKey.Of(Spec with { BuildArgs = [new() { Name = "A", Value = "1" }, new() { Name = "B", Value = "2" }] })
            .ShouldBe(BuildKey.Of(Spec with { BuildArgs = [new() { Name = "B", Value = "2" }, new() { Name = "A", Value = "1" }] }));

    [Fact]
    public void Of_WhenAnyFieldThatDecidesChanges_IsAnother()
    {
        ImageBuildSpec[] changed =
        [
            Spec,
            Spec with { Source = new BuildSource { Git = Spec.Source.Git! with { Revision = "next" } } },
            Spec with { Source = new BuildSource { Git = Spec.Source.Git! with { SubPath = "app" } } },
            Spec with { Source = new BuildSource { Inline = new InlineBuildSource { Files = new Dictionary<string, string> { ["Dockerfile"] = "FROM scratch" } } } },
            Spec with { Dockerfile = "build/Dockerfile" },
            Spec with { Target = "runtime" },
            Spec with { Platforms = [Amd64, Arm64] },
            Spec with { BuildArgs = [new BuildArg { Name = "VERSION", Value = "1" }] },
            Spec with { Output = Spec.Output with { Image = "registry.example.com/other" } },
            Spec with { Output = Spec.Output with { Tags = ["2.0"] } },
            Spec with { Output = Spec.Output with { CredentialsSecretRef = null } },
            Spec with { Output = Spec.Output with { PlainHttp = true } },
            Spec with { Output = Spec.Output with { Ca = "pem" } },
            Spec with { Attestations = new BuildAttestations { Provenance = "Min" } },
            Spec with { Attestations = new BuildAttestations { Sbom = false } },
            Spec with { Attestations = new BuildAttestations { SbomGenerator = "scanner:1" } },
            Spec with { Rerun = "2" },
        ];

        changed.Select(BuildKey.Of).Distinct().Count().ShouldBe(changed.Length);
    }

    /// <summary>The text is stored in every status: a change here would rebuild every finished build of every user.</summary>
    [Fact]
    public void Of_AKnownSpec_NeverChanges() => BuildKey.Of(Spec).ShouldBe("23b6ed88f44aee8db1244bc194a5dfc6");
}
