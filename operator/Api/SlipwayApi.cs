using System.Globalization;

namespace Slipway.Api;

/// <summary>Names that the API server, the charts and the operator share, and what values under them mean.</summary>
internal static class SlipwayApi
{
    public const string Group = "slipway.dev";
    public const string Version = "v1alpha1";
    public const string GroupVersion = Group + "/" + Version;

    /// <summary>On everything that the operator makes; its informers list by it.</summary>
    public const string ManagedByLabel = "app.kubernetes.io/managed-by";
    public const string ManagedBy = "slipway";
    public const string ManagedBySelector = ManagedByLabel + "=" + ManagedBy;

    public const string ComponentLabel = "app.kubernetes.io/component";
    public const string BuilderComponent = "builder";
    public const string BuildComponent = "build";
    public const string CacheComponent = "cache";

    /// <summary>The pool's name, on builders and Jobs.</summary>
    public const string PoolLabel = "slipway.dev/pool";

    /// <summary>The pool's namespace, on Jobs: they live in the build's.</summary>
    public const string PoolNamespaceLabel = "slipway.dev/pool-namespace";

    /// <summary>The platform with dashes, on builders and Jobs.</summary>
    public const string PlatformLabel = "slipway.dev/platform";

    /// <summary>The builder that a Job's build runs on, cut to what a label may hold.</summary>
    public const string BuilderLabel = "slipway.dev/builder";

    public const string BuildLabel = "slipway.dev/build";
    public const string BuildKeyLabel = "slipway.dev/build-key";

    /// <summary>prepare, build, publish or expire-cache.</summary>
    public const string RoleLabel = "slipway.dev/role";

    /// <summary>On Jobs that make a cache go: the spec of the cache, and its bucket, each as a hash.</summary>
    public const string CacheSpecLabel = "slipway.dev/cache-spec";
    public const string CacheBucketLabel = "slipway.dev/cache-bucket";

    /// <summary>The builder's uid, on Jobs: the same name may come back as another pod.</summary>
    public const string BuilderUidAnnotation = "slipway.dev/builder-uid";

    /// <summary>The builder's whole name, on Jobs: host:port is no label value. And the one that is warm for the build's scope.</summary>
    public const string BuilderAnnotation = "slipway.dev/builder";
    public const string PreferredBuilderAnnotation = "slipway.dev/preferred-builder";

    /// <summary>Native, Emulated or External, on Jobs; on builder pods where it is Emulated.</summary>
    public const string ModeAnnotation = "slipway.dev/mode";

    /// <summary>Which attempt a Job is, 1 for the first; Jobs of an operator that did not write it are all the first.</summary>
    public const string AttemptAnnotation = "slipway.dev/attempt";

    public static int AttemptOf(IDictionary<string, string>? annotations) =>
        annotations is not null && annotations.TryGetValue(AttemptAnnotation, out var number) && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var attempt) ? attempt : 1;

    /// <summary>Until when a Job may put tags, on those that may: RFC 3339, UTC.</summary>
    public const string TagsUntilAnnotation = "slipway.dev/tags-until";

    /// <summary>Which tags a Job puts, joined by commas, on those that may.</summary>
    public const string TagsAnnotation = "slipway.dev/tags";

    /// <summary>The platform as users write it, on Jobs.</summary>
    public const string PlatformAnnotation = "slipway.dev/platform";

    /// <summary>Hash of buildkitd.toml, in the builders' pod template.</summary>
    public const string ConfigHashAnnotation = "slipway.dev/config-hash";

    /// <summary>Hash of the builders' pod template, in itself: a pod that has another one is to be replaced.</summary>
    public const string TemplateHashAnnotation = "slipway.dev/template-hash";

    /// <summary>When the server certificate ends, and which authority signed it, on StatefulSets and in their pod template.</summary>
    public const string CertificateExpiryAnnotation = "slipway.dev/certificate-expires";
    public const string CertificateAuthorityAnnotation = "slipway.dev/certificate-authority";

    /// <summary>The serial that the server certificate's Secret is named by, and those before it whose Secrets are still there, on StatefulSets.</summary>
    public const string CertificateSerialAnnotation = "slipway.dev/certificate-serial";
    public const string EarlierCertificatesAnnotation = "slipway.dev/earlier-certificates";
}
