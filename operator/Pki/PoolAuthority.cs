using System.Collections.Concurrent;
using System.Security.Cryptography;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;

namespace Slipway.Pki;

/// <summary>
/// The certificate authorities of all pools: one Secret a pool in the operator's own namespace, held in memory after the first use.
/// Its rights there are a Role of that namespace, not part of the operator's ClusterRole.
/// </summary>
[EntityRbac(typeof(V1Secret), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Create | RbacVerb.Delete, OwnNamespace = true)]
internal sealed class PoolAuthority(IKubeClient client, PkiOptions options, TimeProvider time) : IClientCertificates
{
    private const int SerialDigits = 32;

    private readonly ConcurrentDictionary<string, CertificatePair> _authorities = new();

    public async Task<V1Secret> IssueClientAsync(
        V1Alpha1BuilderPool pool, NamespacedName secret, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        var authority = await OfAsync(pool, cancellationToken);
        var pair = Certificates.Client(authority, secret.Name, NewSerial(), time.GetUtcNow(), lifetime);
        return PkiObjects.Secret(secret, authority.Certificate, pair);
    }

    /// <summary>A Secret to create, for builders behind <paramref name="dnsName"/>.</summary>
    public async Task<V1Secret> IssueServerAsync(
        V1Alpha1BuilderPool pool, NamespacedName secret, string dnsName, string serial, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var authority = await OfAsync(pool, cancellationToken);
        return PkiObjects.Secret(secret, authority.Certificate, Certificates.Server(authority, dnsName, serial, now));
    }

    /// <summary>
    /// Deletes the authorities of pools that are gone. <paramref name="pools"/> gives every pool there is, what is missing loses
    /// its authority; it is asked after the authorities were listed, so that a pool that appears meanwhile keeps its own.
    /// </summary>
    public async Task<int> SweepAsync(Func<IReadOnlyList<V1Alpha1BuilderPool>> pools, CancellationToken cancellationToken)
    {
        var secrets = await ListAsync(cancellationToken);
        var uids = pools().Select(pool => pool.Metadata.Uid).ToHashSet();
        foreach (var gone in _authorities.Keys.Where(uid => !uids.Contains(uid))) _authorities.TryRemove(gone, out _);

        var names = uids.Select(ChildNames.PoolAuthority).ToHashSet();
        var deleted = 0;
        foreach (var secret in secrets.Where(secret => !names.Contains(secret.Metadata.Name)))
        {
            var (key, uid) = (NamespacedName.Of(secret), secret.Metadata.Uid);
            if (await client.DeleteAsync<V1Secret>(key, uid, PropagationPolicy.Background, cancellationToken)) deleted++;
        }

        return deleted;
    }

    private async Task<CertificatePair> OfAsync(V1Alpha1BuilderPool pool, CancellationToken cancellationToken)
    {
        if (_authorities.TryGetValue(pool.Metadata.Uid, out var known)) return known;
        var key = new NamespacedName(options.OperatorNamespace, ChildNames.PoolAuthority(pool.Metadata.Uid));
        var secret = await client.GetOrDefaultAsync<V1Secret>(key, cancellationToken) ?? await CreateAsync(pool, key, cancellationToken);
        return _authorities.GetOrAdd(pool.Metadata.Uid, PkiObjects.Read(secret));
    }

    /// <summary>Who comes second takes what the first has made: two authorities would refuse each other's certificates.</summary>
    private async Task<V1Secret> CreateAsync(V1Alpha1BuilderPool pool, NamespacedName key, CancellationToken cancellationToken)
    {
        var name = $"slipway {NamespacedName.Of(pool)}";
        var authority = Certificates.Authority(name, NewSerial(), time.GetUtcNow());
        try
        {
            return await client.CreateAsync(PkiObjects.Authority(pool, authority, options.OperatorNamespace), cancellationToken);
        }
        catch (KubeApiException exception) when (exception.IsAlreadyExists)
        {
            return await client.GetAsync<V1Secret>(key, cancellationToken);
        }
    }

    private async Task<IReadOnlyList<V1Secret>> ListAsync(CancellationToken cancellationToken)
    {
        var secrets = new List<V1Secret>();
        var query = new ListQuery { Namespace = options.OperatorNamespace, LabelSelector = PkiObjects.AuthoritySelector };
        do
        {
            var page = await client.ListPageAsync<V1Secret>(query, cancellationToken);
            secrets.AddRange(page.Items);
            query = query with { Continue = page.Continue };
        }
        while (!string.IsNullOrEmpty(query.Continue));
        return secrets;
    }

    private static string NewSerial() => RandomNumberGenerator.GetHexString(SerialDigits);
}
