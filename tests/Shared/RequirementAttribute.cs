using Xunit.v3;

namespace Slipway.Tests;

/// <summary>
/// What a test holds: a requirement of the controller layer, such as R4, and the traps of that requirement which it shows not to bite,
/// by the issue that tells of each. Unit/Kube/README.md lists them all.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = true)]
internal sealed class RequirementAttribute(string number, params string[] traps) : Attribute, ITraitAttribute
{
    public string Number => number;

    public IReadOnlyList<string> Traps => traps;

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() =>
        [new("Requirement", number), .. traps.Select(trap => new KeyValuePair<string, string>("Trap", trap))];
}
