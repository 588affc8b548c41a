using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using FluentValidation;

namespace Slipway.Api.Validation;

/// <summary>
/// The checks that both kinds share. Each lets null and the empty string pass, so that one missing value is one error;
/// <see cref="Required{T}"/> is what refuses them.
/// </summary>
internal static class Rules
{
    public static IRuleBuilderOptions<T, string?> Required<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(text => !string.IsNullOrEmpty(text)).WithMessage("is required");

    public static IRuleBuilderOptions<T, TValue?> Required<T, TValue>(this IRuleBuilder<T, TValue?> rule) where TValue : class =>
        rule.Must(value => value is not null).WithMessage("is required");

    public static IRuleBuilderOptions<T, string?> Length<T>(this IRuleBuilder<T, string?> rule, int most) =>
        rule.Must(text => text is null || Length(text) <= most).WithMessage($"must be at most {most} characters long");

    public static IRuleBuilderOptions<T, string?> Matching<T>(this IRuleBuilder<T, string?> rule, string pattern, string? message = null) =>
        rule.Must(text => string.IsNullOrEmpty(text) || Patterns.Matches(text, pattern)).WithMessage(message ?? $"must match {pattern}");

    public static IRuleBuilderOptions<T, string?> Without<T>(this IRuleBuilder<T, string?> rule, string pattern, string message) =>
        rule.Must(text => string.IsNullOrEmpty(text) || !Patterns.Matches(text, pattern)).WithMessage(message);

    public static IRuleBuilderOptions<T, string?> OneOf<T>(this IRuleBuilder<T, string?> rule, params string[] values) =>
        rule.Must(text => string.IsNullOrEmpty(text) || values.Contains(text, StringComparer.Ordinal))
            .WithMessage($"must be one of {string.Join(", ", values)}");

    public static IRuleBuilderOptions<T, int?> Between<T>(this IRuleBuilder<T, int?> rule, int least, int most) =>
        rule.Must(number => number is null || (number >= least && number <= most)).WithMessage($"must be from {least} to {most}");

    public static IRuleBuilderOptions<T, IReadOnlyList<TItem>?> Count<T, TItem>(this IRuleBuilder<T, IReadOnlyList<TItem>?> rule, int least, int most) =>
        rule.Must(list => list is null || (list.Count >= least && list.Count <= most))
            .WithMessage(least == 0 ? $"must have at most {most} items" : $"must have {least} to {most} items");

    public static IRuleBuilderOptions<T, IReadOnlyList<TItem>?> Unique<T, TItem>(
        this IRuleBuilder<T, IReadOnlyList<TItem>?> rule, Func<TItem, string?> key) =>
        rule.Must(list => list is null || list.Where(item => item is not null).GroupBy(key).All(group => group.Count() == 1))
            .WithMessage("must not name anything twice");

    /// <summary>A path inside the build context.</summary>
    public static IRuleBuilderOptions<T, string?> RelativePath<T>(this IRuleBuilder<T, string?> rule) => rule
        .Length(1024)
        .Must(IsRelative).WithMessage(Messages.Relative)
        .Without(Patterns.ParentFolder, Messages.NoParent)
        .Without(Patterns.NotInPath, Messages.PathCharacters);

    public static bool IsRelative(string? path) =>
        string.IsNullOrEmpty(path) || !(path.StartsWith('/') || path.StartsWith('-'));

    /// <summary>host/path of an image, without tag and digest.</summary>
    public static IRuleBuilderOptions<T, string?> Repository<T>(this IRuleBuilder<T, string?> rule, int most) => rule
        .Length(most)
        .Must(text => text is null || !(text.Contains('@') || Patterns.Matches(text, Patterns.TagOrDigest))).WithMessage(Messages.NoTagNorDigest)
        .Without(Patterns.UpperCase, Messages.LowerCase)
        .Matching(Patterns.Repository, Messages.Repository);

    /// <summary>PEM of certificate authorities.</summary>
    public static IRuleBuilderOptions<T, string?> Certificates<T>(this IRuleBuilder<T, string?> rule) => rule
        .Length(32768)
        .Must(pem => pem is null || !pem.Contains("PRIVATE KEY", StringComparison.Ordinal)).WithMessage(Messages.NoPrivateKey)
        .Must(pem => pem is null || AreCertificates(pem)).WithMessage(Messages.Certificates);

    /// <summary>As the API server counts: code points.</summary>
    private static int Length(string text) => text.EnumerateRunes().Count();

    /// <summary>buildkitd does not start with a file that does not parse, so this looks further than the CRD can.</summary>
    private static bool AreCertificates(string pem)
    {
        var found = new X509Certificate2Collection();
        try
        {
            found.ImportFromPem(pem);
            return found.Count > 0;
        }
        catch (CryptographicException)
        {
            return false;
        }
        finally
        {
            foreach (var certificate in found) certificate.Dispose();
        }
    }
}
