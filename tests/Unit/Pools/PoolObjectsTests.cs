using k8s.Models;
using Slipway.Api;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class PoolObjectsTests
{
    public static TheoryData<string> Cases => [.. GoldenFiles.Cases("pools")];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Objects_WhenRendered_AreAsInTheGoldenFile(string name)
    {
        var pool = GoldenFiles.Pool($"pools/{name}/in.yaml");
        var options = new PoolOptions { ServerVersion = name == "current-server" ? new Version(1, 33) : new Version(1, 20) };
        var platform = pool.Spec.Platforms[0];

        GoldenFiles.Check($"pools/{name}/out.yaml", GoldenFiles.Yaml(
            [PoolObjects.Service(pool, platform), PoolObjects.ConfigMap(pool, platform, options), PoolObjects.StatefulSet(pool, platform, options, PoolWorld.Certificate, PoolSizing.Min(platform))]));
    }

    [Fact]
    public void StatefulSet_WhenRendered_HasNoServiceAccountToken()
    {
        var pod = Pod();

        pod.AutomountServiceAccountToken.ShouldBe(false);
        pod.ServiceAccountName.ShouldBeNull();
        pod.Volumes.ShouldNotContain(volume => volume.Projected != null);
    }

    [Fact]
    public void StatefulSet_WhenRendered_HasNoServiceLinksAndNoEnvironment()
    {
        // RUN steps share the PID namespace with buildkitd and can read its environment.
        Pod().EnableServiceLinks.ShouldBe(false);
        Pod().Containers.ShouldAllBe(container => container.Env == null && container.EnvFrom == null);
    }

    [Fact]
    public void StatefulSet_WhenRendered_NeverIsPrivileged()
    {
        foreach (var container in Pod().Containers.Concat(Pod().InitContainers))
        {
            container.SecurityContext.Privileged.ShouldBeNull();
            container.SecurityContext.Capabilities.Drop.ShouldBe(["ALL"]);
        }

        Pod().SecurityContext.RunAsUser.ShouldBe(1000);
        Pod().SecurityContext.RunAsNonRoot.ShouldBe(true);
    }

    [Fact]
    public void Buildkitd_WhenRendered_MayUseNewuidmap()
    {
        // allowPrivilegeEscalation: false sets no_new_privs, and newuidmap could no longer map the users of the namespace.
        var security = Pod().Containers.Single(container => container.Name == "buildkitd").SecurityContext;

        security.AllowPrivilegeEscalation.ShouldBeNull();
        security.Capabilities.Add.ShouldBe(["SETUID", "SETGID"]);
        security.SeccompProfile.Type.ShouldBe("Unconfined");
    }

    [Fact]
    public void Disk_WhenRendered_MayOnlyLook()
    {
        var disk = Pod().Containers.Single(container => container.Name == "disk");

        disk.VolumeMounts.ShouldHaveSingleItem().ReadOnlyProperty.ShouldBe(true);
        disk.SecurityContext.ReadOnlyRootFilesystem.ShouldBe(true);
        disk.SecurityContext.AllowPrivilegeEscalation.ShouldBe(false);
        disk.SecurityContext.SeccompProfile.Type.ShouldBe("RuntimeDefault");
        disk.Image.ShouldBe(Pod().Containers[0].Image);
        disk.LivenessProbe.ShouldBeNull("a full disk must not restart anything");
    }

    [Fact]
    public void Disk_WhenBuildkitdHasLimitsAsItsRequests_LeavesThePodGuaranteed()
    {
        // The kubelet kills others first, and may give whole CPUs. A quota wants requests and limits of both of every container.
        var resources = Pod().Containers.Single(container => container.Name == "disk").Resources;

        resources.Requests.Keys.ShouldBe(["cpu", "memory"], ignoreOrder: true);
        resources.Limits.ShouldBe(resources.Requests, ignoreOrder: true);
    }

    [Theory]
    [InlineData(20, true, false)]
    [InlineData(29, true, false)]
    [InlineData(30, false, true)]
    public void AppArmor_WhenServerIsOldOrNew_IsAnnotationOrField(int minor, bool annotation, bool field)
    {
        var template = Template(new PoolOptions { ServerVersion = new Version(1, minor) });

        template.Metadata.Annotations.ContainsKey("container.apparmor.security.beta.kubernetes.io/buildkitd").ShouldBe(annotation);
        (template.Spec.Containers[0].SecurityContext.AppArmorProfile is not null).ShouldBe(field);
    }

    [Fact]
    public void Affinity_WhenRendered_RequiresOsAndArchitecture()
    {
        var terms = Pod("linux/arm/v7").Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms;

        terms.ShouldHaveSingleItem().MatchExpressions.Select(rule => $"{rule.Key} {rule.OperatorProperty} {rule.Values.Single()}")
            .ShouldBe(["kubernetes.io/os In linux", "kubernetes.io/arch In arm"]);
    }

    [Fact]
    public void Probes_WhenRendered_AskTheSocketAndLivenessIsFarLaxer()
    {
        var container = Pod().Containers[0];

        foreach (var probe in new[] { container.StartupProbe, container.ReadinessProbe, container.LivenessProbe })
            probe.Exec.Command.ShouldBe(["buildctl", "--addr", "unix:///run/user/1000/buildkit/buildkitd.sock", "debug", "workers"]);
        (Patience(container.LivenessProbe) > 10 * Patience(container.ReadinessProbe)).ShouldBeTrue();
        container.ReadinessProbe.PeriodSeconds!.Value.ShouldBeGreaterThanOrEqualTo(10);
    }

    [Requirement("R17")]
    [Fact]
    public void StatefulSet_WhenRendered_LeavesRollingAndOrderToTheOperator()
    {
        var spec = StatefulSet().Spec;

        spec.UpdateStrategy.Type.ShouldBe("OnDelete");
        spec.PodManagementPolicy.ShouldBe("Parallel");
    }

    [Fact]
    public void StatefulSet_WhenConfigurationChanges_HasAnotherConfigHash()
    {
        var pool = PoolWorld.Pool();
        var other = pool with { Spec = pool.Spec with { Registries = [new PoolRegistry { Host = "r", Ca = "PEM" }] } };
        var renewed = other with { Spec = other.Spec with { Registries = [new PoolRegistry { Host = "r", Ca = "PEM of tomorrow" }] } };

        new[] { pool, other, renewed, pool }.Select(Hash).Distinct().Count().ShouldBe(3);

        static string Hash(V1Alpha1BuilderPool pool) => PoolObjects.StatefulSet(pool, pool.Spec.Platforms[0], new PoolOptions(), PoolWorld.Certificate, 1)
            .Spec.Template.Metadata.Annotations[SlipwayApi.ConfigHashAnnotation];
    }

    [Fact]
    public void StatefulSet_WhenPoolHasNoStorage_HasALimitedEmptyDir()
    {
        Pod().Volumes.Single(volume => volume.Name == PoolObjects.Volume).EmptyDir.SizeLimit.ToString().ShouldContain("20Gi");
        StatefulSet().Spec.VolumeClaimTemplates.ShouldBeNull();
    }

    [Fact]
    public void State_WhenMounted_IsNotTheSetgidFolderOfTheVolume()
    {
        // fsGroup sets the setgid bit on the volume's own folder, and layers made below it would carry the bit into images.
        var toml = PoolObjects.ConfigMap(PoolWorld.Pool(), PoolWorld.Platform(), new PoolOptions()).Data["buildkitd.toml"];

        toml.ShouldStartWith($"root = \"{BuilderPaths.State}/state\"");
        Preflight.Script.ShouldContain($"ug-s {BuilderPaths.State}/state");
    }

    [Fact]
    public void Certificate_WhenMounted_IsReadableByTheGroupAlone()
    {
        var secret = Pod().Volumes.Single(volume => volume.Secret != null).Secret;

        Convert.ToString(secret.DefaultMode!.Value, 8).ShouldBe("440");
        secret.SecretName.ShouldBe("farm-linux-amd64-tls-00112233aabbccdd");
    }

    [Requirement("R17")]
    [Fact]
    public void Objects_WhenRendered_BelongToThePool()
    {
        var pool = PoolWorld.Pool();
        V1ObjectMeta[] all =
        [
            PoolObjects.Service(pool, PoolWorld.Platform()).Metadata, PoolObjects.ConfigMap(pool, PoolWorld.Platform(), new PoolOptions()).Metadata,
            StatefulSet().Metadata,
        ];

        foreach (var metadata in all)
        {
            var owner = metadata.OwnerReferences.ShouldHaveSingleItem();
            (owner.Uid, owner.Controller, owner.BlockOwnerDeletion).ShouldBe((PoolWorld.PoolUid, true, true));
            metadata.Labels[SlipwayApi.ManagedByLabel].ShouldBe("slipway");
        }
    }

    [Requirement("R17", "ours: fields that nobody set")]
    [Fact]
    public void Body_WhenApplied_HasNoStatusAndNothingEmpty()
    {
        var body = GoldenFiles.Body(StatefulSet()).ToJsonString();

        body.ShouldNotContain(":null");
        body.ShouldNotContain("\"status\"");
        body.ShouldNotContain("creationTimestamp");
        body.ShouldNotContain("{}");
        body.ShouldNotContain("[]");
    }

    private static int Patience(V1Probe probe) => probe.PeriodSeconds!.Value * probe.FailureThreshold!.Value;

    private static V1StatefulSet StatefulSet(string platform = "linux/amd64", PoolOptions? options = null) =>
        PoolObjects.StatefulSet(PoolWorld.Pool(), PoolWorld.Platform(platform), options ?? new PoolOptions(), PoolWorld.Certificate, 1);

    private static V1PodTemplateSpec Template(PoolOptions options) => StatefulSet(options: options).Spec.Template;

    private static V1PodSpec Pod(string platform = "linux/amd64") => StatefulSet(platform).Spec.Template.Spec;
}
