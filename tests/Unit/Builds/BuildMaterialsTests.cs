using Slipway.Api;
using Slipway.Builds;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

public sealed class BuildMaterialsTests
{
    [Fact]
    public void Of_Jobs_AreWhatTheyMount()
    {
        var prepare = new BuildJob(BuildPlanner.Plan(Snapshot(Build(Amd64, Arm64))).Creates.Single(), []);
        var build = Build(Amd64);
        var files = new InlineBuildSource { Files = new Dictionary<string, string> { ["Dockerfile"] = "FROM scratch" } };
        build = build with { Spec = build.Spec with { Source = new BuildSource { Inline = files } } };
        var inline = new BuildJob(BuildPlanner.Plan(Snapshot(build).Granted(Amd64)).Creates.Single(), []);

        BuildMaterials.Of(build, [prepare]).ClientCertificates.ShouldBeEmpty();
        BuildMaterials.Of(build, [prepare]).InlineSources.ShouldBeEmpty();
        BuildMaterials.Of(build, [inline]).ClientCertificates.ShouldBe([Name(inline, Authority)]);
        BuildMaterials.Of(build, [inline]).InlineSources.ShouldBe([ChildNames.InlineSource("hello", build.Metadata.Uid, inline.BuildKey!)]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("99887766")]
    public void Of_AJobOfAnotherAuthorityOrOfAnOlderOperator_IsItsOwnCertificate(string? authority)
    {
        var job = Job();
        Mount(job, Name(job, authority));

        BuildMaterials.Of(Build(Amd64), [job]).ClientCertificates.ShouldBe([Name(job, authority)]);
    }

    // Who may write Jobs must not have Slipway delete Secrets for it.
    [Theory]
    [InlineData("push")]
    [InlineData("-client")]
    [InlineData("hello-00000000-client")]
    [InlineData("hello-00000000-0a1b2c3d-client")]
    [InlineData("other-0a1b2c3d-client")]
    [InlineData("0a1b2c3d-client")]
    public void Of_AJobThatMountsWhatIsNotItsBuilds_IsNothing(string secret)
    {
        var job = Job();
        Mount(job, secret);

        BuildMaterials.Of(Build(Amd64), [job]).ClientCertificates.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("0A1B2C3D")]
    [InlineData("password")]
    public void Of_AJobWhoseSecretsAuthorityIsNoHash_IsNothing(string authority)
    {
        var job = Job();
        Mount(job, Name(job, authority));

        BuildMaterials.Of(Build(Amd64), [job]).ClientCertificates.ShouldBeEmpty();
    }

    private static BuildJob Job() => new(BuildPlanner.Plan(Snapshot(Build(Amd64)).Granted(Amd64)).Creates.Single(), []);

    private static string Name(BuildJob job, string? authority) =>
        ChildNames.ClientCertificate("hello", Build().Metadata.Uid, job.BuildKey!, authority);

    private static void Mount(BuildJob job, string secret) =>
        job.Job.Spec.Template.Spec.Volumes.Single(volume => volume.Name == BuildObjects.CertificateVolume).Secret.SecretName = secret;
}
