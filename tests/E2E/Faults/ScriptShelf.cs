using System.Collections.Concurrent;

namespace Slipway.Tests.E2E.Faults;

/// <summary>Every namespace's script. What belongs to none (a ping of the registry as a whole) has one of its own, which says nothing.</summary>
internal sealed class ScriptShelf
{
    private readonly ConcurrentDictionary<string, RegistryScript> _scripts = new();
    private readonly RegistryScript _nobodys = new();

    public RegistryScript Of(string space) => _scripts.GetOrAdd(space, _ => new RegistryScript());

    /// <summary>By /v2/NAMESPACE/….</summary>
    public RegistryScript OfPath(string path) => path.Split('/') is ["", "v2", { Length: > 0 } space, ..] ? Of(space) : _nobodys;

    /// <summary>By repository:NAMESPACE/…:pull,push.</summary>
    public RegistryScript OfScope(string scope) => scope.Split(':', '/') is ["repository", { Length: > 0 } space, ..] ? Of(space) : _nobodys;
}
