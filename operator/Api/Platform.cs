using System.Text.RegularExpressions;

namespace Slipway.Api;

/// <summary>os/architecture[/variant], as in linux/arm64 or linux/arm/v7.</summary>
internal readonly partial record struct Platform(string Os, string Architecture, string? Variant = null)
{
    /// <summary>As the CRDs have it, where $ is the end of the text.</summary>
    public const string Pattern = Shape + "$";

    private const string Shape = "^linux/[a-z0-9]{1,20}(/v[0-9]{1,2})?";

    public static Platform Parse(string text) =>
        TryParse(text, out var platform) ? platform : throw new FormatException($"'{text}' is no platform; write os/architecture, such as linux/arm64.");

    public static bool TryParse(string? text, out Platform platform)
    {
        platform = default;
        if (text is null || !Whole().IsMatch(text)) return false;
        var parts = text.Split('/');
        platform = new Platform(parts[0], parts[1], parts.Length > 2 ? parts[2] : null);
        return true;
    }

    /// <summary>linux-arm64: fit for names of objects and label values.</summary>
    public string Dashed => ToString().Replace('/', '-');

    public override string ToString() => Variant is null ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";

    /// <summary>In .NET, $ would let a newline pass at the end.</summary>
    [GeneratedRegex(Shape + @"\z")]
    private static partial Regex Whole();
}
