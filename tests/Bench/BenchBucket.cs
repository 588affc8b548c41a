using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Slipway.Tests.E2E;

namespace Slipway.Bench;

/// <summary>A bucket on the local cluster's S3 server, which goes with all that is in it.</summary>
internal sealed class BenchBucket : IAsyncDisposable
{
    private readonly AmazonS3Client _s3;

    private BenchBucket(TestS3 server) => _s3 = new AmazonS3Client(
        new BasicAWSCredentials(server.AccessKey, server.SecretKey), new AmazonS3Config { ServiceURL = server.Endpoint, ForcePathStyle = true, AuthenticationRegion = "us-east-1" });

    public string Name { get; } = $"bench-{Guid.NewGuid():N}"[..20];

    public static async Task<BenchBucket> CreateAsync(TestS3 server)
    {
        var bucket = new BenchBucket(server);
        await bucket._s3.PutBucketAsync(bucket.Name);
        return bucket;
    }

    public Task PutAsync(string key, string content, CancellationToken token) => _s3.PutObjectAsync(new PutObjectRequest { BucketName = Name, Key = key, ContentBody = content }, token);

    public async ValueTask DisposeAsync()
    {
        using (_s3)
        {
            await foreach (var left in _s3.Paginators.ListObjectsV2(new ListObjectsV2Request { BucketName = Name }).S3Objects) await _s3.DeleteObjectAsync(Name, left.Key);
            await _s3.DeleteBucketAsync(Name);
        }
    }
}
