using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Slipway.S3;

namespace Slipway.Tests.Integration.S3;

/// <summary>The local cluster's S3 server, for as long as the tests of one class run.</summary>
public sealed class S3Server : IAsyncLifetime
{
    private AmazonS3Client? _client;

    internal AmazonS3Client Client => _client ?? throw new InvalidOperationException("not started");

    internal string Url { get; private set; } = "";

    internal S3Keys Keys { get; private set; } = new("", "", null);

    public async ValueTask InitializeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(30));
        await CrdServer.UpAsync(patience.Token);
        var cluster = ClusterEnv.Read();
        Url = cluster["S3_ENDPOINT"];
        Keys = new S3Keys(cluster["S3_ACCESS_KEY"], cluster["S3_SECRET_KEY"], null);
        var config = new AmazonS3Config { ServiceURL = Url, ForcePathStyle = true, AuthenticationRegion = TestBucket.Region };
        _client = new AmazonS3Client(new BasicAWSCredentials(Keys.AccessKeyId, Keys.SecretAccessKey), config);
    }

    public ValueTask DisposeAsync()
    {
        _client?.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>A bucket of the test's own, which goes with it.</summary>
    internal async Task<TestBucket> BucketAsync()
    {
        var bucket = new TestBucket(this, $"expire-{Guid.NewGuid():N}"[..20]);
        await Client.PutBucketAsync(new PutBucketRequest { BucketName = bucket.Name }, TestContext.Current.CancellationToken);
        return bucket;
    }
}

/// <summary>What a test puts into its bucket and sees there, by a client that is not the operator's.</summary>
internal sealed class TestBucket(S3Server server, string name) : IAsyncDisposable
{
    public const string Region = "us-east-1";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public string Name => name;

    public S3Connection Connection => new() { Bucket = name, Region = Region, EndpointUrl = server.Url, UsePathStyle = true, Keys = server.Keys };

    public Task PutAsync(string key, string body = "x") => server.Client.PutObjectAsync(new PutObjectRequest { BucketName = name, Key = key, ContentBody = body }, Token);

    /// <summary>What is deleted from now on leaves a version, and what is overwritten too.</summary>
    public Task KeepVersionsAsync() => server.Client.PutBucketVersioningAsync(
        new PutBucketVersioningRequest { BucketName = name, VersioningConfig = new S3BucketVersioningConfig { Status = VersionStatus.Enabled } }, Token);

    public async Task<IReadOnlyList<S3ObjectVersion>> VersionsAsync()
    {
        var versions = new List<S3ObjectVersion>();
        await foreach (var found in server.Client.Paginators.ListVersions(new ListVersionsRequest { BucketName = name }).Versions) versions.Add(found);
        return versions;
    }

    public Task PutRulesAsync(params LifecycleRule[] rules) => server.Client.PutLifecycleConfigurationAsync(
        new PutLifecycleConfigurationRequest { BucketName = name, Configuration = new LifecycleConfiguration { Rules = [.. rules] } }, Token);

    public async Task<List<LifecycleRule>> RulesAsync() =>
        (await server.Client.GetLifecycleConfigurationAsync(new GetLifecycleConfigurationRequest { BucketName = name }, Token)).Configuration?.Rules ?? [];

    public async Task<string[]> KeysAsync()
    {
        var keys = new List<string>();
        await foreach (var found in server.Client.Paginators.ListObjectsV2(new ListObjectsV2Request { BucketName = name }).S3Objects.WithCancellation(Token)) keys.Add(found.Key);
        return [.. keys.Order(StringComparer.Ordinal)];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var version in await VersionsAsync()) await server.Client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = name, Key = version.Key, VersionId = version.VersionId }, CancellationToken.None);
        await server.Client.DeleteBucketAsync(new DeleteBucketRequest { BucketName = name }, CancellationToken.None);
    }
}
