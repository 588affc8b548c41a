namespace Slipway.Pools;

/// <summary>
/// Published vulnerabilities of BuildKit and the versions that mended them, as github.com/moby/buildkit/security/advisories and the
/// notes of the releases v0.12.5, v0.28.1, v0.31.1 and v0.31.2 have it. Those of builders on Windows are left out, and so are those of
/// runc, whose version no builder reports. BuildKit mends the newest release alone.
/// </summary>
internal static class KnownVulnerabilities
{
    private static readonly Version BadMounts = new(0, 12, 5);
    private static readonly Version FrontendWrites = new(0, 28, 1);
    private static readonly Version FrontendUnconfined = new(0, 31, 1);
    private static readonly Version GitBundles = new(0, 31, 2);

    public static readonly IReadOnlyList<Vulnerability> All =
    [
        // A malicious client or frontend can make buildkitd panic.
        new("CVE-2024-23650", BadMounts),
        // A race of two steps with one cache mount gives access to files of the host.
        new("CVE-2024-23651", BadMounts),
        // A malicious frontend or Dockerfile can have files of the host deleted.
        new("CVE-2024-23652", BadMounts),
        // The API for interactive containers checks no entitlements.
        new("CVE-2024-23653", BadMounts),
        // A custom frontend can write outside the state directory.
        new("CVE-2026-33747", FrontendWrites),
        // The subdirectory of a git URL can lead out of the repository.
        new("CVE-2026-33748", FrontendWrites),
        // A custom frontend can turn seccomp and AppArmor off.
        new("GHSA-7236-3392-c5c6", FrontendUnconfined),
        // An image's passwd and group files can exhaust buildkitd.
        new("GHSA-72x6-4j93-7w86", FrontendUnconfined),
        // Git bundles allow commands to be injected.
        new("GHSA-hw3h-2gp9-cxpv", GitBundles),
        // A frontend can make buildkitd panic.
        new("GHSA-qx3x-mv6r-52p6", GitBundles),
        // A file operation can empty /tmp.
        new("GHSA-32pv-7hq5-qhwq", GitBundles),
        // A client can upload past the path that it was given.
        new("GHSA-g2h8-426c-7976", GitBundles),
    ];

    /// <summary>The first version without any of them.</summary>
    public static Version Floor { get; } = All.Max(vulnerability => vulnerability.Fixed)!;

    /// <param name="version">Null where it is not known: nothing is held against it. Without a third number it is the newest of its kind.</param>
    public static IReadOnlyList<Vulnerability> Of(Version? version) => version is null ? [] :
        [.. All.Where(vulnerability => new Version(version.Major, version.Minor, version.Build < 0 ? int.MaxValue : version.Build) < vulnerability.Fixed)];
}

/// <summary>One of them, and the version that no longer has it.</summary>
internal sealed record Vulnerability(string Id, Version Fixed);
