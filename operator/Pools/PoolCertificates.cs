using System.Globalization;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Pools;

/// <summary>
/// Which certificate the builders of a StatefulSet show, when another takes its place, and which earlier ones nobody mounts any more.
/// Builders read theirs at their start, so another one in the pod template is shown once they have been rolled.
/// </summary>
internal static class PoolCertificates
{
    private const int SerialDigits = 16;

    /// <summary>A certificate more than one a builder is there only while a pass has not come to it.</summary>
    private const int MostEarlier = 50;

    public static WantedCertificate Wanted(PoolSnapshot snapshot, string statefulSet)
    {
        var live = snapshot.StatefulSet(statefulSet);
        var unused = Unused(snapshot, live);
        var earlier = Earlier(live).Except(unused).ToList();
        IReadOnlyList<NamespacedName> secrets = [.. unused.Select(serial => Secret(snapshot, statefulSet, serial))];
        if (Current(snapshot, live) is { } current) return new WantedCertificate(current with { Earlier = earlier }, null, secrets);

        var next = Next(snapshot, statefulSet, SerialOf(live));
        if (SerialOf(live) is { } last) earlier.Add(last);
        earlier = [.. earlier.TakeLast(MostEarlier)];
        if (snapshot.Issued.TryGetValue(statefulSet, out var issued) && IsStill(snapshot, issued, next)) return new WantedCertificate(issued with { Earlier = earlier }, null, secrets);
        var order = new CertificateOrder(
            new NamespacedName(snapshot.Pool.Metadata.NamespaceProperty, statefulSet), Secret(snapshot, statefulSet, next.Serial),
            ChildNames.BuilderServerName("*", statefulSet, snapshot.Pool.Metadata.NamespaceProperty), next);
        return new WantedCertificate(next with { Earlier = earlier }, order, secrets);
    }

    /// <summary>A third of the lifetime is left for builders to start anew when they are idle.</summary>
    public static DateTimeOffset RenewAt(PoolSnapshot snapshot, ServerCertificate certificate) =>
        certificate.Expires - (snapshot.Options.ServerCertificateLifetime / 3);

    /// <summary>
    /// Builders that another authority signed than the pool has now. They take no new builds, since no client certificate for them can be
    /// issued any more, and nothing is lost by rolling all of them at once.
    /// </summary>
    public static IReadOnlySet<string> StaleAuthority(PoolSnapshot snapshot) =>
        snapshot.Pods.Where(pod => IsStale(snapshot, pod)).Select(pod => pod.Metadata.Uid).ToHashSet();

    /// <summary>Every certificate of a StatefulSet that is given up.</summary>
    public static IEnumerable<NamespacedName> SecretsOf(V1StatefulSet set) =>
        from serial in SerialOf(set) is { } current ? Earlier(set).Append(current) : Earlier(set)
        select new NamespacedName(set.Metadata.NamespaceProperty, ChildNames.ServerCertificate(set.Metadata.Name, serial));

    /// <summary>Of the certificate that the pod template names.</summary>
    public static string? SerialOf(V1StatefulSet? live) =>
        Annotation(live?.Metadata, SlipwayApi.CertificateSerialAnnotation) is { } serial && IsSerial(serial) ? serial : null;

    /// <summary>Pods of operators before this one do not say who signed them: certainly nobody who was not there yet.</summary>
    private static bool IsStale(PoolSnapshot snapshot, V1Pod pod)
    {
        if (snapshot.Authority is not { } authority) return true;
        if (Annotation(pod.Metadata, SlipwayApi.CertificateAuthorityAnnotation) is { } signer) return signer != authority.Id;
        return pod.Metadata.CreationTimestamp is { } created && created.ToUniversalTime() < authority.Created.UtcDateTime;
    }

    private static ServerCertificate? Current(PoolSnapshot snapshot, V1StatefulSet? live)
    {
        if (SerialOf(live) is not { } serial
            || Annotation(live!.Metadata, SlipwayApi.CertificateAuthorityAnnotation) is not { } signer || signer != snapshot.Authority?.Id
            || !DateTimeOffset.TryParse(
                Annotation(live.Metadata, SlipwayApi.CertificateExpiryAnnotation), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var expires))
            return null;
        var certificate = new ServerCertificate(serial, expires, signer);
        return snapshot.Now < RenewAt(snapshot, certificate) ? certificate : null;
    }

    /// <summary>A pass before this one has issued what would be issued next, and it is as good as new.</summary>
    private static bool IsStill(PoolSnapshot snapshot, ServerCertificate issued, ServerCertificate next) =>
        (issued.Serial, issued.Authority) == (next.Serial, next.Authority) && snapshot.Now < RenewAt(snapshot, issued);

    /// <summary>
    /// The serial follows from the one before, so that a pass after an interrupted one finds what that one left under the same name.
    /// </summary>
    private static ServerCertificate Next(PoolSnapshot snapshot, string statefulSet, string? previous) => new(
        ChildNames.Hash($"{snapshot.Pool.Metadata.Uid}/{statefulSet}/{previous}", SerialDigits),
        Conditions.WholeSecond(snapshot.Now + snapshot.Options.ServerCertificateLifetime),
        snapshot.Authority?.Id ?? "");

    /// <summary>
    /// Not before the StatefulSet's controller has seen the template that names another one: until then it may still make a pod that
    /// mounts an earlier one.
    /// </summary>
    private static List<string> Unused(PoolSnapshot snapshot, V1StatefulSet? live)
    {
        if (live is null || !(live.Status?.ObservedGeneration >= live.Metadata.Generation)) return [];
        var mounted = snapshot.Pods.SelectMany(pod => pod.Spec?.Volumes ?? []).Select(volume => volume.Secret?.SecretName).ToHashSet();
        return [.. Earlier(live).Where(serial => !mounted.Contains(ChildNames.ServerCertificate(live.Metadata.Name, serial)))];
    }

    /// <summary>What somebody else may have written there, and is no serial, names no Secret of ours.</summary>
    private static IEnumerable<string> Earlier(V1StatefulSet? live) =>
        (Annotation(live?.Metadata, SlipwayApi.EarlierCertificatesAnnotation) ?? "").Split(',')
            .Where(serial => IsSerial(serial) && serial != SerialOf(live)).Distinct();

    private static bool IsSerial(string text) => text.Length == SerialDigits && text.All(char.IsAsciiHexDigitLower);

    private static NamespacedName Secret(PoolSnapshot snapshot, string statefulSet, string serial) =>
        new(snapshot.Pool.Metadata.NamespaceProperty, ChildNames.ServerCertificate(statefulSet, serial));

    private static string? Annotation(V1ObjectMeta? metadata, string name) =>
        metadata?.Annotations is { } all && all.TryGetValue(name, out var value) ? value : null;
}

/// <summary>What is to be done about the certificate of a StatefulSet.</summary>
/// <param name="Certificate">The one that the pod template names.</param>
/// <param name="Order">To issue it; null where it is there.</param>
/// <param name="Unused">Earlier ones to delete, before the StatefulSet forgets them.</param>
internal sealed record WantedCertificate(ServerCertificate Certificate, CertificateOrder? Order, IReadOnlyList<NamespacedName> Unused);

/// <summary>A server certificate for the builders of one StatefulSet.</summary>
internal sealed record CertificateOrder(NamespacedName StatefulSet, NamespacedName Secret, string DnsName, ServerCertificate Certificate);

/// <summary>Which certificate the builders of a StatefulSet show: its serial names the Secret.</summary>
internal sealed record ServerCertificate(string Serial, DateTimeOffset Expires, string Authority)
{
    /// <summary>Serials before this one, the oldest first, whose Secrets are not known to be gone.</summary>
    public IReadOnlyList<string> Earlier { get; init; } = [];
}
