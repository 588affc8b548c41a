using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Slipway.Runner;
using Slipway.S3;

namespace Slipway.Tests.Unit.S3;

/// <summary>AWSSDK reads the process's own variables: no other test here has any of these.</summary>
public sealed class S3KeySourceTests : IAsyncLifetime
{
    private static readonly string[] Variables =
    [
        "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ENDPOINT_URL_STS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ];

    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _asked = [];
    private Func<HttpContext, Task> _answer = _ => Task.CompletedTask;
    private WebApplication _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Clear();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _server = builder.Build();
        _server.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            _asked.Add($"{context.Request.Method} {context.Request.Path} {context.Request.Headers.Authorization} {await reader.ReadToEndAsync()}".TrimEnd());
            await _answer(context);
        });
        await _server.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Clear();
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("id\n", "secret\r\n", null, "id secret ")]
    [InlineData("id", "secret", "session\n", "id secret session")]
    [InlineData("id", null, null, null)]
    [InlineData(null, "secret", null, null)]
    [InlineData("id", "\n", null, null)]
    [InlineData(null, null, null, null)]
    public async Task Read_OfAFolder_GivesItsKeysWithoutNewlines(string? id, string? secret, string? session, string? expected)
    {
        foreach (var (name, text) in new[] { ("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_SESSION_TOKEN", session) })
        {
            if (text is not null) await File.WriteAllTextAsync(Path.Combine(_folder.Path, name), text, Token);
        }

        Words(await S3KeySource.ReadAsync(_folder.Path, Token)).ShouldBe(expected);
    }

    [Fact]
    public async Task Read_OfNoFolderAndNoIdentity_GivesNoneAndTakesNoKeysOfTheEnvironment()
    {
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "theirs");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "theirs");
        (await S3KeySource.ReadAsync(null, Token)).ShouldBeNull();
        (await S3KeySource.ReadAsync(_folder.Path, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task Read_WhenThePodHasContainerCredentials_AsksTheirAgent()
    {
        var token = Path.Combine(_folder.Path, "token");
        await File.WriteAllTextAsync(token, "pod-token", Token);
        Environment.SetEnvironmentVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI", $"{_server.Urls.First()}/v1/credentials");
        Environment.SetEnvironmentVariable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token);
        _answer = context => context.Response.WriteAsync("""{"AccessKeyId":"id","SecretAccessKey":"secret","Token":"session","Expiration":"2099-01-01T00:00:00Z"}""");

        Words(await S3KeySource.ReadAsync(null, Token)).ShouldBe("id secret session");
        _asked.ShouldBe(["GET /v1/credentials pod-token"]);
    }

    [Fact]
    public async Task Read_WhenTheAgentGivesNoSession_GivesNone()
    {
        Environment.SetEnvironmentVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI", _server.Urls.First());
        _answer = context => context.Response.WriteAsync("""{"AccessKeyId":"id","SecretAccessKey":"secret","Token":"","Expiration":"2099-01-01T00:00:00Z"}""");
        (await S3KeySource.ReadAsync(null, Token))!.SessionToken.ShouldBeNull();
    }

    [Theory]
    [InlineData("http://10.1.2.3/credentials")]
    [InlineData("http://metadata.example/credentials")]
    public async Task Read_WhenTheAgentIsAStranger_SendsItNothing(string agent)
    {
        Environment.SetEnvironmentVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent);
        Environment.SetEnvironmentVariable("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod-token");
        (await Should.ThrowAsync<S3Exception>(() => S3KeySource.ReadAsync(null, Token))).Fault.ShouldBe(S3Fault.Refused);
    }

    [Fact]
    public async Task Read_WhenThePodHasAWebIdentity_ExchangesItsToken()
    {
        await WebIdentityAsync();
        _answer = context => context.Response.WriteAsync("""
            <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>
            <AccessKeyId>id</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
            </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>
            """);

        Words(await S3KeySource.ReadAsync(null, Token)).ShouldBe("id secret session");
        var asked = _asked.ShouldHaveSingleItem();
        asked.ShouldContain("WebIdentityToken=pod-jwt");
        asked.ShouldContain("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fcache");
        asked.ShouldNotContain("AWS4-HMAC", customMessage: "the token speaks for the pod, no key does");
    }

    [Fact]
    public async Task Read_WhenTheRoleIsRefused_SaysDenied()
    {
        await WebIdentityAsync();
        _answer = context =>
        {
            context.Response.StatusCode = 403;
            return context.Response.WriteAsync("""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>""");
        };
        (await Should.ThrowAsync<S3Exception>(() => S3KeySource.ReadAsync(null, Token))).Fault.ShouldBe(S3Fault.Denied);
    }

    [Fact]
    public void Keys_WhenPrinted_SayNothing() => new S3Keys("id", "secret", "session").ToString().ShouldBe("S3Keys");

    private async Task WebIdentityAsync()
    {
        var token = Path.Combine(_folder.Path, "jwt");
        await File.WriteAllTextAsync(token, "pod-jwt\n", Token);
        Environment.SetEnvironmentVariable("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/cache");
        Environment.SetEnvironmentVariable("AWS_WEB_IDENTITY_TOKEN_FILE", token);
        Environment.SetEnvironmentVariable("AWS_ENDPOINT_URL_STS", _server.Urls.First());
    }

    private static string? Words(S3Keys? keys) => keys is null ? null : $"{keys.AccessKeyId} {keys.SecretAccessKey} {keys.SessionToken}";

    private static void Clear()
    {
        foreach (var variable in Variables) Environment.SetEnvironmentVariable(variable, null);
    }
}
