using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube.Client;
using Slipway.Runner;

namespace Slipway.Tests.E2E;

/// <summary>
/// The sample Task's steps as its YAML has them, as the ServiceAccount of its own RBAC. What Tekton does is done here: params and
/// the results' paths are put into env values. That Tekton itself takes the Task is not shown: its CRD is not there.
/// </summary>
public sealed partial class TektonTests(ClusterFixture fixture)
{
    [Fact]
    public async Task Task_OfABuildThatSucceeds_PassesItsImageOn()
    {
        await using var tenant = await fixture.TenantAsync();
        using var task = await SampleTask.PrepareAsync(fixture.Cluster, tenant.Name);

        // A quote, a substitution and a variable of the shell: none of it may be run or lost.
        var (exitCode, errors) = await task.RunAsync(Manifest(tenant.Inline("app", "FROM busybox:stable\nRUN echo \"$HOME\" '$(id)' > /result\n", fixture.Cluster.Platforms[0])));

        exitCode.ShouldBe(0, errors);
        task.Result("BUILD").ShouldBe("imagebuild.slipway.dev/app");
        var build = await tenant.ReadAsync("app");
        build.Status!.Phase.ShouldBe(Phases.Succeeded);
        build.Spec.Source.Inline!.Files!["Dockerfile"].ShouldContain("\"$HOME\" '$(id)'");
        task.Result("IMAGE_URL").ShouldBe(tenant.Repository("app"));
        task.Result("IMAGE_DIGEST").ShouldBe(build.Status.IndexDigest);
        using var registry = new RegistryReader(fixture.Cluster.Registry);
        (await registry.DigestAsync(tenant.Repository("app"), "1")).ShouldBe(task.Result("IMAGE_DIGEST"));
    }

    [Fact]
    public async Task Task_OfABuildThatFails_FailsWithItsMessageAndNoImage()
    {
        await using var tenant = await fixture.TenantAsync();
        using var task = await SampleTask.PrepareAsync(fixture.Cluster, tenant.Name);

        var (exitCode, errors) = await task.RunAsync(Manifest(tenant.Inline("bad", "FROM busybox:stable\nRUN exit 3\n", fixture.Cluster.Platforms[0])));

        exitCode.ShouldBe(1);
        var status = (await tenant.ReadAsync("bad")).Status!;
        (status.Phase, status.Failure!.Reason).ShouldBe((Phases.Failed, FailureReasons.RunStepFailed));
        errors.ShouldContain(status.Conditions!.Single(condition => condition.Type == Conditions.Ready).Message);
        (task.Result("IMAGE_URL"), task.Result("IMAGE_DIGEST")).ShouldBe((null, null));
    }

    private static string Manifest(V1Alpha1ImageBuild build)
    {
        var node = KubeJson.ToNode(build);
        // Its namespace is that of the TaskRun.
        node["metadata"]!.AsObject().Remove("namespace");
        return node.ToJsonString();
    }

    /// <summary>The Task and where it runs: a folder for its results, a kubeconfig of its ServiceAccount.</summary>
    private sealed partial class SampleTask : IDisposable
    {
        private static readonly string Folder = Repository.Path("config", "samples", "tekton");

        private readonly string _folder = Directory.CreateTempSubdirectory("slipway-tekton-").FullName;
        private readonly JsonObject _spec = Yaml.Documents(File.ReadAllText(Path.Combine(Folder, "task.yaml"))).Single()["spec"]!.AsObject();
        private readonly ITestCluster _cluster;

        private SampleTask(ITestCluster cluster) => _cluster = cluster;

        private string Kubeconfig => Path.Combine(_folder, "kubeconfig");

        public static async Task<SampleTask> PrepareAsync(ITestCluster cluster, string space)
        {
            await cluster.KubectlAsync("--namespace", space, "apply", "-f", Path.Combine(Folder, "rbac.yaml"));
            var task = new SampleTask(cluster);
            Directory.CreateDirectory(Path.Combine(task._folder, ResultsFolder));
            var config = JsonNode.Parse(await cluster.KubectlAsync("config", "view", "--raw", "--flatten", "--minify", "-o", "json"))!;
            config["contexts"]![0]!["context"]!["namespace"] = space;
            config["users"]![0]!["user"]!["as"] = $"system:serviceaccount:{space}:slipway-build";
            await File.WriteAllTextAsync(task.Kubeconfig, config.ToJsonString());
            await Wait.UntilAsync("the API server knows the Role", TimeSpan.FromMinutes(1), () => task.MayAsync("create", "imagebuilds.slipway.dev"), may => may);
            return task;
        }

        private async Task<bool> MayAsync(string verb, string resource) =>
            (await Shell.TryAsync(_cluster.Kubectl, "--kubeconfig", Kubeconfig, "auth", "can-i", verb, resource)).Output.Trim() == "yes";

        public void Dispose() => Directory.Delete(_folder, recursive: true);

        /// <summary>A result that a step has written; null where none has.</summary>
        public string? Result(string name) => File.Exists(ResultPath(name)) ? File.ReadAllText(ResultPath(name)) : null;

        /// <summary>One step after the other, up to the first that fails.</summary>
        public async Task<(int ExitCode, string Errors)> RunAsync(string imageBuild)
        {
            var values = Values(imageBuild);
            foreach (var step in _spec["steps"]!.AsArray().OfType<JsonObject>())
            {
                var (exitCode, errors) = await RunAsync(step, values);
                if (exitCode != 0) return (exitCode, errors);
            }

            return (0, "");
        }

        private Dictionary<string, string> Values(string imageBuild)
        {
            var values = _spec["params"]!.AsArray().Where(param => param!["default"] is not null).ToDictionary(param => $"params.{param!["name"]}", param => (string)param!["default"]!);
            values["params.imagebuild"] = imageBuild;
            foreach (var result in _spec["results"]!.AsArray()) values[$"results.{result!["name"]}.path"] = ResultPath((string)result["name"]!);
            return values;
        }

        private async Task<(int ExitCode, string Errors)> RunAsync(JsonObject step, Dictionary<string, string> values)
        {
            var script = Path.Combine(_folder, (string)step["name"]!);
            var text = (string)step["script"]!;
            Variable().IsMatch(text).ShouldBeFalse("what a param holds must not become a part of the script");
            await File.WriteAllTextAsync(script, text);
            text.ShouldStartWith("#!/bin/sh\n");
            var start = new ProcessStartInfo("/bin/sh", [script]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder };
            start.Environment.Clear();
            start.Environment["PATH"] = $"{Path.GetDirectoryName(_cluster.Kubectl)}:/usr/bin:/bin";
            start.Environment["HOME"] = _folder;
            start.Environment["KUBECONFIG"] = Kubeconfig;
            foreach (var variable in step["env"]!.AsArray())
                start.Environment[(string)variable!["name"]!] = Variable().Replace((string)variable["value"]!, match => values[match.Groups[1].Value]);
            using var process = Process.Start(start) ?? throw new InvalidOperationException($"Step {step["name"]} did not start.");
            var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
            await process.WaitForExitAsync(CancellationToken.None);
            TestContext.Current.TestOutputHelper?.WriteLine($"{step["name"]}: {process.ExitCode}\n{await output}{await errors}");
            return (process.ExitCode, await errors);
        }

        // No step's name, which its script has.
        private const string ResultsFolder = "of-the-steps";

        private string ResultPath(string name) => Path.Combine(_folder, ResultsFolder, name);

        [GeneratedRegex(@"\$\(((?:params|results)\.[A-Za-z_.]+)\)")]
        private static partial Regex Variable();
    }
}
