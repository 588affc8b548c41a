using System.Text.Json;
using k8s;
using k8s.Exceptions;

namespace Slipway.Tests.Unit;

public sealed class KubeconfigTests : IDisposable
{
    private const string Everything = """
        apiVersion: v1
        kind: Config
        preferences: {colors: true}
        unknown: {a: 1}
        current-context: one
        clusters:
        - name: one
          cluster: {server: "https://127.0.0.1:6443", certificate-authority: ca.crt, insecure-skip-tls-verify: true, tls-server-name: api, extensions: [{name: e, extension: {version: 1}}]}
        - name: two
          cluster: {server: "https://127.0.0.1:6444", certificate-authority-data: QUJD}
        contexts:
        - name: one
          context: &context {cluster: one, user: "1", namespace: build}
        - name: two
          context: {<<: *context, cluster: two}
        users:
        - name: "1"
          user: {token: "0123", as: someone, as-groups: [a, b], username: u, password: 12}
        - name: cert
          user: {client-certificate: a.crt, client-key: a.key, client-certificate-data: QUJD, client-key-data: QUJD}
        - name: exec
          user:
            exec: {apiVersion: client.authentication.k8s.io/v1, command: get-token, args: [--x, "1"], env: [{name: A, value: b}], installHint: none, interactiveMode: Never, provideClusterInfo: true}
        - name: provider
          user: {auth-provider: {name: oidc, config: {id-token: a.b.c}}}
        """;

    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("kubeconfig").FullName, "config");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [Fact]
    public void Load_WhenAnythingIsGiven_ReadsWhatTheClientLibraryReads()
    {
        File.WriteAllText(_path, Everything);
        Json(Kubeconfig.Load(_path)).ShouldBe(Json(KubernetesClientConfiguration.LoadKubeConfig(_path)));
    }

    [Fact]
    public void Load_WhenFileIsMissing_SaysAsTheClientLibraryDoes()
    {
        var theirs = Should.Throw<KubeConfigException>(() => KubernetesClientConfiguration.LoadKubeConfig(_path));
        Should.Throw<KubeConfigException>(() => Kubeconfig.Load(_path)).Message.ShouldBe(theirs.Message);
    }

    private static string Json(object config) => JsonSerializer.Serialize(config);
}
