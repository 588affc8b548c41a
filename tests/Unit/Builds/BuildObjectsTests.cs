using System.Text;
using System.Text.RegularExpressions;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Cache;
using Slipway.Runner;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

public sealed class BuildObjectsTests
{
    private static readonly BuildState TwoPlatforms = BuildReading.Read(Snapshot(Build()).Granted(Amd64, Arm64));

    private static readonly BuildState FromInlineFiles = BuildReading.Read(Snapshot(WithInlineFiles()).Granted(Amd64));

    public static TheoryData<string> Jobs => ["prepare", "platform", "endpoint", "publish", "inline"];

    [Theory, MemberData(nameof(Jobs))]
    public void Job_AsItIsCreated_IsThatOfTheGoldenFile(string name) => GoldenFiles.Check($"builds/{name}.yaml", GoldenFiles.Yaml([Job(name)]));

    /// <summary>Pod Security, level restricted, field by field: namespaces of tenants may enforce it.</summary>
    [Theory, MemberData(nameof(Jobs))]
    public void Job_WhoeverRunsIt_PassesPodSecurityRestricted(string name)
    {
        var pod = Job(name).Spec.Template.Spec;
        pod.HostNetwork.ShouldBeNull();
        pod.HostPID.ShouldBeNull();
        pod.HostIPC.ShouldBeNull();
        pod.SecurityContext.RunAsNonRoot.ShouldBe(true);
        pod.SecurityContext.RunAsUser.ShouldNotBe(0);
        pod.SecurityContext.SeccompProfile.Type.ShouldBe("RuntimeDefault");
        pod.Volumes.ShouldAllBe(volume => volume.Secret != null || volume.ConfigMap != null || volume.EmptyDir != null);
        pod.InitContainers.ShouldBeNull();
        pod.Containers.ShouldNotBeEmpty();
        foreach (var container in pod.Containers)
        {
            container.SecurityContext.AllowPrivilegeEscalation.ShouldBe(false);
            container.SecurityContext.Capabilities.Drop.ShouldBe(["ALL"]);
            container.SecurityContext.Capabilities.Add.ShouldBeNull();
            container.SecurityContext.Privileged.ShouldBeNull();
            container.SecurityContext.ReadOnlyRootFilesystem.ShouldBe(true);
        }
    }

    [Theory, MemberData(nameof(Jobs))]
    public void Job_Always_HasNoTokenNoRetryNoDeadlineOfItsOwnAndItsResultAsAFile(string name)
    {
        var job = Job(name);
        var pod = job.Spec.Template.Spec;

        pod.AutomountServiceAccountToken.ShouldBe(false);
        pod.EnableServiceLinks.ShouldBe(false);
        pod.RestartPolicy.ShouldBe("Never");
        job.Spec.BackoffLimit.ShouldBe(0);
        // A Job's deadline deletes the pod and the result with it; the pod's own leaves both.
        job.Spec.ActiveDeadlineSeconds.ShouldBeNull();
        pod.ActiveDeadlineSeconds.ShouldNotBeNull();
        job.Spec.TtlSecondsAfterFinished.ShouldBeNull();
        job.Metadata.Finalizers.ShouldBeNull();
        // FallbackToLogsOnError would copy the end of the log, and what secrets it holds, into the pod's status.
        pod.Containers[0].TerminationMessagePolicy.ShouldBe("File");
    }

    [Fact]
    public void PodsDeadline_OfAPlatform_IsAMinuteLaterThanTheRunnersOwnAndTheTimeForTheCache()
    {
        var job = Job("platform");
        var export = RunnerJson.Deserialize<ExportCacheDescription>(job.Spec.Template.Spec.Containers[1].Args[2]);

        job.Spec.Template.Spec.ActiveDeadlineSeconds.ShouldBe(DescriptionOf(job).TimeoutSeconds + 60 + export.TimeoutSeconds + 60);
    }

    [Fact]
    public void PodsDeadline_OfAPlatformThatWritesNoCache_IsAMinuteLaterThanTheRunnersOwn()
    {
        var job = JobWith(new PoolCache { Export = "Never", Registry = Pool().Spec.Cache!.Registry });

        job.Spec.Template.Spec.ActiveDeadlineSeconds.ShouldBe(DescriptionOf(job).TimeoutSeconds + 60);
        job.Spec.Template.Spec.Containers.ShouldHaveSingleItem();
    }

    // The scheduler adds up what containers ask for, and the second one works when the first has ended.
    [Theory]
    [InlineData(null, "50m")]
    [InlineData("2", "2")]
    public void Job_ThatWritesItsCache_AsksForTheProcessorOnce(string? asked, string expected)
    {
        var resources = asked is null ? null : new V1ResourceRequirements
        {
            Requests = new Dictionary<string, ResourceQuantity> { ["cpu"] = new(asked), ["memory"] = new("1Gi") },
            Limits = new Dictionary<string, ResourceQuantity> { ["cpu"] = new("4"), ["memory"] = new("2Gi") },
        };
        var build = Build(Amd64);
        build = build with { Spec = build.Spec with { Job = new JobTemplate { Resources = resources } } };

        var containers = JobOf(BuildReading.Read(Snapshot(build).Granted(Amd64))).Spec.Template.Spec.Containers;

        containers.Select(container => container.Resources.Requests["cpu"].ToString()).ShouldBe([expected, "1m"]);
    }

    /// <summary>A pod asks for the sum of its containers: with a GPU or 8 GiB for each of them it may have no node, and a cache fails no build.</summary>
    [Fact]
    public void Job_ThatWritesItsCache_AsksForLittleMore()
    {
        var asked = new V1ResourceRequirements
        {
            Requests = new Dictionary<string, ResourceQuantity> { ["memory"] = new("8Gi"), ["ephemeral-storage"] = new("1Mi") },
            Limits = new Dictionary<string, ResourceQuantity> { ["cpu"] = new("4"), ["memory"] = new("8Gi"), ["example.com/gpu"] = new("1") },
        };
        var build = Build(Amd64);
        build = build with { Spec = build.Spec with { Job = new JobTemplate { Resources = asked } } };

        var containers = JobOf(BuildReading.Read(Snapshot(build).Granted(Amd64))).Spec.Template.Spec.Containers;

        containers[0].Resources.ShouldBeSameAs(asked);
        containers[1].Resources.Requests.Select(request => $"{request.Key}={request.Value}").ShouldBe(["cpu=1m", "memory=64Mi", "ephemeral-storage=1Mi"]);
        containers[1].Resources.Limits.Select(limit => $"{limit.Key}={limit.Value}").ShouldBe(["cpu=4", "memory=8Gi"]);
    }

    /// <summary>The build's own name, then the sibling's, then what it was told to read.</summary>
    [Fact]
    public void Job_OfAPoolWithABucket_NamesItAndNoKey()
    {
        var job = JobWith(new PoolCache { Mode = "Min", S3 = new PoolS3Cache { Bucket = "acme", Region = "eu-central-1", Prefix = "app/", CredentialsSecretRef = new LocalReference { Name = "s3" } } });

        var cache = DescriptionOf(job).Cache!;
        cache.ShouldBe(cache with { Mode = "min", CredentialsSecret = "s3", Registry = null });
        cache.S3.ShouldBe(new S3CacheDescription { Bucket = "acme", Region = "eu-central-1", Prefix = "app/", CredentialsDirectory = "/run/slipway/cache" });
        cache.Name.ShouldBe(CacheNames.Name("team-a", "registry.example.com/team-a/hello", Platform.Parse(Amd64)));
        cache.Others.ShouldBe([CacheNames.Name("team-a", "registry.example.com/team-a/hello", Platform.Parse(Arm64)), CacheNames.Name("main", "app", Platform.Parse(Amd64))]);
        var volume = job.Spec.Template.Spec.Volumes.Single(mounted => mounted.Secret?.SecretName == "s3");
        volume.Secret.Optional.ShouldBe(true);
        job.Spec.Template.Spec.Containers.ShouldAllBe(container => container.Env == null && container.VolumeMounts.Any(mount => mount.Name == volume.Name));
    }

    [Theory]
    [InlineData(null, "Always", "Always", true)]
    [InlineData("Same", "Always", "Always", false)]
    [InlineData("All", "Always", "Always", true)]
    [InlineData("trusted", "Always", "Always", true)]
    [InlineData("other", "Always", "Always", false)]
    [InlineData("All", "Never", "Always", false)]
    [InlineData("All", "Always", "Never", false)]
    public void Job_OfABuildThatThePoolDoesNotLetWrite_OnlyReads(string? from, string pool, string build, bool writes)
    {
        var selector = from is "trusted" or "other" ? new V1LabelSelector { MatchLabels = new Dictionary<string, string> { ["trust"] = from } } : null;
        var allowed = from is null ? null : new AllowedNamespaces { From = selector is null ? from : "Selector", Selector = selector };

        var job = JobWith(Pool().Spec.Cache! with { Export = pool, ExportFrom = allowed }, build);

        DescriptionOf(job).Cache.ShouldNotBeNull();
        (DescriptionOf(job).HandoverDirectory is not null).ShouldBe(writes);
        (job.Spec.Template.Spec.Containers.Count == 2).ShouldBe(writes);
    }

    private static V1Job JobWith(PoolCache cache, string export = "Always")
    {
        var build = OfCommit(Amd64, Arm64);
        build = build with { Spec = build.Spec with { Cache = new BuildCache { Export = export, Import = [new CacheSource { Scope = "app", Namespace = "main" }] } } };
        var snapshot = Snapshot(build) with { Pool = Pool() with { Spec = Pool().Spec with { Cache = cache } }, NamespaceLabels = new Dictionary<string, string> { ["trust"] = "trusted" } };
        return BuildPlanner.Plan(snapshot.Granted(Amd64)).Creates.ShouldHaveSingleItem();
    }

    [Fact]
    public void Job_WithHostileValues_HandsThemOverAsOneArgument()
    {
        var build = Build(Amd64);
        var hostile = "$(touch /x); `id` \" ' \n --secret id=x";
        build = build with { Spec = build.Spec with { BuildArgs = [new BuildArg { Name = "A", Value = hostile }] } };

        var container = JobOf(BuildReading.Read(Snapshot(build).Granted(Amd64))).Spec.Template.Spec.Containers[0];

        container.Command.ShouldBeNull();
        container.Args.Take(2).ShouldBe(["build", "--description"]);
        container.Args.Count.ShouldBe(3);
        RunnerJson.Deserialize<BuildDescription>(AsTheKubeletPassesIt(container.Args[2])).BuildArgs.ShouldHaveSingleItem().Value.ShouldBe(hostile);
    }

    // Linux: MAX_ARG_STRLEN. With more the container does not start.
    [Theory]
    [InlineData("x")]
    [InlineData("@")]
    [InlineData("-")]
    [InlineData("€")]
    [InlineData("😀")]
    public void Job_WithBuildArgsAtTheirLongest_HandsThemOverInPiecesThatLinuxTakes(string filler)
    {
        var value = string.Concat(Enumerable.Repeat($"ab{filler}", 4096))[..4096];
        var build = Build(Amd64);
        build = build with { Spec = build.Spec with { BuildArgs = [.. Enumerable.Range(0, 64).Select(number => new BuildArg { Name = $"A{number}", Value = value })] } };

        var args = JobOf(BuildReading.Read(Snapshot(build).Granted(Amd64))).Spec.Template.Spec.Containers[0].Args.Skip(1).ToList();

        args.Where((_, number) => number % 2 == 0).ShouldAllBe(option => option == "--description");
        var pieces = args.Where((_, number) => number % 2 == 1).Select(AsTheKubeletPassesIt).ToList();
        pieces.Count.ShouldBeGreaterThan(1);
        pieces.ShouldAllBe(piece => Encoding.UTF8.GetByteCount(piece) < 128 * 1024);
        pieces.Skip(1).ShouldAllBe(piece => char.IsAsciiLetterOrDigit(piece[0]));
        RunnerJson.Deserialize<BuildDescription>(string.Concat(pieces)).BuildArgs.ShouldAllBe(arg => arg.Value == value);
    }

    [Theory]
    [InlineData("$(KUBERNETES_SERVICE_HOST)")]
    [InlineData("$$5 and $HOME")]
    public void Job_WithADollarInAValue_KeepsTheKubeletFromExpandingIt(string value)
    {
        var build = Build(Amd64);
        build = build with { Spec = build.Spec with { BuildArgs = [new BuildArg { Name = "A", Value = value }] } };

        var argument = JobOf(BuildReading.Read(Snapshot(build).Granted(Amd64))).Spec.Template.Spec.Containers[0].Args[2];

        argument.Replace("$$", "", StringComparison.Ordinal).ShouldNotContain("$");
        RunnerJson.Deserialize<BuildDescription>(AsTheKubeletPassesIt(argument)).BuildArgs.ShouldHaveSingleItem().Value.ShouldBe(value);
    }

    private static string AsTheKubeletPassesIt(string argument) => argument.Replace("$$", "$", StringComparison.Ordinal);

    /// <summary>A missing Secret is a clear report by the runner instead of a pod that never starts.</summary>
    [Fact]
    public void CredentialSecrets_InAPlatformsJob_AreOptionalAndTheClientCertificateIsNot()
    {
        var volumes = Job("platform").Spec.Template.Spec.Volumes.Where(volume => volume.Secret is not null).ToDictionary(volume => volume.Name, volume => volume.Secret);

        volumes["push"].Optional.ShouldBe(true);
        volumes["cache"].Optional.ShouldBe(true);
        volumes["tls"].Optional.ShouldBeNull();
    }

    /// <summary>It is the user's, and it may be missing like any other.</summary>
    [Fact]
    public void ClientSecret_OfABuilderOutsideTheCluster_IsOptionalAndNamedForTheRunnersReport()
    {
        var job = Job("endpoint");

        var secret = job.Spec.Template.Spec.Volumes.Single(volume => volume.Name == "endpoint-tls").Secret;
        secret.SecretName.ShouldBe("arm-client");
        secret.Optional.ShouldBe(true);
        secret.Items.Select(item => item.Path).ShouldBe(["ca.crt", "tls.crt", "tls.key"]);
        job.Spec.Template.Spec.Volumes.ShouldNotContain(volume => volume.Name == "tls");
        job.Spec.Template.Spec.Containers[0].VolumeMounts.Single(mount => mount.Name == "endpoint-tls").MountPath.ShouldBe(DescriptionOf(job).Builder.TlsDirectory);
        DescriptionOf(job).Builder.ClientSecret.ShouldBe("team-a/arm-client");
    }

    [Theory]
    [InlineData("arm-1.example.com:1234", "tcp://arm-1.example.com:1234")]
    [InlineData("[2001:db8::7]:1234", "tcp://[2001:db8::7]:1234")]
    public void BuilderLabel_OfAnAddress_IsAValidLabelAndItsWholeNameIsInAnAnnotation(string name, string address)
    {
        var job = BuildObjects.PlatformJob(TwoPlatforms, Of(TwoPlatforms, Arm64), Endpoint() with { Name = name, Address = address });

        job.Metadata.Labels.Values.ShouldAllBe(value => value.Length <= 63 && Regex.IsMatch(value, @"\A[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\z"));
        new BuildJob(job, []).Builder.ShouldBe(name);
        new BuildJob(job, []).Mode.ShouldBe("External");
    }

    [Fact]
    public void InlineSource_OfFilesInFolders_GivesThemTheirPathsBack()
    {
        var map = BuildObjects.InlineSource(FromInlineFiles).ShouldNotBeNull();
        var items = Job("inline").Spec.Template.Spec.Volumes.Single(volume => volume.Name == "source").ConfigMap.Items;

        map.Immutable.ShouldBe(true);
        items.ToDictionary(item => item.Path, item => map.Data[item.Key]).ShouldBe(WithInlineFiles().Spec.Source.Inline!.Files, ignoreOrder: true);
    }

    [Fact]
    public void PodReplacementPolicy_OnAServerThatKnowsIt_IsFailed()
    {
        var state = BuildReading.Read(Snapshot(Build()) with { Options = Options with { Jobs = Options.Jobs with { ServerKnowsPodReplacementPolicy = true } } });

        BuildObjects.PrepareJob(state).Spec.PodReplacementPolicy.ShouldBe("Failed");
        Job("prepare").Spec.PodReplacementPolicy.ShouldBeNull();
    }

    private static V1Job Job(string name) => name switch
    {
        "prepare" => BuildObjects.PrepareJob(TwoPlatforms),
        "platform" => BuildObjects.PlatformJob(TwoPlatforms, Of(TwoPlatforms, Arm64), Builder(Arm64)),
        "endpoint" => BuildObjects.PlatformJob(TwoPlatforms, Of(TwoPlatforms, Arm64), Endpoint()),
        "inline" => BuildObjects.PlatformJob(FromInlineFiles, Of(FromInlineFiles, Amd64), Builder()),
        _ => BuildObjects.PublishJob(TwoPlatforms with
        {
            Platforms = [.. TwoPlatforms.Platforms.Select(platform => platform with { Attempts = new Attempts { Result = Pushed(platform.Platform.Architecture) } })],
        }),
    };

    private static V1Job JobOf(BuildState state) => BuildObjects.PlatformJob(state, Of(state, Amd64), Builder());

    private static PlatformState Of(BuildState state, string platform) => state.Platforms.Single(candidate => candidate.Platform.ToString() == platform);

    private static V1Alpha1ImageBuild WithInlineFiles()
    {
        var build = Build(Amd64);
        var files = new Dictionary<string, string> { ["Dockerfile"] = "FROM scratch\nCOPY src/a /a\n", ["src/a"] = "a" };
        return build with { Spec = build.Spec with { Source = new BuildSource { Inline = new InlineBuildSource { Files = files } } } };
    }

    private static BuildDescription DescriptionOf(V1Job job) => RunnerJson.Deserialize<BuildDescription>(job.Spec.Template.Spec.Containers[0].Args[2]);
}
