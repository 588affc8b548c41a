using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using k8s.Models;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Slipway.Api;
using Slipway.Kube.Client;

namespace Slipway.Tests.Integration.ApiServer;

/// <summary>Holds a write, by an admission webhook, until something else has happened: the pass that writes is in its middle then.</summary>
internal sealed class Gate : IAsyncDisposable
{
    private readonly ApiServerFixture _fixture;
    private readonly WebApplication _app;
    private readonly V1RuleWithOperations _rule;
    private readonly string _name = $"gate-{Guid.NewGuid():N}"[..16];
    private int _passed;

    private Gate(ApiServerFixture fixture, WebApplication app, V1RuleWithOperations rule)
    {
        _fixture = fixture;
        _app = app;
        _rule = rule;
        Labels = new Dictionary<string, string> { ["gate"] = _name };
    }

    /// <summary>Of the namespaces that it stands before.</summary>
    public IDictionary<string, string> Labels { get; }

    /// <summary>Done before a write is let in, with its number from 1 on.</summary>
    public Func<int, Task> Before { get; set; } = _ => Task.CompletedTask;

    public int Passed => _passed;

    public static Task<Gate> BeforeJobsAsync(ApiServerFixture fixture) =>
        OpenAsync(fixture, new V1RuleWithOperations { ApiGroups = ["batch"], ApiVersions = ["v1"], Resources = ["jobs"], Operations = ["CREATE"] });

    public static Task<Gate> BeforeStatusesAsync(ApiServerFixture fixture) =>
        OpenAsync(fixture, new V1RuleWithOperations { ApiGroups = [SlipwayApi.Group], ApiVersions = [SlipwayApi.Version], Resources = ["imagebuilds/status"], Operations = ["UPDATE"] });

    private static async Task<Gate> OpenAsync(ApiServerFixture fixture, V1RuleWithOperations rule)
    {
        using var certificate = SelfSigned();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var served = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(served)));
        var gate = new Gate(fixture, builder.Build(), rule);
        gate._app.MapPost("/", gate.AdmitAsync);
        await gate._app.StartAsync();
        await gate.RegisterAsync(certificate.ExportCertificatePem());
        return gate;
    }

    public async ValueTask DisposeAsync()
    {
        await _fixture.Client.DeleteAsync<V1ValidatingWebhookConfiguration>(new("", _name), null, PropagationPolicy.Background, default);
        await _app.DisposeAsync();
    }

    private async Task<IResult> AdmitAsync(HttpRequest request)
    {
        var review = (await JsonNode.ParseAsync(request.Body))!;
        await Before(Interlocked.Increment(ref _passed));
        return Results.Text(new JsonObject
        {
            ["apiVersion"] = "admission.k8s.io/v1",
            ["kind"] = "AdmissionReview",
            ["response"] = new JsonObject { ["uid"] = (string)review["request"]!["uid"]!, ["allowed"] = true },
        }.ToJsonString(), "application/json");
    }

    private Task RegisterAsync(string certificate) => _fixture.Client.CreateAsync(new V1ValidatingWebhookConfiguration
    {
        Metadata = new V1ObjectMeta { Name = _name },
        Webhooks =
        [
            new V1ValidatingWebhook
            {
                Name = "gate.slipway.test",
                AdmissionReviewVersions = ["v1"],
                SideEffects = "None",
                FailurePolicy = "Fail",
                NamespaceSelector = new V1LabelSelector { MatchLabels = Labels },
                Rules = [_rule],
                ClientConfig = new Admissionregistrationv1WebhookClientConfig { Url = Address, CaBundle = System.Text.Encoding.ASCII.GetBytes(certificate) },
            },
        ],
    }, default);

    private string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=gate", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }
}
