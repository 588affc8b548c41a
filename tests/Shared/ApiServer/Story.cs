using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Runner;

namespace Slipway.Tests.ApiServer;

/// <summary>A pool in a namespace of its own, a tenant in another, and what they do there.</summary>
internal sealed class Story
{
    public const string Amd64 = "linux/amd64";
    public const string Arm64 = "linux/arm64";
    public const string Commit = "4f2c9a7d1e0b3c5d6e7f8091a2b3c4d5e6f70819";

    private readonly LocalApiServer _fixture;

    private Story(LocalApiServer fixture, string builders, string tenant)
    {
        _fixture = fixture;
        Builders = builders;
        Tenant = tenant;
        Player = new ClusterPlayer(fixture.Client);
    }

    public string Builders { get; }

    public string Tenant { get; }

    public ClusterPlayer Player { get; }

    public KubeClient Client => _fixture.Client;

    public static async Task<Story> BeginAsync(LocalApiServer fixture, IDictionary<string, string>? tenantLabels = null) =>
        new(fixture, await fixture.NamespaceAsync("builders"), await fixture.NamespaceAsync("team", tenantLabels));

    /// <summary>With a pool that is Ready.</summary>
    public static async Task<Story> WithFarmAsync(LocalApiServer fixture, IDictionary<string, string>? tenantLabels = null)
    {
        var story = await BeginAsync(fixture, tenantLabels);
        var pool = await story.CreatePoolAsync();
        await story.Player.StartBuildersAsync(pool);
        await story.ReadyPoolAsync();
        return story;
    }

    public Task<V1Alpha1BuilderPool> CreatePoolAsync() => CreatePoolAsync(new PoolPlatform { Platform = Amd64 }, new PoolPlatform { Platform = Arm64 });

    public Task<V1Alpha1BuilderPool> CreatePoolAsync(params PoolPlatform[] platforms) => Client.CreateAsync(new V1Alpha1BuilderPool
    {
        Metadata = new V1ObjectMeta { Name = "farm", NamespaceProperty = Builders },
        Spec = new BuilderPoolSpec
        {
            Platforms = platforms,
            AllowedNamespaces = new AllowedNamespaces { From = "All" },
        },
    }, default);

    public Task<V1Alpha1BuilderPool> ReadyPoolAsync() => Eventually.SoAsync("the pool is Ready",
        () => Client.GetAsync<V1Alpha1BuilderPool>(new(Builders, "farm"), default), pool => pool.Status?.Conditions.IsTrue(Conditions.Ready) ?? false);

    public Task<V1Alpha1ImageBuild> CreateBuildAsync(string name, params string[] platforms) => Client.CreateAsync(new V1Alpha1ImageBuild
    {
        Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = Tenant },
        Spec = new ImageBuildSpec
        {
            PoolRef = new PoolReference { Name = "farm", Namespace = Builders },
            Source = new BuildSource { Git = new GitBuildSource { Url = "https://git.example.com/hello.git", Revision = "main" } },
            Platforms = platforms,
            Output = new BuildOutput { Image = "registry.example.com/team/hello", Tags = ["1.0", "latest"] },
        },
    }, default);

    /// <summary>With its context in the object itself.</summary>
    public Task<V1Alpha1ImageBuild> CreateInlineBuildAsync(string name) => Client.CreateAsync(new V1Alpha1ImageBuild
    {
        Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = Tenant },
        Spec = new ImageBuildSpec
        {
            PoolRef = new PoolReference { Name = "farm", Namespace = Builders },
            Source = new BuildSource { Inline = new InlineBuildSource { Files = new Dictionary<string, string> { ["Dockerfile"] = "FROM scratch\n" } } },
            Platforms = [Amd64],
            Output = new BuildOutput { Image = "registry.example.com/team/inline", Tags = ["1.0"] },
        },
    }, default);

    public Task<V1Alpha1ImageBuild> ReadAsync(V1Alpha1ImageBuild build) => Client.GetAsync<V1Alpha1ImageBuild>(NamespacedName.Of(build), default);

    public Task<V1Alpha1ImageBuild> PhaseAsync(V1Alpha1ImageBuild build, string phase) =>
        Eventually.SoAsync($"{NamespacedName.Of(build)} is {phase}", () => ReadAsync(build), seen => seen.Status?.Phase == phase);

    public Task<V1Alpha1ImageBuild> EditAsync(V1Alpha1ImageBuild build, JsonObject patch) => Client.PatchAsync<V1Alpha1ImageBuild>(NamespacedName.Of(build), patch, default);

    /// <summary>A build of one platform, from its creation to its end.</summary>
    public async Task<V1Alpha1ImageBuild> BuildAsync(string name)
    {
        var build = await CreateBuildAsync(name, Amd64);
        await Player.RunAsync(build, JobRoles.Build, Pushed('a', published: true));
        return await PhaseAsync(build, Phases.Succeeded);
    }

    /// <summary>A build of two platforms, from its creation to its end.</summary>
    public async Task<V1Alpha1ImageBuild> BuildOnBothAsync(string name)
    {
        var build = await CreateBuildAsync(name, Amd64, Arm64);
        await RunBothAsync(build);
        return await PhaseAsync(build, Phases.Succeeded);
    }

    /// <summary>Every Job of a build of two platforms, from its appearance to its end.</summary>
    public async Task RunBothAsync(V1Alpha1ImageBuild build)
    {
        await Player.RunAsync(build, JobRoles.Prepare, Prepared);
        await Player.RunAsync(build, JobRoles.Build, Pushed('1'), Amd64);
        await Player.RunAsync(build, JobRoles.Build, Pushed('4'), Arm64);
        await Player.RunAsync(build, JobRoles.Publish, Published);
    }

    /// <summary>What the prepare Job of several platforms tells.</summary>
    public static RunResult Prepared => new() { Commit = Commit, DurationSeconds = 1 };

    /// <summary>What the publish Job of several platforms tells.</summary>
    public static RunResult Published => new() { IndexDigest = Digest('f'), Published = true, DurationSeconds = 2 };

    public static string Digest(char digit) => $"sha256:{new string(digit, 64)}";

    /// <summary>What a platform's Job tells, or that of a build's only platform.</summary>
    public static RunResult Pushed(char digit, bool published = false) => new()
    {
        Commit = Commit,
        IndexDigest = Digest(digit),
        ImageDigest = Digest((char)(digit + 1)),
        Published = published,
        DurationSeconds = 41,
        Attestations = [new AttestationResult(Digest((char)(digit + 2)), "https://slsa.dev/provenance/v1", Digest('9'), 4211)],
        Cache = new CacheResult { Steps = 12, Cached = 11, Imported = true },
    };
}
