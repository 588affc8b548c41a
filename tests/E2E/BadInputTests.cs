using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Runner;

namespace Slipway.Tests.E2E;

/// <summary>Whatever a person gets wrong ends Stalled with a class, a reason and a message, hangs nothing and moves no tag.</summary>
public sealed class BadInputTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private const string Good = "FROM busybox:stable\n";

    private string Platform => fixture.Cluster.Platforms[0];

    [Fact]
    public Task UnknownPool_IsSaid() => StallsAsync(FailureClass.Config, Reasons.PoolNotFound, "There is no BuilderPool e2e-builders/nope",
        build => build with { PoolRef = new PoolReference { Name = "nope", Namespace = ClusterFixture.PoolNamespace } });

    [Fact]
    public async Task PoolThatDoesNotAdmitTheNamespace_IsSaid()
    {
        await using var tenant = await fixture.TenantAsync(admitted: false);
        await StallsAsync(tenant, FailureClass.Config, Reasons.NamespaceNotAllowed, $"takes no builds from namespace {tenant.Name}", build => build);
    }

    [Fact]
    public Task PlatformThatThePoolHasNot_IsSaid() => StallsAsync(FailureClass.Config, Reasons.PlatformNotInPool, "does not build linux/s390x",
        build => build with { Platforms = ["linux/s390x"] });

    [Fact]
    public async Task RepositoryThatDoesNotExist_IsSaid()
    {
        await using var tenant = await fixture.TenantAsync();
        var (url, _) = await fixture.Cluster.PushAsync(tenant.Name, new Dictionary<string, string> { ["Dockerfile"] = Good });
        await StallsAsync(tenant, FailureClass.Config, FailureReasons.RepositoryNotFound, "nope.git does not exist", build => OfGit(build, url.Replace(tenant.Name, "nope", StringComparison.Ordinal), "main"));
    }

    [Fact]
    public async Task RevisionThatDoesNotExist_IsSaid_ByTheLookupOfSeveralPlatforms()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var tenant = await fixture.TenantAsync();
        var (url, _) = await fixture.Cluster.PushAsync(tenant.Name, new Dictionary<string, string> { ["Dockerfile"] = Good });
        await StallsAsync(tenant, FailureClass.Config, FailureReasons.RevisionNotFound, "nope", build => OfGit(build, url, "nope") with { Platforms = fixture.Cluster.Platforms });
    }

    [Fact]
    public async Task CommitThatDoesNotExist_IsSaid()
    {
        await using var tenant = await fixture.TenantAsync();
        var (url, _) = await fixture.Cluster.PushAsync(tenant.Name, new Dictionary<string, string> { ["Dockerfile"] = Good });
        await StallsAsync(tenant, FailureClass.Config, FailureReasons.RevisionNotFound, $"has no branch, tag or commit {new string('a', 40)}", build => OfGit(build, url, new string('a', 40)));
    }

    [Fact]
    public Task DockerfileThatDoesNotParse_IsSaid() => StallsAsync(FailureClass.User, FailureReasons.DockerfileInvalid, "Dockerfile cannot be parsed", build => OfDockerfile(build, "FORM busybox\n"));

    [Fact]
    public async Task DockerfileThatIsNotThere_IsSaid()
    {
        await using var tenant = await fixture.TenantAsync();
        var (url, _) = await fixture.Cluster.PushAsync(tenant.Name, new Dictionary<string, string> { ["Dockerfile"] = Good });
        await StallsAsync(tenant, FailureClass.User, FailureReasons.DockerfileNotFound, "Other.dockerfile", build => OfGit(build, url, "main") with { Dockerfile = "Other.dockerfile" });
    }

    [Fact]
    public async Task RunStepThatFails_IsNamedWithItsExitCode()
    {
        await using var tenant = await fixture.TenantAsync();
        var status = await StallsAsync(tenant, FailureClass.User, FailureReasons.RunStepFailed, "ended with exit code 3", build => OfDockerfile(build, "FROM busybox:stable\nRUN exit 3\n"));
        status.Failure!.ExitCode.ShouldBe(3);
        status.Failure.Step!.ShouldContain("RUN exit 3");
        status.Failure.Log!.ShouldStartWith($"kubectl logs -n {tenant.Name} job/");
    }

    [Fact]
    public Task BaseImageThatCannotBePulled_IsSaid() => StallsAsync(FailureClass.Config, FailureReasons.BaseImageNotFound, "nope:nope does not exist", build => OfDockerfile(build, $"FROM {fixture.Cluster.Registry.Host}/nope:nope\n"));

    [Fact]
    public async Task RegistryThatRefusesThePush_IsSaid()
    {
        if (fixture.Cluster.Registry.User is null) Assert.Skip("This cluster's registry asks for no password.");
        await using var tenant = await fixture.TenantAsync(password: "wrong");
        await StallsAsync(tenant, FailureClass.Config, FailureReasons.RegistryUnauthorized, "push", build => build);
    }

    [Fact]
    public Task MissingCredentialsSecret_IsSaid() => StallsAsync(FailureClass.Config, FailureReasons.CredentialsSecretMissing, "nope",
        build => build with { Output = build.Output with { CredentialsSecretRef = new LocalReference { Name = "nope" } } });

    [Fact]
    public Task JobThatNoNodeTakes_IsSaid() => StallsAsync(FailureClass.Config, Reasons.RunnerUnschedulable, "spec.job",
        build => build with { Job = new JobTemplate { NodeSelector = new Dictionary<string, string> { ["nope"] = "nope" } } });

    // It went unsaid once, and another lookup followed for ever.
    [Fact]
    public async Task LookupThatNoNodeTakes_IsSaid()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var tenant = await fixture.TenantAsync();
        await using var jobs = await tenant.JobsAsync();
        await StallsAsync(tenant, FailureClass.Config, Reasons.RunnerUnschedulable, "spec.job", build => OfGit(build, "https://git.example.com/app.git", "main") with
        {
            Platforms = fixture.Cluster.Platforms,
            Job = new JobTemplate { NodeSelector = new Dictionary<string, string> { ["nope"] = "nope" } },
        });
        jobs.Seen.Select(seen => seen.Object.Metadata.Uid).Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public Task JobWhosePodIsRefused_IsSaid() => StallsAsync(FailureClass.Config, Reasons.RunnerRefused, "kubectl get events -n",
        build => build with { Job = new JobTemplate { ServiceAccountName = "nope" } });

    [Fact]
    public async Task BuilderImageThatCannotBePulled_StallsThePoolAndItsBuilds()
    {
        var key = new NamespacedName(ClusterFixture.PoolNamespace, $"no-image-{Guid.NewGuid():N}"[..16]);
        var pool = fixture.Pool(key);
        await fixture.Client.CreateAsync(pool with { Spec = pool.Spec with { Image = "moby/buildkit:nope" } }, Cancel);
        try
        {
            await StallsAsync(FailureClass.Config, Reasons.PoolStalled, "moby/buildkit:nope",
                build => build with { PoolRef = new PoolReference { Name = key.Name, Namespace = key.Namespace } });
        }
        finally
        {
            await fixture.Client.DeleteAsync<V1Alpha1BuilderPool>(key, null, PropagationPolicy.Background, Cancel);
        }
    }

    [Theory]
    [InlineData(",push=true")]
    [InlineData("\nx")]
    [InlineData(" ")]
    public async Task ReferenceWithAListSeparatorOrANewline_IsRefusedOrStalls(string tail)
    {
        await using var tenant = await fixture.TenantAsync();
        var build = tenant.Inline("app", Good, Platform);
        try
        {
            await tenant.CreateAsync(build with { Spec = build.Spec with { Output = build.Spec.Output with { Image = build.Spec.Output.Image + tail } } });
        }
        catch (KubeApiException refused)
        {
            refused.Message.ShouldContain("spec.output.image");
            return;
        }

        (await tenant.EndOfAsync("app")).Status!.Failure!.Reason.ShouldBe(Reasons.Invalid);
    }

    private static ImageBuildSpec OfGit(ImageBuildSpec build, string url, string revision) =>
        build with { Source = new BuildSource { Git = new GitBuildSource { Url = url, Revision = revision } } };

    private static ImageBuildSpec OfDockerfile(ImageBuildSpec build, string dockerfile) =>
        build with { Source = new BuildSource { Inline = new InlineBuildSource { Files = new Dictionary<string, string> { ["Dockerfile"] = dockerfile } } } };

    private async Task StallsAsync(FailureClass failureClass, string reason, string message, Func<ImageBuildSpec, ImageBuildSpec> change)
    {
        await using var tenant = await fixture.TenantAsync();
        await StallsAsync(tenant, failureClass, reason, message, change);
    }

    private async Task<ImageBuildStatus> StallsAsync(Tenant tenant, FailureClass failureClass, string reason, string message, Func<ImageBuildSpec, ImageBuildSpec> change)
    {
        var build = tenant.Inline("app", Good, Platform);
        await tenant.CreateAsync(build with { Spec = change(build.Spec) });

        var status = (await tenant.EndOfAsync("app", TimeSpan.FromMinutes(2))).Status!;

        status.Failure.ShouldNotBeNull($"phase {status.Phase}");
        (status.Failure!.Class, status.Failure.Reason).ShouldBe((failureClass.ToString(), reason), $"{status.Failure.Message}\n{await LogsAsync(tenant)}");
        status.Failure.Message!.ShouldContain(message);
        status.Conditions.IsTrue(Conditions.Stalled).ShouldBeTrue();
        using var registry = new RegistryReader(fixture.Cluster.Registry);
        (await registry.DigestAsync(tenant.Repository("app"), "1")).ShouldBeNull();
        return status;
    }

    /// <summary>They go with the namespace.</summary>
    private Task<string> LogsAsync(Tenant tenant) => fixture.Cluster.KubectlAsync("--namespace", tenant.Name, "logs", "--selector", SlipwayApi.RoleLabel, "--tail", "-1");
}
