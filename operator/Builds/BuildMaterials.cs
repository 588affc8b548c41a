using Slipway.Api;

namespace Slipway.Builds;

/// <summary>What was made for Jobs alone, by name.</summary>
internal sealed record BuildMaterials
{
    private const string CertificateSuffix = "-client";
    private const int AuthorityDigits = 8;

    public static readonly BuildMaterials None = new();

    /// <summary>Secrets.</summary>
    public IReadOnlyList<string> ClientCertificates { get; init; } = [];

    /// <summary>ConfigMaps.</summary>
    public IReadOnlyList<string> InlineSources { get; init; } = [];

    /// <summary>By what the Jobs mount; the names follow from build and key, since what a Job says may be anybody's word.</summary>
    public static BuildMaterials Of(V1Alpha1ImageBuild build, IEnumerable<BuildJob> jobs)
    {
        var known = jobs.Where(job => job.BuildKey is not null).ToList();
        return new BuildMaterials
        {
            ClientCertificates = Names(known.Select(job => ClientCertificate(build, job))),
            InlineSources = Names(known.Where(job => job.Mounts(BuildObjects.SourceVolume))
                .Select(job => ChildNames.InlineSource(build.Metadata.Name, build.Metadata.Uid, job.BuildKey!))),
        };
    }

    /// <summary>Which authority it is of, only the mounted name tells; all else about the name is ours to know.</summary>
    private static string? ClientCertificate(V1Alpha1ImageBuild build, BuildJob job)
    {
        if (job.ClientCertificate is not { } mounted) return null;
        string?[] authorities = [null, AuthorityIn(mounted)];
        return authorities.Select(authority => ChildNames.ClientCertificate(build.Metadata.Name, build.Metadata.Uid, job.BuildKey!, authority))
            .FirstOrDefault(name => name == mounted);
    }

    private static string? AuthorityIn(string name)
    {
        if (name.Length < CertificateSuffix.Length + AuthorityDigits) return null;
        var authority = name[..^CertificateSuffix.Length][^AuthorityDigits..];
        return authority.All(char.IsAsciiHexDigitLower) ? authority : null;
    }

    private static IReadOnlyList<string> Names(IEnumerable<string?> names) => [.. names.OfType<string>().Distinct().Order(StringComparer.Ordinal)];
}
