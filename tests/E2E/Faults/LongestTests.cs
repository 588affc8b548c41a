using System.Globalization;
using System.Text;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.JobPods;

namespace Slipway.Tests.E2E.Faults;

/// <summary>Everything that a spec may say, at its longest: nothing on the way to the tags has less room than the schema promises.</summary>
public sealed class LongestTests(ClusterFixture fixture)
{
    private const string LastArg = "A63";

    [Fact]
    public async Task EveryField_AtItsLongest_IsBuilt()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(EveryField_AtItsLongest_IsBuilt));
        await using var pods = await Recording<V1Pod>.StartAsync(fixture.Client, fault.Tenant.Name);
        var secret = await CopyOfTheSecretAsync(fault.Tenant.Name);
        var account = new string('s', 253);
        await fixture.Client.CreateAsync(new V1ServiceAccount { ApiVersion = "v1", Kind = "ServiceAccount", Metadata = new V1ObjectMeta { Name = account, NamespaceProperty = fault.Tenant.Name } }, TestContext.Current.CancellationToken);
        var name = new string('n', 63);
        var build = Longest(fault, name, secret, account);
        await fault.Tenant.CreateAsync(build);

        var status = await fault.SucceedsAsync(name);

        var messages = pods.Objects.Select(pod => (pod.Metadata.Name, Message: JobContainers.EndOf(pod, JobContainers.Runner)?.Message ?? "")).ToList();
        fault.Evidence.AddSeen("the kubelet's termination messages", messages.Select(pod => string.Create(CultureInfo.InvariantCulture, $"{pod.Name}: {Encoding.UTF8.GetByteCount(pod.Message)} bytes: {pod.Message}")), status.IndexDigest!);
        foreach (var platform in fixture.Cluster.Platforms)
        {
            var log = await fault.LogAsync(fault.Jobs.Of(name, JobRoles.Build, platform).ShouldHaveSingleItem());
            // What the step has counted of the last argument.
            fault.Evidence.AddSeen($"buildctl's log for {platform}", log.Split('\n').Where(line => line.Length < 500), @"^#\d+ \d+\.\d+ 4096$");
        }

        messages.Count.ShouldBe(fixture.Cluster.Platforms.Count + 1);
        messages.ShouldAllBe(pod => pod.Message.Length > 0 && Encoding.UTF8.GetByteCount(pod.Message) < 4096);
        fault.Jobs.Jobs.ShouldAllBe(job => job.Job.Spec.Template.Spec.ServiceAccountName == account);
        status.Tags.ShouldBe(build.Spec.Output.Tags);
        using var registry = new RegistryReader(fixture.Cluster.Registry);
        foreach (var tag in status.Tags!) (await registry.DigestAsync(build.Spec.Output.Image, tag)).ShouldBe(status.IndexDigest);
        status.FailedAttempts.ShouldBeNull();
        await fault.ShouldBeExplainedAsync();
    }

    private V1Alpha1ImageBuild Longest(Fault fault, string name, string secret, string account)
    {
        var target = new string('t', 128);
        var dockerfile = $"{new string('d', 127)}/{new string('D', 127)}";
        var content = $"FROM busybox:stable AS {target}\nARG {LastArg}\nRUN echo {fault.Tenant.Name} && printf %s \"${LastArg}\" | wc -c\n";
        var build = fault.Tenant.Inline(name, content, [.. fixture.Cluster.Platforms]);
        var image = fault.Tenant.Repository("");
        return build with
        {
            Spec = build.Spec with
            {
                Source = new BuildSource { Inline = new InlineBuildSource { Files = new Dictionary<string, string> { [dockerfile] = content, [new string('f', 255)] = new string('x', (96 * 1024) - content.Length) } } },
                Dockerfile = dockerfile,
                Target = target,
                BuildArgs = [.. Enumerable.Range(0, 64).Select(number => new BuildArg { Name = number == 63 ? LastArg : Numbered("B", number, 128), Value = Numbered("", number, 4096) })],
                AllowBuildArgs = [.. Enumerable.Range(0, 64).Select(number => Numbered("B", number, 128))],
                Output = build.Spec.Output with
                {
                    Image = image + new string('i', 255 - image.Length),
                    Tags = [.. Enumerable.Range(0, 32).Select(number => Numbered("T", number, 128))],
                    CredentialsSecretRef = new LocalReference { Name = secret },
                },
                Cache = new BuildCache { Scope = new string('c', 128) },
                Attestations = new BuildAttestations { Provenance = "Max", Sbom = false },
                Priority = 1000,
                Timeout = "0023h0059m00060s",
                Retries = 5,
                ConcurrencyGroup = new string('g', 128),
                Rerun = new string('r', 256),
                TtlAfterFinished = "0000h0100m00000s",
                Job = new JobTemplate
                {
                    ServiceAccountName = account,
                    Tolerations = [.. Enumerable.Range(0, 32).Select(number => new V1Toleration { Key = $"{new string('k', 250)}{number:00}/{new string('k', 63)}", OperatorProperty = "Equal", Value = new string('v', 63), Effect = "PreferNoSchedule" })],
                },
            },
        };
    }

    private static string Numbered(string first, int number, int length) => string.Create(CultureInfo.InvariantCulture, $"{first}{number:00}").PadRight(length, 'x');

    private async Task<string> CopyOfTheSecretAsync(string space)
    {
        var secret = await fixture.Client.GetAsync<V1Secret>(new(space, Tenant.PushSecret), default);
        var copy = new V1Secret { ApiVersion = "v1", Kind = "Secret", Metadata = new V1ObjectMeta { Name = new string('p', 253), NamespaceProperty = space }, Type = secret.Type, Data = secret.Data };
        await fixture.Client.CreateAsync(copy, default);
        return copy.Metadata.Name;
    }
}
