namespace Slipway.Scheduling;

/// <summary>Whose turn it is: the namespace that runs least, then the oldest build.</summary>
internal static class FairQueue
{
    /// <summary>Null where nobody waits.</summary>
    public static SlotRequest? Next(IEnumerable<SlotRequest> waiting, IReadOnlyDictionary<string, int> runningByNamespace) => waiting
        .OrderBy(request => runningByNamespace.GetValueOrDefault(request.Build.Namespace))
        .ThenBy(request => request.Created)
        .ThenBy(request => request.Build.ToString(), StringComparer.Ordinal)
        .FirstOrDefault();
}
