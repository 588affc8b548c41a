using System.Text;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Pki;

/// <summary>The Secrets that certificates live in.</summary>
internal static class PkiObjects
{
    public const string AuthorityComponent = "pool-authority";
    public const string CaKey = "ca.crt";
    public const string CertificateKey = "tls.crt";
    public const string KeyKey = "tls.key";

    /// <summary>Short, since names of Secrets hold it; long enough that two authorities of a pool differ.</summary>
    private const int IdDigits = 8;

    public const string AuthoritySelector =
        $"{SlipwayApi.ManagedBySelector},{SlipwayApi.ComponentLabel}={AuthorityComponent}";

    /// <summary>No owner: an owner reference cannot cross namespaces. What is left behind is swept by its name.</summary>
    public static V1Secret Authority(V1Alpha1BuilderPool pool, CertificatePair authority, string operatorNamespace)
    {
        var key = new NamespacedName(operatorNamespace, ChildNames.PoolAuthority(pool.Metadata.Uid));
        var secret = Secret(key, authority.Certificate, authority);
        secret.Metadata.Labels[SlipwayApi.ComponentLabel] = AuthorityComponent;
        secret.Metadata.Labels[SlipwayApi.PoolLabel] = pool.Metadata.Name;
        secret.Metadata.Labels[SlipwayApi.PoolNamespaceLabel] = pool.Metadata.NamespaceProperty;
        return secret;
    }

    public static V1Secret Secret(NamespacedName key, string authorityCertificate, CertificatePair pair) => new()
    {
        ApiVersion = V1Secret.KubeApiVersion,
        Kind = V1Secret.KubeKind,
        Metadata = new V1ObjectMeta
        {
            Name = key.Name,
            NamespaceProperty = key.Namespace,
            Labels = new Dictionary<string, string> { [SlipwayApi.ManagedByLabel] = SlipwayApi.ManagedBy },
        },
        Type = "kubernetes.io/tls",
        Immutable = true,
        Data = new Dictionary<string, byte[]>
        {
            [CaKey] = Encoding.ASCII.GetBytes(authorityCertificate),
            [CertificateKey] = Encoding.ASCII.GetBytes(pair.Certificate),
            [KeyKey] = Encoding.ASCII.GetBytes(pair.Key),
        },
    };

    /// <exception cref="InvalidOperationException">Somebody has emptied the Secret.</exception>
    public static CertificatePair Read(V1Secret secret)
    {
        if (secret.Data is { } data && data.TryGetValue(CertificateKey, out var certificate) && data.TryGetValue(KeyKey, out var key))
            return new CertificatePair(Encoding.ASCII.GetString(certificate), Encoding.ASCII.GetString(key));
        throw new InvalidOperationException(
            $"Secret {secret.Metadata.Name} lacks {CertificateKey} or {KeyKey}; delete it to have the pool re-keyed.");
    }

    public static KnownAuthority Known(V1Secret secret) =>
        new(ChildNames.Hash(Read(secret).Certificate, IdDigits), secret.Metadata.CreationTimestamp?.ToUniversalTime() ?? default(DateTime));

    /// <summary>Whose authority it is, gone or not.</summary>
    public static IEnumerable<NamespacedName> PoolOf(V1Secret? authority)
    {
        if (authority?.Metadata.Labels is { } labels
            && labels.TryGetValue(SlipwayApi.PoolNamespaceLabel, out var space) && labels.TryGetValue(SlipwayApi.PoolLabel, out var pool))
            yield return new NamespacedName(space, pool);
    }
}
