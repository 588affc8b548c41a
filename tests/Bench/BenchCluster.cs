using System.Globalization;
using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Bench;

/// <summary>An API server, who plays the rest of a cluster, who looks on, and a pool. Each chapter has one of its own: what one leaves behind burdens no other.</summary>
internal sealed class BenchCluster : LocalApiServer
{
    public const string Builders = "builders";
    private const int BuildersPerPlatform = 64;
    private const int BuildsPerBuilder = 4;

    private StandIn? _standIn;
    private Spectator? _spectator;
    private AuditTail? _audit;

    public StandIn StandIn => _standIn!;

    public Spectator Spectator => _spectator!;

    /// <summary>What the operator asks, whichever process it is.</summary>
    public new AuditTail Audit => _audit!;

    public static async Task<BenchCluster> StartAsync()
    {
        var cluster = new BenchCluster();
        await cluster.InitializeAsync();
        cluster._audit = new AuditTail(cluster.AuditFile, OperatorUser);
        cluster._standIn = await StandIn.StartAsync(cluster.Client);
        cluster._spectator = await Spectator.StartAsync(cluster.Client);
        return cluster;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_spectator is not null) await _spectator.DisposeAsync();
        if (_standIn is not null) await _standIn.DisposeAsync();
        await base.DisposeAsync();
        if (_standIn?.Trouble is { } trouble) throw new InvalidOperationException("The stand-in failed, so the figures are not to be trusted.", trouble);
    }

    /// <summary>Returns when it is ready.</summary>
    public async Task<OperatorProcess> StartOperatorAsync()
    {
        var started = OperatorProcess.Start(OperatorKubeconfig());
        await started.ReadyAsync();
        return started;
    }

    /// <summary>A pool of two platforms with 256 slots each, Ready. An operator has to run.</summary>
    public async Task CreatePoolAsync()
    {
        await CreateNamespaceAsync(Builders);
        var pool = await Client.CreateAsync(new V1Alpha1BuilderPool
        {
            Metadata = new V1ObjectMeta { Name = "farm", NamespaceProperty = Builders },
            Spec = new BuilderPoolSpec { Platforms = [Platform(Story.Amd64), Platform(Story.Arm64)], AllowedNamespaces = new AllowedNamespaces { From = "All" } },
        }, default);
        await StandIn.StartBuildersAsync(pool);
        await Eventually.SoAsync("the pool is Ready", () => Client.GetAsync<V1Alpha1BuilderPool>(NamespacedName.Of(pool), default), seen => seen.Status?.Conditions.IsTrue(Conditions.Ready) ?? false);
        await QuietAsync();
    }

    public async Task CreateNamespaceAsync(string name) =>
        await Client.CreateAsync(new V1Namespace { Metadata = new V1ObjectMeta { Name = name } }, default);

    /// <summary>A build as the README shows one: by its commit, with a tag and credentials.</summary>
    public Task<V1Alpha1ImageBuild> CreateBuildAsync(NamespacedName key, string[] platforms, string revision = Story.Commit) =>
        Client.CreateAsync(Build(key, platforms, revision), default);

    public static V1Alpha1ImageBuild Build(NamespacedName key, string[] platforms, string revision = Story.Commit) => new()
    {
        Metadata = new V1ObjectMeta { Name = key.Name, NamespaceProperty = key.Namespace },
        Spec = new ImageBuildSpec
        {
            PoolRef = new PoolReference { Name = "farm", Namespace = Builders },
            Source = new BuildSource { Git = new GitBuildSource { Url = "https://git.example.com/team/app.git", Revision = revision } },
            Platforms = platforms,
            // An image of each one's own: a scope of its own, so builds spread over the pool as they do elsewhere.
            Output = new BuildOutput { Image = $"registry.example.com/{key.Namespace}/{key.Name}", Tags = ["1.4.2"], CredentialsSecretRef = new LocalReference { Name = "push" } },
        },
    };

    /// <summary>Until the operator has asked for nothing for that long. What it asked until then is forgotten, unless somebody keeps it.</summary>
    public async Task<List<AuditEntry>> QuietAsync(int seconds = 3)
    {
        var asked = Audit.Read();
        for (var quiet = 0; quiet < seconds; quiet++)
        {
            await Pause(1);
            var more = Audit.Read();
            if (more.Count > 0) quiet = -1;
            asked.AddRange(more);
        }

        return asked;
    }

    /// <summary>As if the build had ended an hour ago: what it keeps for its logs goes now, and not in ten minutes.</summary>
    public async Task AgeAsync(NamespacedName build)
    {
        var ended = (await Spectator.EndAsync(build)).Status!.CompletedAt!.Value.AddHours(-1);
        await Client.PatchStatusAsync<V1Alpha1ImageBuild>(build, null, null, new JsonObject { ["completedAt"] = ended }, default);
        var wish = new JsonObject { [new OperatorOptions().ReconcileAnnotation] = "now" };
        await Client.PatchAsync<V1Alpha1ImageBuild>(build, new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = wish } }, default);
    }

    public CpuTimes Cpu(OperatorProcess running) => new(
        OsProcess.Cpu(running.Id), OsProcess.Cpu(Environment.ProcessId), ProcessIds.Sum(OsProcess.Cpu));

    public static Task Pause(double seconds) => Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System, CancellationToken.None);

    public static string Numbered(string prefix, int number) => string.Create(CultureInfo.InvariantCulture, $"{prefix}-{number:0000}");

    private static PoolPlatform Platform(string name) => new()
    {
        Platform = name,
        Replicas = new PoolReplicas { Min = BuildersPerPlatform, Max = BuildersPerPlatform },
        BuildsPerBuilder = BuildsPerBuilder,
    };
}
