using k8s.Models;
using Slipway.Api;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class PoolVersionsTests
{
    [Theory]
    [InlineData("0.12.4", 12)]
    [InlineData("0.12.5", 8)]
    [InlineData("0.13.2", 8)]
    [InlineData("0.28.1", 6)]
    [InlineData("0.31.1", 4)]
    [InlineData("0.31.2", 0)]
    [InlineData("0.32.2", 0)]
    [InlineData("0.31", 0)]
    [InlineData("0.30", 6)]
    [InlineData("1.0.0", 0)]
    public void Known_WhenVersionIsGiven_AreThoseThatItWasNotMendedOf(string version, int count) =>
        KnownVulnerabilities.Of(Version.Parse(version)).Count.ShouldBe(count);

    [Fact]
    public void Known_WhenVersionIsUnknown_AreNone() => KnownVulnerabilities.Of(null).ShouldBeEmpty();

    [Fact]
    public void DefaultImage_OfTheOperator_HasNoneOfThem() =>
        KnownVulnerabilities.Of(BuildkitFeatures.Of(new PoolOptions().DefaultImage).Version.ShouldNotBeNull()).ShouldBeEmpty();

    [Fact]
    public void Table_WhenRead_NamesEachOnce() => KnownVulnerabilities.All.Select(vulnerability => vulnerability.Id).ShouldBeUnique();

    [Fact]
    public void Condition_WhenBuildersReportAnOldVersion_NamesThemAndWhatToSet()
    {
        var status = PoolProgress.Status(World(image: null, "v0.31.1", "v0.32.2", "v0.31.1", "v0.31.1", "v0.31.1", "v0.31.1"));

        var condition = status.Of("VersionVulnerable").ShouldNotBeNull();
        (condition.Status, condition.Reason).ShouldBe(("True", "KnownVulnerabilities"));
        condition.Message.ShouldStartWith(
            "Known vulnerabilities in farm-linux-amd64-0, farm-linux-amd64-2, farm-linux-amd64-3 and 2 more on BuildKit v0.31.1. "
            + "Set spec.image to a BuildKit of v0.31.2 or newer. Advisories: GHSA-hw3h-2gp9-cxpv, ");
        condition.Message.ShouldNotContain("CVE-2026-33747", Case.Sensitive, "which that version is mended of");
        status.Of("Ready")!.Status.ShouldBe("True");
    }

    [Fact]
    public void Condition_WhenTheImagesTagIsOldAndNobodyHasReported_IsThereAllTheSame()
    {
        var snapshot = PoolWorld.Snapshot(WithImage("registry.example.com/buildkit:v0.13.2-rootless", replicas: 0));

        PoolProgress.Status(snapshot).Of("VersionVulnerable")!.Message.ShouldStartWith("Known vulnerabilities in image registry.example.com/buildkit:v0.13.2-rootless. ");
    }

    [Fact]
    public void Condition_WhenEverythingIsWrongWithTheVersion_FitsWithoutBeingCut() =>
        PoolProgress.Status(World("moby/buildkit:v0.9.0", [.. Enumerable.Repeat("v0.9.0", 100)])).Of("VersionVulnerable")!.Message.ShouldEndWith(".");

    [Theory]
    [InlineData(null)]
    [InlineData("moby/buildkit@sha256:00ff")]
    [InlineData("moby/buildkit:latest")]
    public void Condition_WhenNothingIsKnownAgainstIt_IsNotThere(string? image) =>
        PoolProgress.Status(World(image, "v0.32.2")).Of("VersionVulnerable").ShouldBeNull();

    [Fact]
    public void Condition_WhenAllBuildersAreOutsideTheCluster_JudgesNoImageThatNobodyRuns()
    {
        var pool = PoolWorld.Pool(PoolWorld.Platform() with { Replicas = null, Endpoints = [new PoolEndpoint { Address = "tcp://arm.example.com:1234" }] });

        PoolVersions.Vulnerable(pool with { Spec = pool.Spec with { Image = "moby/buildkit:v0.13.2" } }, new PoolOptions(), []).ShouldBeNull();
    }

    [Fact]
    public void Condition_WhenThePoolIsStalledOrOnItsWay_Stays()
    {
        var snapshot = World("moby/buildkit:v0.13.2", "v0.13.2");

        PoolPlanner.Plan(snapshot with { Errors = ["spec.platforms is wrong."] }).Status.Of("VersionVulnerable").ShouldNotBeNull();
        PoolProgress.Reconciling(snapshot, Reasons.LeftoversGoing, "Waiting.").Of("VersionVulnerable").ShouldNotBeNull();
    }

    private static V1Alpha1BuilderPool WithImage(string? image, int replicas)
    {
        var pool = PoolWorld.Pool(PoolWorld.Platform(replicas: replicas));
        return pool with { Spec = pool.Spec with { Image = image } };
    }

    private static PoolSnapshot World(string? image, params string[] versions)
    {
        var pool = WithImage(image, versions.Length);
        var set = PoolWorld.Live(pool, pool.Spec.Platforms[0]);
        return PoolWorld.Snapshot(pool) with { StatefulSets = [set], Pods = [.. versions.Select((version, ordinal) => Pod(set, ordinal, version))] };
    }

    private static V1Pod Pod(V1StatefulSet set, int ordinal, string version)
    {
        var pod = PoolWorld.Pod(set, ordinal);
        pod.Status.InitContainerStatuses[0].State.Terminated.Message = $$"""{"version":"{{version}}"}""";
        return pod;
    }
}
