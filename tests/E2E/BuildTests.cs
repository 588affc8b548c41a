using System.Text.Json.Nodes;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;

namespace Slipway.Tests.E2E;

public sealed class BuildTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private const string Provenance = "https://slsa.dev/provenance/";
    private const string Sbom = "https://spdx.dev/Document";

    private static readonly Dictionary<string, string> Program = new()
    {
        ["Dockerfile"] = """
            # syntax=docker/dockerfile:1
            FROM debian:trixie-slim AS build
            COPY message /message
            RUN cat /message > /result && uname -m >> /result
            FROM scratch
            COPY --from=build /result /result
            """,
        ["message"] = "hello",
    };

    [Fact]
    public async Task Build_OfABranchForTwoPlatforms_EndsInOneIndexWithEveryAttestation()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var tenant = await fixture.TenantAsync(writesCache: true);
        var (url, commit) = await fixture.Cluster.PushAsync(tenant.Name, Program);
        await tenant.CreateAsync(tenant.Git("app", url, "main"));

        var status = (await tenant.EndOfAsync("app")).Status!;

        status.Phase.ShouldBe(Phases.Succeeded, status.Failure?.Message);
        status.Commit.ShouldBe(commit);
        using var registry = new RegistryReader(fixture.Cluster.Registry);
        (await registry.DigestAsync(tenant.Repository("app"), "1")).ShouldBe(status.IndexDigest);
        await ShouldHoldAsync(registry, tenant.Repository("app"), status);
    }

    [Fact]
    public async Task Build_OfTheSameCommitAgain_TakesItsStepsFromCacheAndPushesTheSameImages()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var tenant = await fixture.TenantAsync(writesCache: true);
        var (url, _) = await fixture.Cluster.PushAsync(tenant.Name, Program);
        var created = await tenant.CreateAsync(tenant.Git("app", url, "main"));
        var first = (await tenant.EndOfAsync("app")).Status!;

        await fixture.Client.PatchAsync<V1Alpha1ImageBuild>(NamespacedName.Of(created), new JsonObject { ["spec"] = new JsonObject { ["rerun"] = "again" } }, Cancel);
        var second = (await tenant.EndOfAsync("app")).Status!;

        second.Phase.ShouldBe(Phases.Succeeded, second.Failure?.Message);
        second.BuildKey.ShouldNotBe(first.BuildKey);
        second.Platforms!.ShouldAllBe(platform => platform.Cache!.Steps > 0 && platform.Cache.Cached == platform.Cache.Steps);
        // The builder is warm as well: what is imported says that the first build's export can be read.
        second.Platforms!.ShouldAllBe(platform => platform.Cache!.Imported == true);
        second.Platforms!.Select(platform => platform.ImageDigest).ShouldBe(first.Platforms!.Select(platform => platform.ImageDigest));
    }

    [Fact]
    public async Task Build_OfOnePlatformFromInlineFiles_PublishesFromItsOwnPod()
    {
        await using var tenant = await fixture.TenantAsync(writesCache: true);
        await using var jobs = await tenant.JobsAsync();
        await tenant.CreateAsync(tenant.Inline("app", "FROM busybox:stable\nRUN echo hello > /hello\n", fixture.Cluster.Platforms[0]));

        var status = (await tenant.EndOfAsync("app")).Status!;

        status.Phase.ShouldBe(Phases.Succeeded, status.Failure?.Message);
        using var registry = new RegistryReader(fixture.Cluster.Registry);
        (await registry.DigestAsync(tenant.Repository("app"), "1")).ShouldBe(status.IndexDigest);
        await ShouldHoldAsync(registry, tenant.Repository("app"), status);
        jobs.Objects.ShouldHaveSingleItem().Metadata.Labels[SlipwayApi.RoleLabel].ShouldBe(JobRoles.Build);
    }

    /// <summary>Arguments of containers are expanded by the kubelet, lines of a Dockerfile by BuildKit: neither touches a value.</summary>
    [Fact]
    public async Task Build_WithDollarsInABuildArgument_GetsThemAsTheyAre()
    {
        await using var tenant = await fixture.TenantAsync(writesCache: true);
        const string Value = "$(KUBERNETES_SERVICE_HOST) $$5 $HOME";
        var build = tenant.Inline("app", $"FROM busybox:stable\nARG A\nRUN [ \"$A\" = '{Value}' ]\n", fixture.Cluster.Platforms[0]);
        await tenant.CreateAsync(build with { Spec = build.Spec with { BuildArgs = [new BuildArg { Name = "A", Value = Value }] } });

        var status = (await tenant.EndOfAsync("app")).Status!;

        status.Phase.ShouldBe(Phases.Succeeded, status.Failure?.Message);
    }

    [Fact]
    public async Task Build_WithoutAttestations_PushesNone()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var tenant = await fixture.TenantAsync(writesCache: true);
        var build = tenant.Inline("app", "FROM busybox:stable\n");
        await tenant.CreateAsync(build with { Spec = build.Spec with { Attestations = new BuildAttestations { Provenance = "None", Sbom = false } } });

        var status = (await tenant.EndOfAsync("app")).Status!;

        status.Phase.ShouldBe(Phases.Succeeded, status.Failure?.Message);
        status.Platforms!.ShouldAllBe(platform => platform.Attestations == null);
        using var registry = new RegistryReader(fixture.Cluster.Registry);
        var index = await registry.ManifestAsync(tenant.Repository("app"), status.IndexDigest!);
        index["manifests"]!.AsArray().Count.ShouldBe(fixture.Cluster.Platforms.Count);
    }

    /// <summary>Status says nothing that the registry does not.</summary>
    private static async Task ShouldHoldAsync(RegistryReader registry, string repository, ImageBuildStatus status)
    {
        var index = await registry.ManifestAsync(repository, status.IndexDigest!);
        var entries = index["manifests"]!.AsArray().Select(entry => entry!).ToList();
        entries.Count.ShouldBe(2 * status.Platforms!.Count);
        foreach (var platform in status.Platforms)
        {
            var image = entries.Single(entry => $"{entry["platform"]!["os"]}/{entry["platform"]!["architecture"]}" == platform.Platform);
            image["digest"]!.GetValue<string>().ShouldBe(platform.ImageDigest);
            var attestation = entries.Single(entry => entry["annotations"]?["vnd.docker.reference.digest"]?.GetValue<string>() == platform.ImageDigest);
            await ShouldHoldAsync(registry, repository, attestation["digest"]!.GetValue<string>(), platform);
        }
    }

    private static async Task ShouldHoldAsync(RegistryReader registry, string repository, string attestation, PlatformBuildStatus platform)
    {
        // BuildKit 0.13 writes version 0.2 of the predicate, newer ones 1.
        platform.Attestations!.Count(statement => statement.PredicateType.StartsWith(Provenance, StringComparison.Ordinal)).ShouldBe(1);
        platform.Attestations!.Count(statement => statement.PredicateType == Sbom).ShouldBe(1);
        platform.Attestations!.Count.ShouldBe(2);
        var layers = (await registry.ManifestAsync(repository, attestation))["layers"]!.AsArray().Select(layer => layer!).ToList();
        foreach (var statement in platform.Attestations!)
        {
            statement.ManifestDigest.ShouldBe(attestation);
            var layer = layers.Single(candidate => candidate["digest"]!.GetValue<string>() == statement.Digest);
            layer["size"]!.GetValue<long>().ShouldBe(statement.Size!.Value);
            var content = await registry.BlobAsync(repository, statement.Digest);
            content["predicateType"]!.GetValue<string>().ShouldBe(statement.PredicateType);
            content["subject"]![0]!["digest"]!["sha256"]!.GetValue<string>().ShouldBe(platform.ImageDigest!["sha256:".Length..]);
        }
    }
}
