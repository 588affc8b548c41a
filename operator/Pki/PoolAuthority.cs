using System.Security.Cryptography;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;

namespace Slipway.Pki;

/// <summary>
/// The certificate authorities of all pools: one Secret a pool in the operator's own namespace. Whoever deletes it has the pool re-keyed.
/// Its rights there are a Role of that namespace, not part of the operator's ClusterRole.
/// </summary>
[EntityRbac(typeof(V1Secret), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch | RbacVerb.Create | RbacVerb.Delete, OwnNamespace = true)]
internal sealed class PoolAuthority(IStore<V1Secret> secrets, IKubeClient client, PkiOptions options, TimeProvider time) : IClientCertificates
{
    private const int SerialDigits = 32;

    /// <summary>As the store knows it; null where there is none.</summary>
    public KnownAuthority? Of(V1Alpha1BuilderPool pool) => secrets.Get(KeyOf(pool)) is { } secret ? PkiObjects.Known(secret) : null;

    /// <summary>Who comes second takes what the first has made: two authorities would refuse each other's certificates.</summary>
    public async Task<KnownAuthority> MakeAsync(V1Alpha1BuilderPool pool, CancellationToken cancellationToken)
    {
        var authority = Certificates.Authority($"slipway {NamespacedName.Of(pool)}", NewSerial(), time.GetUtcNow());
        try
        {
            return PkiObjects.Known(await client.CreateAsync(PkiObjects.Authority(pool, authority, options.OperatorNamespace), cancellationToken));
        }
        catch (KubeApiException exception) when (exception.IsAlreadyExists)
        {
            return PkiObjects.Known(await client.GetAsync<V1Secret>(KeyOf(pool), cancellationToken));
        }
    }

    public async Task<V1Secret> IssueClientAsync(
        V1Alpha1BuilderPool pool, string? authorityId, NamespacedName secret, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        var authority = await ReadAsync(pool, authorityId, cancellationToken);
        var pair = Certificates.Client(authority, secret.Name, NewSerial(), time.GetUtcNow(), lifetime);
        return PkiObjects.Secret(secret, authority.Certificate, pair);
    }

    /// <summary>A Secret to create, for builders behind <paramref name="dnsName"/>, valid until <paramref name="expires"/>.</summary>
    /// <exception cref="AuthorityChangedException">The pool's authority is another one than <paramref name="authorityId"/>.</exception>
    public async Task<V1Secret> IssueServerAsync(
        V1Alpha1BuilderPool pool, string authorityId, NamespacedName secret, string dnsName, string serial, DateTimeOffset expires,
        CancellationToken cancellationToken)
    {
        var authority = await ReadAsync(pool, authorityId, cancellationToken);
        var now = time.GetUtcNow();
        return PkiObjects.Secret(secret, authority.Certificate, Certificates.Server(authority, dnsName, serial, now, expires - now));
    }

    /// <summary>
    /// Deletes the authorities of pools that are gone. <paramref name="pools"/> gives every pool there is, what is missing loses
    /// its authority; it is asked after the authorities were listed, so that a pool that appears meanwhile keeps its own.
    /// </summary>
    public async Task<int> SweepAsync(Func<IReadOnlyList<V1Alpha1BuilderPool>> pools, CancellationToken cancellationToken)
    {
        var authorities = secrets.List();
        var names = pools().Select(pool => ChildNames.PoolAuthority(pool.Metadata.Uid)).ToHashSet();
        var deleted = 0;
        foreach (var secret in authorities.Where(secret => !names.Contains(secret.Metadata.Name)))
        {
            var (key, uid) = (NamespacedName.Of(secret), secret.Metadata.Uid);
            if (await client.DeleteAsync<V1Secret>(key, uid, PropagationPolicy.Background, cancellationToken)) deleted++;
        }

        return deleted;
    }

    /// <summary>The store may be a moment behind what a pass has made: an authority that it does not know is asked for once.</summary>
    private async Task<CertificatePair> ReadAsync(V1Alpha1BuilderPool pool, string? id, CancellationToken cancellationToken)
    {
        var key = KeyOf(pool);
        if (secrets.Get(key) is { } stored && Is(stored, id)) return PkiObjects.Read(stored);
        if (await client.GetOrDefaultAsync<V1Secret>(key, cancellationToken) is { } live && Is(live, id)) return PkiObjects.Read(live);
        throw new AuthorityChangedException(pool);
    }

    private static bool Is(V1Secret secret, string? id) => id is null || PkiObjects.Known(secret).Id == id;

    private NamespacedName KeyOf(V1Alpha1BuilderPool pool) => new(options.OperatorNamespace, ChildNames.PoolAuthority(pool.Metadata.Uid));

    private static string NewSerial() => RandomNumberGenerator.GetHexString(SerialDigits);
}
