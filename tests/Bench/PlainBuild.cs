using System.Diagnostics;
using k8s.Models;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Runner;
using Slipway.S3;
using Slipway.Tests.E2E;

namespace Slipway.Bench;

/// <summary>
/// What a build's Job asks of buildctl, asked from this host by buildctl alone: same builder, certificate, arguments and outputs, with
/// neither operator nor Job nor pod.
/// </summary>
internal sealed class PlainBuild : IAsyncDisposable
{
    private const string ConfigFile = "config.json";
    private const string DockerConfigKey = ".dockerconfigjson";

    /// <summary>The one that the image holds: the bench has just built that.</summary>
    private static readonly string Buildctl = Repository.Path("artifacts", "image", "amd64", "buildctl");

    private readonly string _folder;
    private readonly BuildDescription _description;
    private readonly BuildctlFiles _files;
    private readonly CacheAccess? _cache;

    private PlainBuild(string folder, BuildDescription description, BuildctlFiles files, CacheAccess? cache) => (_folder, _description, _files, _cache) = (folder, description, files, cache);

    private string Context => Path.Combine(_folder, "context");

    /// <summary>Like the build of that Job, which has an inline source. The client certificate lasts as long as that build may.</summary>
    public static async Task<PlainBuild> LikeAsync(KubeClient client, V1Job job)
    {
        var folder = Directory.CreateTempSubdirectory("slipway-plain-").FullName;
        var space = job.Metadata.NamespaceProperty;
        var told = RunnerJson.Deserialize<BuildDescription>(job.Spec.Template.Spec.Containers[0].Args[2]);
        var tls = Path.Combine(folder, "tls");
        await WriteAsync(tls, (await client.GetAsync<V1Secret>(new NamespacedName(space, new BuildJob(job, []).ClientCertificate!), default)).Data);
        var push = await client.GetAsync<V1Secret>(new NamespacedName(space, Tenant.PushSecret), default);
        await WriteAsync(folder, new Dictionary<string, byte[]> { [ConfigFile] = push.Data[DockerConfigKey] });
        if (told.Output.Ca is { } ca) await File.WriteAllTextAsync(Path.Combine(folder, "registry-ca.crt"), ca);
        Directory.CreateDirectory(Path.Combine(folder, "context"));
        var keys = Path.Combine(folder, "keys");
        if (told.Cache?.S3 is not null) await WriteAsync(keys, (await client.GetAsync<V1Secret>(new NamespacedName(space, told.Cache.CredentialsSecret!), default)).Data);
        var cache = told.Cache is null ? null : new CacheAccess(told.Cache) { Keys = told.Cache.S3 is null ? null : await S3KeySource.ReadAsync(keys, default) };
        return new PlainBuild(
            folder,
            told with { Builder = told.Builder with { TlsDirectory = tls }, ContextDirectory = Path.Combine(folder, "context") },
            new BuildctlFiles { Metadata = Path.Combine(folder, "metadata.json"), Ref = Path.Combine(folder, "ref"), RegistryCa = told.Output.Ca is null ? null : Path.Combine(folder, "registry-ca.crt") },
            cache);
    }

    /// <summary>
    /// Seconds from the start of buildctl until it has ended, the image pushed by its digest. The Job writes the cache afterwards; in one
    /// solve, as others do it, push and cache end together.
    /// </summary>
    public async Task<double> TimeAsync(string dockerfile, bool withCacheInOneSolve = false)
    {
        await File.WriteAllTextAsync(Path.Combine(Context, BuildDefaults.Dockerfile), dockerfile);
        string[] environment = ["-i", $"PATH={Environment.GetEnvironmentVariable("PATH")}", $"HOME={_folder}", $"DOCKER_CONFIG={_folder}"];
        var solve = new Solve { Build = _description, Files = _files, Environment = new Dictionary<string, string>(), Cache = _cache };
        var started = Stopwatch.GetTimestamp();
        await Shell.RunAsync("env", [.. environment, Buildctl, .. BuildctlArgs.Of(solve), .. withCacheInOneSolve ? CacheArgs.Export(_cache!, _description.Output) : []]);
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>The certificate's key goes with it.</summary>
    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private static async Task WriteAsync(string folder, IEnumerable<KeyValuePair<string, byte[]>> files)
    {
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in files) await File.WriteAllBytesAsync(Path.Combine(folder, name), content);
    }
}
