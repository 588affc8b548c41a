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
}
