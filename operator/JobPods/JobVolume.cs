using k8s.Models;

namespace Slipway.JobPods;

/// <summary>A volume of a Job's pod, and where its containers see it.</summary>
internal sealed record JobVolume(V1Volume Volume, V1VolumeMount Mount)
{
    private const int OwnerAndGroupRead = 0x120; // 0440

    public static JobVolume Secret(string volume, string secret, string directory) => new(
        new V1Volume { Name = volume, Secret = new V1SecretVolumeSource { SecretName = secret, DefaultMode = OwnerAndGroupRead } },
        ReadOnly(volume, directory));

    /// <summary>A missing Secret is a clear report by the runner instead of a pod that never starts. Without names of files all of them are there.</summary>
    public static JobVolume OptionalSecret(string volume, string secret, string directory, params IEnumerable<V1KeyToPath> files) => new(
        new V1Volume
        {
            Name = volume,
            Secret = new V1SecretVolumeSource { SecretName = secret, Optional = true, DefaultMode = OwnerAndGroupRead, Items = files.ToList() is { Count: > 0 } items ? items : null },
        },
        ReadOnly(volume, directory));

    /// <summary>A kubernetes.io/dockerconfigjson Secret.</summary>
    public static JobVolume DockerConfig(string volume, string secret, string directory) =>
        OptionalSecret(volume, secret, directory, new V1KeyToPath { Key = ".dockerconfigjson", Path = "config.json" });

    public static JobVolume ConfigMap(string volume, string configMap, string directory, IList<V1KeyToPath> files) => new(
        new V1Volume { Name = volume, ConfigMap = new V1ConfigMapVolumeSource { Name = configMap, Items = files } },
        ReadOnly(volume, directory));

    /// <summary>What the containers of one pod share, and goes with it.</summary>
    public static JobVolume Shared(string volume, string directory) => new(
        new V1Volume { Name = volume, EmptyDir = new V1EmptyDirVolumeSource() },
        new V1VolumeMount { Name = volume, MountPath = directory });

    private static V1VolumeMount ReadOnly(string volume, string directory) => new() { Name = volume, MountPath = directory, ReadOnlyProperty = true };
}
