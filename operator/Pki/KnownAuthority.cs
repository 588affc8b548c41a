namespace Slipway.Pki;

/// <summary>What may be told of a pool's authority.</summary>
/// <param name="Id">Short hash of its certificate, which is public.</param>
/// <param name="Created">When its Secret was made: nothing from before was signed by it.</param>
internal sealed record KnownAuthority(string Id, DateTimeOffset Created);
