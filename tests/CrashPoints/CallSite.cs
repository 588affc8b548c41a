namespace Slipway.Tests.CrashPoints;

/// <summary>
/// One write of the operator, told apart from its others by what it does rather than by when it comes: passes over pools and over
/// builds run beside each other, and a count of requests would mean another one each time.
/// </summary>
/// <param name="Verb">create, apply, patch or delete.</param>
/// <param name="Resource">The plural, with its subresource.</param>
/// <param name="Target">Namespace and name, masked.</param>
/// <param name="Ordinal">From 1 on, among those that are the same otherwise.</param>
internal sealed record CallSite(string Verb, string Resource, string Target, int Ordinal)
{
    public override string ToString() => $"{Verb} {Resource} {Target}{(Ordinal == 1 ? "" : $", time {Ordinal}")}";
}

/// <summary>Where the operator dies: before the request leaves it, or after the API server has done it and before the operator hears of that.</summary>
internal sealed record CrashPoint(CallSite Site, bool After)
{
    public override string ToString() => $"{(After ? "after" : "before")} {Site}";
}
