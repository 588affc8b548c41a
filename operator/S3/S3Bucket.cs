using System.Net;
using System.Runtime.CompilerServices;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Slipway.S3;

/// <summary>An object of a bucket, as a list of them has it.</summary>
internal sealed record S3Entry(string Key, DateTimeOffset LastModified);

/// <summary>The rules of a bucket, and what is set and lost together with them.</summary>
internal sealed record S3Rules(IReadOnlyList<LifecycleRule> Rules)
{
    /// <summary>From which size on objects change their storage class; null where the server has no such setting.</summary>
    public TransitionDefaultMinimumObjectSize? MinimumTransitionSize { get; init; }
}

/// <summary>The calls to one bucket that the expiry of a cache needs. Every fault is an <see cref="S3Exception"/>.</summary>
internal sealed class S3Bucket : IDisposable
{
    /// <summary>What one call deletes at most.</summary>
    public const int MaxBatch = 1000;

    /// <summary>Beside the first try; with AWSSDK's own pauses.</summary>
    private const int Retries = 3;

    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    private readonly string _bucket;
    private readonly OneHttpClient _http;
    private readonly AmazonS3Client _client;
    private bool _deletesOneByOne;

    public S3Bucket(S3Connection connection)
    {
        _bucket = connection.Bucket;
        _http = new OneHttpClient();
        _client = new AmazonS3Client(Credentials(connection.Keys), Config(connection));
    }

    /// <summary>None where the bucket has no list of rules.</summary>
    public Task<S3Rules> GetRulesAsync(CancellationToken token) => S3Faults.GuardAsync(
        "GET lifecycle",
        async () =>
        {
            var response = await _client.GetLifecycleConfigurationAsync(new GetLifecycleConfigurationRequest { BucketName = _bucket }, token);
            return new S3Rules(response.Configuration?.Rules ?? []) { MinimumTransitionSize = response.TransitionDefaultMinimumObjectSize };
        },
        token);

    /// <summary>In place of all that were there.</summary>
    public Task PutRulesAsync(S3Rules rules, CancellationToken token)
    {
        var request = new PutLifecycleConfigurationRequest
        {
            BucketName = _bucket,
            Configuration = new LifecycleConfiguration { Rules = [.. rules.Rules] },
            TransitionDefaultMinimumObjectSize = rules.MinimumTransitionSize,
        };
        return S3Faults.GuardAsync("PUT lifecycle", () => _client.PutLifecycleConfigurationAsync(request, token), token);
    }

    /// <summary>True also where versions were kept once: those are still there.</summary>
    public Task<bool> IsVersionedAsync(CancellationToken token) => S3Faults.GuardAsync(
        "GET versioning",
        async () =>
        {
            var response = await _client.GetBucketVersioningAsync(new GetBucketVersioningRequest { BucketName = _bucket }, token);
            return response.VersioningConfig?.Status is { } status && status != VersionStatus.Off;
        },
        token);

    /// <summary>Page by page, so that what is deleted was listed a moment ago.</summary>
    public async IAsyncEnumerable<IReadOnlyList<S3Entry>> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken token)
    {
        var request = new ListObjectsV2Request { BucketName = _bucket, Prefix = prefix };
        do
        {
            var page = await S3Faults.GuardAsync("GET objects", () => _client.ListObjectsV2Async(request, token), token);
            // AWSSDK takes any answer for an empty list.
            if (page.Name is null)
            {
                throw new S3Exception(S3Fault.Refused, "GET objects", "the answer is not a list of objects");
            }

            yield return [.. (page.S3Objects ?? []).Select(Entry)];
            request.ContinuationToken = page.IsTruncated is true ? page.NextContinuationToken : null;
        }
        while (request.ContinuationToken is not null);
    }

    /// <summary>At most <see cref="MaxBatch"/> keys; those that are gone already are no fault.</summary>
    public async Task DeleteAsync(IReadOnlyList<string> keys, CancellationToken token)
    {
        if (!_deletesOneByOne && keys.Count > 0)
        {
            try
            {
                await S3Faults.GuardAsync("POST delete", () => DeleteTogetherAsync(keys, token), token);
                return;
            }
            catch (S3Exception e) when (e.Fault is S3Fault.NotImplemented or S3Fault.Refused)
            {
                // Some servers have no such call, or want another checksum than AWSSDK sends.
                _deletesOneByOne = true;
            }
        }

        foreach (var key in keys)
        {
            await S3Faults.GuardAsync("DELETE object", () => _client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = _bucket, Key = key }, token), token);
        }
    }

    public Task<bool> HeadAsync(string key, CancellationToken token) => S3Faults.GuardAsync(
        "HEAD object",
        async () =>
        {
            try
            {
                await _client.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = _bucket, Key = key }, token);
                return true;
            }
            catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
            {
                return false;
            }
        },
        token);

    /// <summary>Null where there is no such object.</summary>
    /// <exception cref="S3Exception">Also where it has more than <paramref name="maxBytes"/>.</exception>
    public Task<byte[]?> ReadAsync(string key, int maxBytes, CancellationToken token) => S3Faults.GuardAsync(
        "GET object",
        async () =>
        {
            try
            {
                using var response = await _client.GetObjectAsync(new GetObjectRequest { BucketName = _bucket, Key = key }, token);
                return await BytesAsync(response, maxBytes, token);
            }
            catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchKey")
            {
                return null;
            }
        },
        token);

    public void Dispose()
    {
        _client.Dispose();
        _http.Dispose();
    }

    private AmazonS3Config Config(S3Connection connection)
    {
        var config = new AmazonS3Config
        {
            // Newer checksums than MD5 and SHA-256 are known to fewer servers.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            DefaultConfigurationMode = DefaultConfigurationMode.Standard,
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = Retries,
            HttpClientFactory = _http,
            // Where the bucket is stands in the description, not in the environment or a profile.
            IgnoreConfiguredEndpointUrls = true,
        };
        if (connection.EndpointUrl is { } endpoint)
        {
            config.ServiceURL = endpoint;
            config.AuthenticationRegion = connection.Region;
            config.ForcePathStyle = connection.UsePathStyle;
        }
        else
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(connection.Region);
        }

        return config;
    }

    private async Task<DeleteObjectsResponse> DeleteTogetherAsync(IReadOnlyList<string> keys, CancellationToken token)
    {
        var request = new DeleteObjectsRequest { BucketName = _bucket, Objects = [.. keys.Select(key => new KeyVersion { Key = key })], Quiet = true };
        try
        {
            return await _client.DeleteObjectsAsync(request, token);
        }
        catch (DeleteObjectsException e) when (e.Response?.DeleteErrors is [var first, ..])
        {
            var fault = first.Code == "AccessDenied" ? S3Fault.Denied : S3Fault.Busy;
            throw new S3Exception(fault, "POST delete", $"{e.Response.DeleteErrors.Count} objects stay: {S3Faults.Tidy(first.Code, 40)}", e) { Code = S3Faults.Tidy(first.Code, 40) };
        }
    }

    private static async Task<byte[]> BytesAsync(GetObjectResponse response, int maxBytes, CancellationToken token)
    {
        if (response.ContentLength < 0 || response.ContentLength > maxBytes)
        {
            throw new S3Exception(S3Fault.Refused, "GET object", $"the object has no length, or more than {maxBytes} bytes");
        }

        // Not more than was announced, whatever comes.
        var bytes = new byte[response.ContentLength];
        await response.ResponseStream.ReadExactlyAsync(bytes, token);
        return bytes;
    }

    private static S3Entry Entry(S3Object listed) =>
        new(listed.Key, listed.LastModified is { } time ? new DateTimeOffset(time.ToUniversalTime()) : DateTimeOffset.MaxValue);

    private static AWSCredentials Credentials(S3Keys keys) => keys.SessionToken is { } session
        ? new SessionAWSCredentials(keys.AccessKeyId, keys.SecretAccessKey, session)
        : new BasicAWSCredentials(keys.AccessKeyId, keys.SecretAccessKey);

    /// <summary>AWSSDK asks for a client with each call.</summary>
    private sealed class OneHttpClient : HttpClientFactory, IDisposable
    {
        private readonly HttpClient _http = new(new S3Answers(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = ConnectTimeout })) { Timeout = CallTimeout };

        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => _http;

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

        public void Dispose() => _http.Dispose();
    }
}
