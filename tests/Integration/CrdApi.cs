using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;

namespace Slipway.Tests;

/// <summary>
/// Plain REST to a server that has CRDs: one of the two need not serve /api, which clients of Kubernetes ask first. What it
/// makes lies in an API group of its own, so that runs and a real Slipway never meet.
/// </summary>
internal sealed class CrdApi : IDisposable
{
    private const string Crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    private readonly HttpClient _http;
    private readonly string _group = $"t{Guid.NewGuid():N}.slipway.dev";

    public CrdApi(string address, string token, string authority)
    {
        var trusted = X509Certificate2.CreateFromPem(authority);
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { trusted },
            RevocationMode = X509RevocationMode.NoCheck,
        };
        _http = new HttpClient(handler) { BaseAddress = new Uri(address), Timeout = TimeSpan.FromSeconds(60) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Installs a CRD under the group of this run.</summary>
    public async Task<JsonNode> InstallAsync(string plural, CancellationToken cancel)
    {
        var crd = Repository.Crd(plural);
        crd["metadata"]!["name"] = $"{plural}.{_group}";
        crd["spec"]!["group"] = _group;
        // Short names and categories are the cluster's, not the group's.
        crd["spec"]!["names"]!.AsObject().Remove("shortNames");
        crd["spec"]!["names"]!.AsObject().Remove("categories");
        var (status, answer) = await SendAsync(HttpMethod.Post, Crds, crd, cancel);
        return status == 201 ? answer : throw new InvalidOperationException($"The CRD {plural} was refused with {status}: {answer["message"]}");
    }

    /// <summary>Waits until the server serves the kind.</summary>
    public async Task<JsonNode> EstablishedAsync(string plural, CancellationToken cancel)
    {
        while (true)
        {
            var (_, crd) = await SendAsync(HttpMethod.Get, $"{Crds}/{plural}.{_group}", null, cancel);
            var (status, _) = await SendAsync(HttpMethod.Get, Path(plural), null, cancel);
            if (IsTrue(crd, "Established") && status == 200) return crd;
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, cancel);
        }
    }

    public static bool IsTrue(JsonNode crd, string condition) => crd["status"]?["conditions"]?.AsArray()
        .Any(one => (string?)one!["type"] == condition && (string?)one["status"] == "True") ?? false;

    public Task<(int Status, JsonNode Answer)> CreateAsync(JsonObject document, CancellationToken cancel) =>
        SendAsync(HttpMethod.Post, Path(Plural(document)), Ours(document), cancel);

    public Task<(int Status, JsonNode Answer)> ReplaceAsync(JsonObject document, string resourceVersion, CancellationToken cancel)
    {
        var ours = Ours(document);
        ours["metadata"]!["resourceVersion"] = resourceVersion;
        return SendAsync(HttpMethod.Put, $"{Path(Plural(document))}/{(string)document["metadata"]!["name"]!}", ours, cancel);
    }

    public Task<(int Status, JsonNode Answer)> DeleteAsync(JsonObject document, CancellationToken cancel) =>
        SendAsync(HttpMethod.Delete, $"{Path(Plural(document))}/{(string)document["metadata"]!["name"]!}", null, cancel);

    /// <summary>The objects go with their kind.</summary>
    public Task UninstallAsync(string plural, CancellationToken cancel) => SendAsync(HttpMethod.Delete, $"{Crds}/{plural}.{_group}", null, cancel);

    public void Dispose() => _http.Dispose();

    private string Path(string plural) => $"/apis/{_group}/v1alpha1/namespaces/default/{plural}";

    private JsonObject Ours(JsonObject document)
    {
        var ours = document.DeepClone().AsObject();
        ours["apiVersion"] = $"{_group}/v1alpha1";
        return ours;
    }

    private static string Plural(JsonObject document) => $"{((string)document["kind"]!).ToLowerInvariant()}s";

    private async Task<(int Status, JsonNode Answer)> SendAsync(HttpMethod method, string path, JsonObject? body, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create<JsonNode>(body) };
        using var response = await _http.SendAsync(request, cancel);
        var text = await response.Content.ReadAsStringAsync(cancel);
        return ((int)response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text)! : new JsonObject { ["message"] = text });
    }
}
