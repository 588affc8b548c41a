using System.Text;
using FluentValidation;

namespace Slipway.Api.Validation;

internal sealed class ImageBuildValidator : AbstractValidator<V1Alpha1ImageBuild>
{
    public ImageBuildValidator()
    {
        RuleFor(build => build.Metadata).Required().SetValidator(new NameValidator(Patterns.ObjectName));
        RuleFor(build => build.Spec).Required().SetValidator(new ImageBuildSpecValidator());
    }
}

internal sealed class ImageBuildSpecValidator : AbstractValidator<ImageBuildSpec?>
{
    public ImageBuildSpecValidator()
    {
        RuleFor(spec => spec!.PoolRef).Required().SetValidator(new PoolReferenceValidator());
        RuleFor(spec => spec!.Source).Required().SetValidator(new BuildSourceValidator());
        RuleFor(spec => spec!.Dockerfile).RelativePath();
        RuleFor(spec => spec!.Dockerfile)
            .Must((spec, dockerfile) => spec!.Source?.Inline?.Files is not { } files || files.ContainsKey(dockerfile ?? "Dockerfile"))
            .WithMessage(Messages.InlineDockerfile);
        RuleFor(spec => spec!.Target).Length(128).Matching(Patterns.Target);
        RuleFor(spec => spec!.Platforms).Count(1, 16).Unique(platform => platform);
        RuleForEach(spec => spec!.Platforms).Required().Length(32).Matching(Patterns.Platform);
        RuleFor(spec => spec!.BuildArgs).Count(0, 64).Unique(arg => arg.Name);
        RuleForEach(spec => spec!.BuildArgs).Required().SetValidator(new BuildArgValidator())
            .Must((spec, arg) => IsAllowed(spec!, arg) || !Patterns.Matches(arg?.Name ?? "", Patterns.CredentialName))
            .WithMessage(Messages.CredentialName)
            .Must((spec, arg) => IsAllowed(spec!, arg) || !Patterns.Matches(arg?.Value ?? "", Patterns.CredentialValue))
            .WithMessage(Messages.CredentialValue);
        RuleFor(spec => spec!.AllowBuildArgs).Count(0, 64).Unique(name => name);
        RuleForEach(spec => spec!.AllowBuildArgs).Required().Length(128).Matching(Patterns.BuildArgName);
        RuleFor(spec => spec!.Output).Required().SetValidator(new BuildOutputValidator());
        RuleFor(spec => spec!.Cache).SetValidator(new BuildCacheValidator());
        RuleFor(spec => spec!.Attestations).SetValidator(new BuildAttestationsValidator());
        RuleFor(spec => spec!.Priority).Between(-1000, 1000);
        RuleFor(spec => spec!.Timeout).Length(16).Must(IsInTime).WithMessage(Messages.Timeout);
        RuleFor(spec => spec!.Retries).Between(0, 5);
        RuleFor(spec => spec!.ConcurrencyGroup).Must(group => group is not "").WithMessage("must be at least 1 character long").Length(128).Matching(Patterns.WithoutControl);
        RuleFor(spec => spec!.TtlAfterFinished).Length(16).Must(IsLifetime).WithMessage(Messages.TtlAfterFinished);
        RuleFor(spec => spec!.Rerun).Length(256).Matching(Patterns.WithoutControl);
        RuleFor(spec => spec!.Job).SetValidator(new JobTemplateValidator());
    }

    private static bool IsAllowed(ImageBuildSpec spec, BuildArg? arg) => spec.AllowBuildArgs?.Contains(arg?.Name, StringComparer.Ordinal) ?? false;

    private static bool IsInTime(string? timeout) =>
        timeout is null || (GoDuration.TryParse(timeout, out var time) && time >= TimeSpan.FromMinutes(1) && time <= TimeSpan.FromHours(24));

    private static bool IsLifetime(string? ttl) => ttl is null || (GoDuration.TryParse(ttl, out var time) && time <= TimeSpan.FromHours(8760));
}

internal sealed class PoolReferenceValidator : AbstractValidator<PoolReference?>
{
    public PoolReferenceValidator()
    {
        RuleFor(reference => reference!.Name).Required().Length(63).Matching(Patterns.PoolName);
        RuleFor(reference => reference!.Namespace).Length(63).Matching(Patterns.DnsLabel);
    }
}

internal sealed class BuildSourceValidator : AbstractValidator<BuildSource?>
{
    public BuildSourceValidator()
    {
        RuleFor(source => source).Must(source => source!.Git is null != source.Inline is null).WithMessage(Messages.OneSource);
        RuleFor(source => source!.Git).SetValidator(new GitBuildSourceValidator());
        RuleFor(source => source!.Inline).SetValidator(new InlineBuildSourceValidator());
    }
}

internal sealed class GitBuildSourceValidator : AbstractValidator<GitBuildSource?>
{
    public GitBuildSourceValidator()
    {
        RuleFor(git => git!.Url).Required().Length(2048)
            .Matching(Patterns.WebScheme, Messages.WebScheme)
            .Without(Patterns.UserInfo, Messages.NoUserInfo)
            .Matching(Patterns.GitUrl, Messages.GitUrl);
        RuleFor(git => git!.Revision).Required().Length(255)
            .Must(revision => revision is null || !revision.StartsWith('-')).WithMessage(Messages.LeadingDash)
            .Without(Patterns.NotInRevision, Messages.RevisionCharacters)
            .Without(Patterns.NotRevisionShape, Messages.RevisionShape);
        RuleFor(git => git!.SubPath).RelativePath();
    }
}

internal sealed class InlineBuildSourceValidator : AbstractValidator<InlineBuildSource?>
{
    private const int MostFiles = 64;
    private const int MostBytes = 96 * 1024;

    public InlineBuildSourceValidator() => RuleFor(inline => inline!.Files).Required().Custom(Check);

    private static void Check(IDictionary<string, string>? files, ValidationContext<InlineBuildSource?> context)
    {
        if (files is null) return;
        if (files.Count is 0 or > MostFiles) context.AddFailure("files", $"must have 1 to {MostFiles} items");
        if (files.Sum(file => (long)Encoding.UTF8.GetByteCount(file.Value ?? "")) > MostBytes) context.AddFailure("files", Messages.InlineSize);
        foreach (var path in files.Keys.Order(StringComparer.Ordinal))
        {
            foreach (var message in Wrong(path, files)) context.AddFailure($"files.{path}", message);
        }
    }

    private static IEnumerable<string> Wrong(string path, IDictionary<string, string> files)
    {
        if (path.Length is 0 or > 255) yield return "must be 1 to 255 characters long";
        if (!Rules.IsRelative(path)) yield return Messages.Relative;
        if (Patterns.Matches(path, Patterns.ParentFolder)) yield return Messages.NoParent;
        if (Patterns.Matches(path, Patterns.NotInPath)) yield return Messages.PathCharacters;
        if (path.Split('/').Any(part => part is "" or ".")) yield return "must have no empty part and no '.'";
        if (files.Keys.Any(other => other.StartsWith(path + "/", StringComparison.Ordinal))) yield return "must not be a file and a folder";
    }
}

internal sealed class BuildArgValidator : AbstractValidator<BuildArg?>
{
    /// <summary>They would undo what the operator sets for every build.</summary>
    private static readonly string[] Reserved = ["BUILDKIT_CACHE_MOUNT_NS", "BUILDKIT_MULTI_PLATFORM"];

    public BuildArgValidator()
    {
        RuleFor(arg => arg!.Name).Required().Length(128).Matching(Patterns.BuildArgName)
            .Must(name => !Reserved.Contains(name, StringComparer.Ordinal)).WithMessage(Messages.ReservedArg);
        RuleFor(arg => arg!.Value).Must(value => value is not null).WithMessage("is required").Length(4096).Matching(Patterns.WithoutNul);
    }
}

internal sealed class BuildOutputValidator : AbstractValidator<BuildOutput?>
{
    public BuildOutputValidator()
    {
        RuleFor(output => output!.Image).Required().Repository(255);
        RuleFor(output => output!.Tags).Required().Count(1, 32).Unique(tag => tag);
        RuleForEach(output => output!.Tags).Required().Length(128).Matching(Patterns.Tag);
        RuleFor(output => output!.CredentialsSecretRef).SetValidator(new LocalReferenceValidator());
        RuleFor(output => output!.Ca).Certificates();
        RuleFor(output => output!.AttestationFormat).OneOf("Auto", "Artifact", "Manifest");
        RuleFor(output => output)
            .Must(output => output!.PlainHttp is not true || output.Ca is null).WithMessage(Messages.PlainHttpOrCa);
    }
}

internal sealed class BuildCacheValidator : AbstractValidator<BuildCache?>
{
    public BuildCacheValidator()
    {
        RuleFor(cache => cache!.Scope).Length(128).Matching(Patterns.CacheScope);
        RuleFor(cache => cache!.Import).Count(0, 4);
        RuleForEach(cache => cache!.Import).Required().SetValidator(new CacheSourceValidator());
        RuleFor(cache => cache!.Export).OneOf("Always", "OnMiss", "Never");
    }
}

internal sealed class CacheSourceValidator : AbstractValidator<CacheSource?>
{
    public CacheSourceValidator()
    {
        RuleFor(source => source!.Scope).Required().Length(255).Matching(Patterns.CacheScopeOrImage);
        RuleFor(source => source!.Namespace).Length(63).Matching(Patterns.DnsLabel);
    }
}

internal sealed class BuildAttestationsValidator : AbstractValidator<BuildAttestations?>
{
    public BuildAttestationsValidator()
    {
        RuleFor(attestations => attestations!.Provenance).OneOf("Max", "Min", "None");
        RuleFor(attestations => attestations!.SbomGenerator).Length(512).Matching(Patterns.ImageReference)
            .Must((attestations, generator) => generator is null || attestations!.Sbom is not false).WithMessage(Messages.SbomGenerator);
    }
}

internal sealed class JobTemplateValidator : AbstractValidator<JobTemplate?>
{
    public JobTemplateValidator()
    {
        RuleFor(job => job!.Resources).SetValidator(new ResourcesValidator());
        RuleFor(job => job!.NodeSelector).Custom((labels, context) => Labels.Check("nodeSelector", labels, context));
        RuleFor(job => job!.Tolerations).Count(0, 32);
        RuleForEach(job => job!.Tolerations).Required().SetValidator(new TolerationValidator());
        RuleFor(job => job!.ServiceAccountName).Length(253).Matching(Patterns.DnsSubdomain);
    }
}
