using System.Buffers;
using System.Security.Cryptography;

namespace Slipway.Registry;

/// <summary>Content digests: sha256, the only algorithm that BuildKit writes.</summary>
internal static class Digests
{
    private const string Prefix = "sha256:";
    private const int HexLength = 64;

    private static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdef");

    public static string Of(ReadOnlySpan<byte> content) => Prefix + Convert.ToHexStringLower(SHA256.HashData(content));

    public static bool IsValid(string? text) =>
        text is not null
        && text.Length == Prefix.Length + HexLength
        && text.StartsWith(Prefix, StringComparison.Ordinal)
        && !text.AsSpan(Prefix.Length).ContainsAnyExcept(Hex);
}
