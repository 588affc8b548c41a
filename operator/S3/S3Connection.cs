namespace Slipway.S3;

/// <summary>Where a bucket is and who asks.</summary>
internal sealed record S3Connection
{
    public required string Bucket { get; init; }

    /// <summary>Signed into every request; S3 servers other than Amazon's mostly take any, such as us-east-1.</summary>
    public required string Region { get; init; }

    /// <summary>http:// or https:// address of a server other than Amazon's; null for Amazon's own in <see cref="Region"/>.</summary>
    public string? EndpointUrl { get; init; }

    /// <summary>endpoint/bucket/key in place of bucket.endpoint/key; most servers other than Amazon's need it. Only with <see cref="EndpointUrl"/>.</summary>
    public bool UsePathStyle { get; init; }

    public required S3Keys Keys { get; init; }
}

/// <summary>An access key and its secret, with a session's token where they belong to one.</summary>
internal sealed record S3Keys(string AccessKeyId, string SecretAccessKey, string? SessionToken)
{
    /// <summary>Records print their members, and these end in no log.</summary>
    public override string ToString() => nameof(S3Keys);
}
