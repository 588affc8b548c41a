using k8s.Exceptions;
using k8s.KubeConfigModels;
using YamlDotNet.Core;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Slipway;

/// <summary>
/// Reads a kubeconfig. The client library's own reader makes itself ready for every model of Kubernetes first, for a file that
/// holds none, and what that takes stays in memory: 12 MB.
/// </summary>
internal static class Kubeconfig
{
    /// <exception cref="KubeConfigException">There is no such file, or it is empty.</exception>
    /// <exception cref="YamlException">The file is not YAML of this shape.</exception>
    public static K8SConfiguration Load(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists) throw new KubeConfigException($"kubeconfig file not found at {file.FullName}");
        var reader = new DeserializerBuilder()
            .WithNamingConvention(CamelCaseNamingConvention.Instance)
            .WithAttemptingUnquotedStringTypeDeserialization()
            .IgnoreUnmatchedProperties()
            .Build();
        using var text = file.OpenText();
        var config = reader.Deserialize<K8SConfiguration?>(new MergingParser(new Parser(text)))
            ?? throw new KubeConfigException($"kubeconfig file is empty at {file.FullName}");
        // Paths in it are relative to it.
        config.FileName = file.FullName;
        return config;
    }
}
