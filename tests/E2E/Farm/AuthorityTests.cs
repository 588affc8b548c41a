using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Tests.E2E.Farm;

/// <summary>A pool's certificate authority goes while a build runs.</summary>
public sealed class AuthorityTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AuthorityDeleted_RekeysThePool()
    {
        await using var evidence = new Evidence(nameof(AuthorityDeleted_RekeysThePool));
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 1, slots: 2));
        await farm.CreateAsync(farm.Sleeping("running", 20));
        var job = await farm.InTheStepAsync("running");
        var name = new NamespacedName("slipway-system", ChildNames.PoolAuthority((await farm.ReadPoolAsync()).Metadata.Uid));
        var before = await fixture.Client.GetAsync<V1Secret>(name, Cancel);
        await SayCertificateAsync(evidence, farm, before);

        evidence.Add("kubectl delete secret", await fixture.Cluster.KubectlAsync("--namespace", name.Namespace, "delete", "secret", name.Name));
        await farm.CreateAsync(farm.Sleeping("next", 1), farm.Sleeping("second", 1));
        foreach (var build in new[] { "running", "next", "second" }) await farm.SucceedsAsync(build);
        var after = await Wait.UntilAsync("there is another authority", TestFarm.Patience, () => fixture.Client.GetOrDefaultAsync<V1Secret>(name, Cancel), secret => secret is not null);
        await farm.PoolAsync("served by another pod", _ => farm.Builders.Lives().Any(pod => pod.Uid != job.BuilderUid && Watched.IsReady(pod.Pod)));
        var served = await SayCertificateAsync(evidence, farm, after!);

        evidence.Add("the API server's watch of the builder", farm.Builders.Lines());
        evidence.Add("the API server's watch of the build Jobs", farm.Jobs.Lines());
        evidence.Add("buildctl's log of the build that ran", await farm.LogAsync("running"));
        after!.Data["ca.crt"].ShouldNotBe(before.Data["ca.crt"]);
        served.ShouldBeTrue();
        var old = farm.Builders.Lives().Single(pod => pod.Uid == job.BuilderUid);
        farm.JobOf("running").Ended!.Value.ShouldBeLessThan(old.DeletionAsked!.Value);
    }

    /// <summary>Whether the builder's own handshake shows a certificate of this authority.</summary>
    private static async Task<bool> SayCertificateAsync(Evidence evidence, TestFarm farm, V1Secret authority)
    {
        var pod = farm.Builders.Lives().Last(life => Watched.IsReady(life.Pod)).Pod;
        using var certificate = (await ServedCertificate.ReadAsync(pod)).ShouldNotBeNull();
        var signed = ServedCertificate.IsSignedBy(certificate, authority);
        evidence.Add("the builder's TLS handshake", $"{ServedCertificate.Line(pod, certificate)}\n{(signed ? "of" : "not of")} the authority in Secret {authority.Metadata.Name} ({authority.Metadata.Uid[..8]})");
        return signed;
    }
}
