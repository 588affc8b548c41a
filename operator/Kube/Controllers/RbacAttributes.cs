namespace Slipway.Kube.Controllers;

[Flags]
internal enum RbacVerb
{
    None = 0,
    Get = 1,
    List = 2,
    Watch = 4,
    Create = 8,
    Update = 16,
    Patch = 32,
    Delete = 64,
}

/// <summary>What a class may do with kinds of its own model. Data for the test that compares code, config/rbac and chart.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
internal sealed class EntityRbacAttribute(params Type[] entities) : Attribute
{
    public IReadOnlyList<Type> Entities { get; } = entities;

    public RbacVerb Verbs { get; init; }

    /// <summary>In the operator's own namespace alone: a Role, where the others are a ClusterRole.</summary>
    public bool OwnNamespace { get; init; }
}

/// <summary>The same for what has no model: subresources, or kinds by their plural name.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
internal sealed class GenericRbacAttribute : Attribute
{
    /// <summary>API groups; "" is the core group.</summary>
    public string[] Groups { get; init; } = [];

    /// <summary>Plural names, such as "imagebuilds/status".</summary>
    public string[] Resources { get; init; } = [];

    public RbacVerb Verbs { get; init; }
}
