namespace Slipway.Registry;

/// <summary>A manifest or index as bytes, with the digest that was computed of exactly these bytes.</summary>
internal sealed record ManifestBody
{
    private ManifestBody(string mediaType, ReadOnlyMemory<byte> bytes, string digest)
    {
        MediaType = mediaType;
        Bytes = bytes;
        Digest = digest;
    }

    public string MediaType { get; }

    public ReadOnlyMemory<byte> Bytes { get; }

    public string Digest { get; }

    public static ManifestBody Of(string mediaType, ReadOnlyMemory<byte> bytes) => new(mediaType, bytes, Digests.Of(bytes.Span));
}
