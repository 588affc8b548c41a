using FluentValidation;
using k8s.Models;

namespace Slipway.Api.Validation;

internal sealed class BuilderPoolValidator : AbstractValidator<V1Alpha1BuilderPool>
{
    public BuilderPoolValidator()
    {
        RuleFor(pool => pool.Metadata).Required().SetValidator(new NameValidator(Patterns.PoolName));
        RuleFor(pool => pool.Spec).Required().SetValidator(new BuilderPoolSpecValidator());
    }
}

/// <summary>Names become label values and parts of children's names.</summary>
internal sealed class NameValidator : AbstractValidator<V1ObjectMeta?>
{
    public NameValidator(string pattern) => RuleFor(metadata => metadata!.Name).Length(63).Matching(pattern);
}

internal sealed class BuilderPoolSpecValidator : AbstractValidator<BuilderPoolSpec?>
{
    public BuilderPoolSpecValidator()
    {
        RuleFor(spec => spec!.Image).Length(512).Matching(Patterns.ImageReference);
        RuleFor(spec => spec!.Platforms).Required().Count(1, 16).Unique(platform => platform.Platform);
        RuleForEach(spec => spec!.Platforms).Required().SetValidator(new PoolPlatformValidator());
        RuleFor(spec => spec!.Scaling).SetValidator(new PoolScalingValidator());
        RuleFor(spec => spec!.NetworkPolicy).SetValidator(new PoolNetworkPolicyValidator());
        RuleFor(spec => spec!.Registries).Count(0, 32).Unique(registry => registry.Host);
        RuleForEach(spec => spec!.Registries).Required().SetValidator(new PoolRegistryValidator());
        RuleFor(spec => spec!.Frontends).Count(1, 16).Unique(frontend => frontend);
        RuleForEach(spec => spec!.Frontends).Required().Length(255).Matching(Patterns.Frontend);
        RuleFor(spec => spec!.Cache).SetValidator(new PoolCacheValidator());
        RuleFor(spec => spec!.AllowedNamespaces).SetValidator(new AllowedNamespacesValidator());
    }
}

internal sealed class PoolPlatformValidator : AbstractValidator<PoolPlatform?>
{
    public PoolPlatformValidator()
    {
        RuleFor(platform => platform!.Platform).Required().Length(32).Matching(Patterns.Platform);
        RuleFor(platform => platform!.Mode).OneOf("Native", "Emulated");
        RuleFor(platform => platform!.Replicas).SetValidator(new PoolReplicasValidator());
        RuleFor(platform => platform!.Endpoints).Count(1, 100).Unique(endpoint => endpoint.Address);
        RuleForEach(platform => platform!.Endpoints).Required().SetValidator(new PoolEndpointValidator());
        RuleFor(platform => platform)
            .Must(platform => platform!.Endpoints is null || platform is
            {
                Replicas: null, Storage: null, Resources: null, NodeSelector: null, Tolerations: null, Mode: null or "Native",
            })
            .WithMessage(Messages.EndpointsAlone);
        RuleFor(platform => platform!.BuildsPerBuilder).Between(1, 64);
        RuleFor(platform => platform!.Storage).SetValidator(new PoolStorageValidator());
        RuleFor(platform => platform!.Resources).SetValidator(new ResourcesValidator());
        RuleFor(platform => platform!.NodeSelector).Custom((labels, context) => Labels.Check("nodeSelector", labels, context));
        RuleFor(platform => platform!.Tolerations).Count(0, 32);
        RuleForEach(platform => platform!.Tolerations).Required().SetValidator(new TolerationValidator());
    }
}

internal sealed class PoolReplicasValidator : AbstractValidator<PoolReplicas?>
{
    public PoolReplicasValidator()
    {
        RuleFor(replicas => (int?)replicas!.Min).Between(0, 100).OverridePropertyName("min");
        RuleFor(replicas => (int?)replicas!.Max).Between(1, 100).OverridePropertyName("max");
        RuleFor(replicas => replicas).Must(replicas => replicas!.Min <= replicas.Max).WithMessage(Messages.ReplicasRange);
    }
}

internal sealed class PoolEndpointValidator : AbstractValidator<PoolEndpoint?>
{
    public PoolEndpointValidator()
    {
        RuleFor(endpoint => endpoint!.Address).Required().Length(261).Matching(Patterns.EndpointAddress)
            .Must(address => Uri.TryCreate(address, UriKind.Absolute, out var url) && url.Port > 0).WithMessage("must be tcp://host:port with a port from 1 to 65535");
        RuleFor(endpoint => endpoint!.TlsSecretRef).Required().SetValidator(new LocalReferenceValidator());
    }
}

internal sealed class PoolScalingValidator : AbstractValidator<PoolScaling?>
{
    public PoolScalingValidator() => RuleFor(scaling => scaling!.IdleAfter).Length(16).Matching(Patterns.Duration)
        .Must(text => text is null || (GoDuration.TryParse(text, out var time) && time >= TimeSpan.FromSeconds(10) && time <= TimeSpan.FromHours(24)))
        .WithMessage(Messages.IdleAfterRange);
}

internal sealed class PoolNetworkPolicyValidator : AbstractValidator<PoolNetworkPolicy?>
{
    public PoolNetworkPolicyValidator()
    {
        RuleFor(policy => policy!.Mode).OneOf("Managed", "None");
        RuleFor(policy => policy!.ExtraEgress).Count(0, 32);
        RuleForEach(policy => policy!.ExtraEgress).Required().SetValidator(new PoolEgressValidator());
    }
}

internal sealed class PoolEgressValidator : AbstractValidator<PoolEgress?>
{
    public PoolEgressValidator()
    {
        RuleFor(egress => egress!.Cidr).Required().Length(43).Matching(Patterns.Cidr)
            .Must(cidr => System.Net.IPNetwork.TryParse(cidr, out _)).WithMessage("must be addresses in CIDR form, such as 169.254.169.254/32");
        RuleFor(egress => egress!.Ports).Count(1, 32);
        RuleForEach(egress => egress!.Ports).Must(port => port is >= 1 and <= 65535).WithMessage("must be from 1 to 65535");
    }
}

internal sealed class PoolStorageValidator : AbstractValidator<PoolStorage?>
{
    public PoolStorageValidator()
    {
        RuleFor(storage => storage!.Size)
            .Must(size => size?.ToString() is { } text && Patterns.Matches(text, Patterns.StorageSize))
            .WithMessage("must be a size, such as 50Gi");
        RuleFor(storage => storage!.StorageClassName).Length(253).Matching(Patterns.DnsSubdomain);
    }
}

internal sealed class PoolRegistryValidator : AbstractValidator<PoolRegistry?>
{
    public PoolRegistryValidator()
    {
        RuleFor(registry => registry!.Host).Required().Length(261).Matching(Patterns.RegistryHost);
        RuleFor(registry => registry!.Mirrors).Count(0, 16);
        RuleForEach(registry => registry!.Mirrors).Required().Length(512).Matching(Patterns.Mirror);
        RuleFor(registry => registry!.Ca).Certificates();
        RuleFor(registry => registry)
            .Must(registry => registry!.PlainHttp is not true || (registry.InsecureSkipVerify is not true && registry.Ca is null))
            .WithMessage(Messages.PlainHttpOrTls)
            .Must(registry => registry!.InsecureSkipVerify is not true || registry.Ca is null)
            .WithMessage(Messages.VerifyOrNot);
    }
}

internal sealed class PoolCacheValidator : AbstractValidator<PoolCache?>
{
    public PoolCacheValidator()
    {
        RuleFor(cache => cache!.Mode).OneOf("Max", "Min");
        RuleFor(cache => cache!.Ttl).Length(16).Matching(Patterns.Duration)
            .Must(text => text is null || (GoDuration.TryParse(text, out var time) && time >= TimeSpan.FromHours(1) && time <= TimeSpan.FromHours(8760)))
            .WithMessage(Messages.CacheTtlRange);
        RuleFor(cache => cache!.Export).OneOf("Always", "OnMiss", "Never");
        RuleFor(cache => cache!.ExportFrom).SetValidator(new AllowedNamespacesValidator());
        RuleFor(cache => cache!.Registry).SetValidator(new PoolRegistryCacheValidator());
        RuleFor(cache => cache!.S3).SetValidator(new PoolS3CacheValidator());
        RuleFor(cache => cache).Must(cache => cache!.Registry is null != cache.S3 is null).WithMessage(Messages.OneCache);
    }
}

internal sealed class PoolRegistryCacheValidator : AbstractValidator<PoolRegistryCache?>
{
    public PoolRegistryCacheValidator()
    {
        RuleFor(cache => cache!.Repository).Required().Repository(180);
        RuleFor(cache => cache!.CredentialsSecretRef).SetValidator(new LocalReferenceValidator());
    }
}

internal sealed class PoolS3CacheValidator : AbstractValidator<PoolS3Cache?>
{
    public PoolS3CacheValidator()
    {
        RuleFor(cache => cache!.Bucket).Required().Length(63).Matching(Patterns.Bucket);
        RuleFor(cache => cache!.Region).Required().Length(64).Matching(Patterns.DnsLabel);
        RuleFor(cache => cache!.Prefix).Length(256).Matching(Patterns.KeyPrefix);
        RuleFor(cache => cache!.EndpointUrl).Length(512).Matching(Patterns.EndpointUrl);
        RuleFor(cache => cache!.CredentialsSecretRef).SetValidator(new LocalReferenceValidator());
        RuleFor(cache => cache!.ServiceAccountName).Length(253).Matching(Patterns.DnsSubdomain);
        RuleFor(cache => cache).Must(cache => cache!.UsePathStyle is not true || !string.IsNullOrEmpty(cache.EndpointUrl)).WithMessage(Messages.PathStyle);
    }
}

internal sealed class AllowedNamespacesValidator : AbstractValidator<AllowedNamespaces?>
{
    public AllowedNamespacesValidator()
    {
        RuleFor(allowed => allowed!.From).OneOf("Same", "All", "Selector");
        RuleFor(allowed => allowed!.Selector).SetValidator(new LabelSelectorValidator());
        RuleFor(allowed => allowed)
            .Must(allowed => allowed!.From == "Selector" == allowed.Selector is not null)
            .WithMessage(Messages.SelectorAlone);
    }
}
