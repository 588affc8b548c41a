using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using FluentValidation;

namespace Slipway.Api.Validation;

/// <summary>
/// What the CRDs' schemas and CEL rules say, said again by the operator: an API server older than 1.25 ignores the rules, and
/// objects may be older than a schema.
/// </summary>
internal static class Validation
{
    private static readonly BuilderPoolValidator Pools;
    private static readonly ImageBuildValidator Builds;

    static Validation()
    {
        // Before any validator is made: they ask for names as they are built. The operator has no other use of FluentValidation.
        ValidatorOptions.Global.PropertyNameResolver = (_, member, _) => member is null ? null : JsonName(member);
        Pools = new BuilderPoolValidator();
        Builds = new ImageBuildValidator();
    }

    /// <summary>All that is wrong with a pool, each as "path: what to do", in the order of the fields. Empty: nothing.</summary>
    public static IReadOnlyList<string> Errors(V1Alpha1BuilderPool pool) => Errors(Pools, pool);

    /// <summary>All that is wrong with a build, each as "path: what to do", in the order of the fields. Empty: nothing.</summary>
    public static IReadOnlyList<string> Errors(V1Alpha1ImageBuild build) => Errors(Builds, build);

    private static IReadOnlyList<string> Errors<T>(AbstractValidator<T> validator, T entity) =>
        [.. validator.Validate(entity).Errors.Select(error => $"{error.PropertyName}: {error.ErrorMessage}").Distinct(StringComparer.Ordinal)];

    private static string JsonName(MemberInfo member) =>
        member.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.CamelCase.ConvertName(member.Name);
}
