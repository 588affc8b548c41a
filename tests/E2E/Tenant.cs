using System.Text.Json;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;

namespace Slipway.Tests.E2E;

/// <summary>One test's namespace and the builds in it.</summary>
internal sealed class Tenant(KubeClient client, TestRegistry registry, NamespacedName pool, string name) : IAsyncDisposable
{
    /// <summary>The Secret with the registry's password.</summary>
    public const string PushSecret = "push";

    public string Name => name;

    /// <param name="client">The cluster's.</param>
    /// <param name="registry">Where images go, with its credentials.</param>
    /// <param name="pool">Of its builds.</param>
    /// <param name="name">Of the namespace.</param>
    /// <param name="admitted">Whether pools of tests take its builds.</param>
    /// <param name="password">Another one than the registry's.</param>
    /// <param name="cacheHost">The registry of the pool's cache, which its builds write with the same credentials; null where they write none.</param>
    public static async Task<Tenant> CreateAsync(KubeClient client, TestRegistry registry, NamespacedName pool, string name, bool admitted = true, string? password = null, string? cacheHost = null)
    {
        var labels = new Dictionary<string, string>();
        if (admitted) labels[TestPool.Label] = "true";
        if (cacheHost is not null) labels[TestPool.CacheLabel] = "true";
        await client.CreateAsync(new V1Namespace { Metadata = new V1ObjectMeta { Name = name, Labels = labels } }, default);
        if (registry.User is { } user) await client.CreateAsync(Credentials(name, [registry.Host, .. cacheHost is null ? [] : new[] { cacheHost }], user, password ?? registry.Password!), default);
        return new Tenant(client, registry, pool, name);
    }

    public async ValueTask DisposeAsync() =>
        await client.DeleteAsync<V1Namespace>(new NamespacedName("", name), null, PropagationPolicy.Background, default);

    public string Repository(string image) => $"{registry.Host}/{name}/{image}";

    /// <summary>A build of an inline Dockerfile, as most tests want it.</summary>
    public V1Alpha1ImageBuild Inline(string image, string dockerfile, params string[] platforms) => Build(image, platforms) with
    {
        Spec = Spec(image, platforms) with { Source = new BuildSource { Inline = new InlineBuildSource { Files = new Dictionary<string, string> { ["Dockerfile"] = dockerfile } } } },
    };

    public V1Alpha1ImageBuild Git(string image, string url, string revision, params string[] platforms) => Build(image, platforms) with
    {
        Spec = Spec(image, platforms) with { Source = new BuildSource { Git = new GitBuildSource { Url = url, Revision = revision } } },
    };

    /// <summary>Every Job of this namespace from now on.</summary>
    public Task<Recording<V1Job>> JobsAsync() => Recording<V1Job>.StartAsync(client, name);

    /// <summary>Called with every build before it is created.</summary>
    public Func<V1Alpha1ImageBuild, Task> BeforeCreate { get; set; } = _ => Task.CompletedTask;

    public async Task<V1Alpha1ImageBuild> CreateAsync(V1Alpha1ImageBuild build)
    {
        await BeforeCreate(build);
        return await client.CreateAsync(build, default);
    }

    public Task<V1Alpha1ImageBuild> ReadAsync(string image) => client.GetAsync<V1Alpha1ImageBuild>(new NamespacedName(name, image), default);

    /// <summary>The build once it has ended, well or badly.</summary>
    public async Task<V1Alpha1ImageBuild> EndOfAsync(string image, TimeSpan? limit = null) => await Wait.UntilAsync(
        $"{name}/{image} has ended", limit ?? TimeSpan.FromMinutes(4), () => ReadAsync(image),
        build => build.Status?.ObservedGeneration == build.Metadata.Generation && build.Status?.Conditions.IsTrue(Conditions.Complete) is true);

    private V1Alpha1ImageBuild Build(string image, string[] platforms) => new()
    {
        Metadata = new V1ObjectMeta { Name = image, NamespaceProperty = name },
        Spec = Spec(image, platforms),
    };

    private ImageBuildSpec Spec(string image, string[] platforms) => new()
    {
        PoolRef = new PoolReference { Name = pool.Name, Namespace = pool.Namespace },
        Platforms = platforms.Length == 0 ? null : platforms,
        Output = new BuildOutput
        {
            Image = Repository(image),
            Tags = ["1"],
            CredentialsSecretRef = registry.User is null ? null : new LocalReference { Name = PushSecret },
            PlainHttp = registry.PlainHttp ? true : null,
            Ca = registry.Ca,
        },
    };

    private static V1Secret Credentials(string space, IEnumerable<string> registries, string user, string password) => new()
    {
        ApiVersion = "v1",
        Kind = "Secret",
        Metadata = new V1ObjectMeta { Name = PushSecret, NamespaceProperty = space },
        Type = "kubernetes.io/dockerconfigjson",
        StringData = new Dictionary<string, string>
        {
            [".dockerconfigjson"] = JsonSerializer.Serialize(new { auths = registries.Distinct().ToDictionary(registry => registry, _ => new { username = user, password }) }),
        },
    };
}
