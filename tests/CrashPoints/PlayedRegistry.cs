using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;

namespace Slipway.Tests.CrashPoints;

/// <summary>The registry that the played Jobs push to: which Job put which tag on which digest, as its description asked it to.</summary>
internal sealed class PlayedRegistry(Mask mask)
{
    private readonly List<string> _pushes = [];

    public IReadOnlyList<string> Pushes => _pushes;

    public void Ran(V1Job job, RunResult result)
    {
        if (!result.Published || result.Failure is not null) return;
        var description = JsonNode.Parse(job.Spec.Template.Spec.Containers[0].Args[2].Replace("$$", "$", StringComparison.Ordinal))!;
        var asked = job.Metadata.Labels[SlipwayApi.RoleLabel] == JobRoles.Publish || ((bool?)description["publish"] ?? false);
        var tags = asked ? description["output"]!["tags"]!.AsArray().Select(tag => $"{tag}") : ["nothing"];
        _pushes.AddRange(tags.Select(tag => mask.Name($"{description["output"]!["image"]}:{tag} is {result.IndexDigest} by {job.Metadata.Name}")));
    }
}
