namespace Slipway.Tests.Unit;

public sealed class OperatorCommandTests
{
    [Theory]
    [InlineData("2m", null)]
    [InlineData("8760h", null)]
    [InlineData("119s", "--server-certificate-lifetime: must be at least 2m.")]
    [InlineData("a year", "--server-certificate-lifetime: 'a year' is no duration; write 90s or 5m.")]
    public void ServerCertificateLifetime_WhenItIsNoneOrTooShort_IsRefusedWithWhatToWrite(string value, string? error) =>
        OperatorCommand.Create().Parse(["--namespace", "x", "--runner-image", "y", "--server-certificate-lifetime", value])
            .Errors.Select(found => found.Message).ShouldBe(error is null ? [] : [error]);

    // What is refused may hold a password, and is not repeated.
    [Theory]
    [InlineData("http://collector.observability:4318", true)]
    [InlineData("https://otlp.example.com/tenant", true)]
    [InlineData("collector:4318", false)]
    [InlineData("grpc://collector:4317", false)]
    [InlineData("https://me:hunter2@otlp.example.com", false)]
    [InlineData("https://otlp.example.com/?token=hunter2", false)]
    public void OtlpEndpoint_WhenItIsNoPlainAddress_IsRefusedWithWhereCredentialsGo(string value, bool good) =>
        OperatorCommand.Create().Parse(["--namespace", "x", "--runner-image", "y", "--otlp-endpoint", value])
            .Errors.Select(found => found.Message).ShouldBe(good ? [] : ["--otlp-endpoint: must be http://host:port or https://host:port, without user name, password and query. Credentials go into OTEL_EXPORTER_OTLP_HEADERS."]);
}
