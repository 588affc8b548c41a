namespace Slipway.Pki;

/// <summary>A certificate and its private key, both PEM. No record: its text would hold the key, and text ends up in logs.</summary>
internal sealed class CertificatePair(string certificate, string key)
{
    public string Certificate { get; } = certificate;

    /// <summary>PKCS#8. For Secrets only: never for logs, events or status.</summary>
    public string Key { get; } = key;

    public override string ToString() => nameof(CertificatePair);
}
