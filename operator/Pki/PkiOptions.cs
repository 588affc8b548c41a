namespace Slipway.Pki;

internal sealed record PkiOptions
{
    /// <summary>Where the pools' authorities are kept: the operator's own namespace, the only one whose Secrets it reads.</summary>
    public required string OperatorNamespace { get; init; }
}
