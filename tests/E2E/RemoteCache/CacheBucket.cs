using System.Text.Json.Nodes;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Slipway.Api;

namespace Slipway.Tests.E2E.RemoteCache;

/// <summary>A bucket of the test's own on the cluster's S3 server, as a client sees it that is not the operator's. It goes with the test.</summary>
internal sealed class CacheBucket : IAsyncDisposable
{
    /// <summary>The Secret with the keys.</summary>
    public const string KeysSecret = "s3";

    private const string Region = "us-east-1";
    private const string Prefix = "t/";

    private readonly AmazonS3Client _client;
    private readonly TestS3 _server;

    private CacheBucket(TestS3 server)
    {
        _server = server;
        var config = new AmazonS3Config { ServiceURL = server.Endpoint, ForcePathStyle = true, AuthenticationRegion = Region };
        _client = new AmazonS3Client(new BasicAWSCredentials(server.AccessKey, server.SecretKey), config);
    }

    public string Name { get; } = $"e2e-{Guid.NewGuid():N}"[..20];

    /// <summary>Returns when it is the test's turn.</summary>
    public static async Task<CacheBucket> CreateAsync(ClusterFixture fixture)
    {
        await Shared.JoinAsync();
        var bucket = new CacheBucket(fixture.S3);
        await bucket._client.PutBucketAsync(bucket.Name);
        return bucket;
    }

    public async ValueTask DisposeAsync()
    {
        using (_client) await EndAsync();
    }

    /// <summary>For a pool, by way of a proxy where one is given.</summary>
    public PoolCache Cache(S3Proxy? proxy = null, string prefix = Prefix) => new()
    {
        S3 = new PoolS3Cache
        {
            Bucket = Name,
            Region = Region,
            Prefix = prefix,
            EndpointUrl = proxy?.Url ?? _server.Endpoint,
            UsePathStyle = true,
            CredentialsSecretRef = new LocalReference { Name = KeysSecret },
        },
    };

    public async Task<IReadOnlyList<string>> KeysAsync(string begin = "")
    {
        var keys = new List<string>();
        await foreach (var found in _client.Paginators.ListObjectsV2(new ListObjectsV2Request { BucketName = Name, Prefix = begin }).S3Objects) keys.Add(found.Key);
        return keys;
    }

    public Task<IReadOnlyList<string>> ManifestsAsync() => KeysAsync($"{Prefix}manifests/");

    /// <summary>The keys of all that a manifest names.</summary>
    public async Task<IReadOnlyList<string>> BlobsOfAsync(string manifest)
    {
        using var response = await _client.GetObjectAsync(Name, manifest);
        var layers = (await JsonNode.ParseAsync(response.ResponseStream))!["layers"]!.AsArray();
        return [.. layers.Select(layer => $"{Prefix}blobs/{layer!["blob"]!.GetValue<string>()}")];
    }

    /// <summary>What manifests name and the bucket has not; none of them may name nothing.</summary>
    public async Task<IReadOnlyList<string>> MissingAsync()
    {
        var missing = new List<string>();
        foreach (var manifest in await ManifestsAsync())
        {
            var blobs = await BlobsOfAsync(manifest);
            blobs.ShouldNotBeEmpty();
            foreach (var blob in blobs)
            {
                if (!await HasAsync(blob)) missing.Add($"{manifest}: {blob}");
            }
        }

        return missing;
    }

    public Task PutAsync(string key) => _client.PutObjectAsync(new PutObjectRequest { BucketName = Name, Key = key, ContentBody = "x" });

    public async Task DeleteAsync(IEnumerable<string> keys)
    {
        foreach (var key in keys) await _client.DeleteObjectAsync(Name, key);
    }

    /// <summary>With all that is in it; there may be nothing any more.</summary>
    public async Task EndAsync()
    {
        await Wait.UntilAsync($"bucket {Name} is gone", TimeSpan.FromMinutes(1), TryEndAsync, gone => gone);
    }

    /// <summary>In place of those that were there.</summary>
    public Task PutRulesAsync(params LifecycleRule[] rules) => _client.PutLifecycleConfigurationAsync(
        new PutLifecycleConfigurationRequest { BucketName = Name, Configuration = new LifecycleConfiguration { Rules = [.. rules] } });

    public async Task<IReadOnlyList<LifecycleRule>> RulesAsync() =>
        (await _client.GetLifecycleConfigurationAsync(new GetLifecycleConfigurationRequest { BucketName = Name })).Configuration?.Rules ?? [];

    private async Task<bool> HasAsync(string key)
    {
        try
        {
            await _client.GetObjectMetadataAsync(Name, key);
            return true;
        }
        catch (AmazonS3Exception gone) when (gone.StatusCode == System.Net.HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    /// <summary>False where a Job has written something since it was listed.</summary>
    private async Task<bool> TryEndAsync()
    {
        try
        {
            await DeleteAsync(await KeysAsync());
            await _client.DeleteBucketAsync(Name);
            return true;
        }
        catch (AmazonS3Exception refused) when (refused.ErrorCode is "NoSuchBucket" or "BucketNotEmpty")
        {
            return refused.ErrorCode == "NoSuchBucket";
        }
    }
}
