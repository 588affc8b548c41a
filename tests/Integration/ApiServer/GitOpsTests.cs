using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;

namespace Slipway.Tests.Integration.ApiServer;

/// <summary>The kustomize sample as somebody's repository has it, applied as GitOps tools apply it.</summary>
[Collection(ApiServerTests.Name)]
public sealed class GitOpsTests(ApiServerFixture fixture) : IDisposable
{
    private readonly string _checkout = Directory.CreateTempSubdirectory("slipway-gitops-").FullName;

    private string Kustomization => Path.Combine(_checkout, "app", "kustomization.yaml");

    public void Dispose() => Directory.Delete(_checkout, recursive: true);

    [Fact]
    public async Task Sample_WhenItIsAppliedAgainAndThenWithAnotherRevision_IsBuiltTwice()
    {
        var story = await Story.WithFarmAsync(fixture);
        Checkout(story);
        var mark = fixture.Audit.Mark();

        (await ApplyAsync()).ShouldContain("imagebuild.slipway.dev/app created");
        var first = await EndAsync(story, generation: 1);
        (await ApplyAsync()).ShouldContain("imagebuild.slipway.dev/app unchanged");
        // Another tool takes the object over: its spec is the same, its version is not.
        await ApplyAsync("--server-side", "--force-conflicts", "--field-manager=another");
        var again = await story.ReadAsync(first);
        await ElsewhereAsync();

        again.Metadata.ResourceVersion.ShouldNotBe(first.Metadata.ResourceVersion);
        (again.Metadata.Generation, (await story.ReadAsync(first)).Status!.Phase).ShouldBe((1, Phases.Succeeded));
        Jobs(story, mark).Count.ShouldBe(4, "one lookup, two platforms, one index");

        Commit("value: v1.4.2", "value: v1.4.3");
        (await ApplyAsync("--server-side", "--force-conflicts", "--field-manager=another")).ShouldContain("imagebuild.slipway.dev/app serverside-applied");
        var second = await EndAsync(story, generation: 2);
        await ElsewhereAsync();

        second.Metadata.Uid.ShouldBe(first.Metadata.Uid);
        (first.Spec.Source.Git!.Revision, first.Spec.Output.Tags!.Single()).ShouldBe(("v1.4.2", "v1.4.2"));
        (second.Spec.Source.Git!.Revision, second.Spec.Output.Tags!.Single()).ShouldBe(("v1.4.3", "v1.4.3"));
        second.Status!.BuildKey.ShouldNotBe(first.Status!.BuildKey);
        var jobs = Jobs(story, mark);
        (jobs.Count, jobs.Distinct().Count()).ShouldBe((8, 8));
    }

    /// <summary>The sample, and beside it what a tenant would add: its namespace, and where its pool is.</summary>
    private void Checkout(Story story)
    {
        Directory.CreateDirectory(Path.Combine(_checkout, "app"));
        foreach (var file in Directory.EnumerateFiles(Repository.Path("config", "samples", "gitops"))) File.Copy(file, Path.Combine(_checkout, "app", Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(_checkout, "kustomization.yaml"), $$"""
            resources: [app]
            namespace: {{story.Tenant}}
            patches:
            - target: {kind: ImageBuild}
              patch: '[{"op": "add", "path": "/spec/poolRef/namespace", "value": "{{story.Builders}}"}]'
            """);
    }

    private void Commit(string old, string changed)
    {
        var text = File.ReadAllText(Kustomization);
        text.Split(old).Length.ShouldBe(2, $"{old} is there once");
        File.WriteAllText(Kustomization, text.Replace(old, changed, StringComparison.Ordinal));
    }

    private async Task<string> ApplyAsync(params string[] options)
    {
        var (code, output, error) = await Tools.KubectlAsync(["--kubeconfig", fixture.Kubeconfig(), "apply", "-k", _checkout, .. options]);
        code.ShouldBe(0, error);
        return output;
    }

    private async Task<V1Alpha1ImageBuild> EndAsync(Story story, long generation)
    {
        var build = await Eventually.SoAsync("the build is looked at", () => fixture.Client.GetAsync<V1Alpha1ImageBuild>(new NamespacedName(story.Tenant, "app"), default),
            seen => seen.Metadata.Generation == generation && seen.Status?.ObservedGeneration == generation);
        // What the one before it has left goes first.
        while (await story.Player.CollectAsync(story.Tenant)) { }
        await story.RunBothAsync(build);
        return await story.PhaseAsync(build, Phases.Succeeded);
    }

    /// <summary>Whatever the operator wanted to do is done when a build after it has ended.</summary>
    private async Task ElsewhereAsync() => await (await Story.WithFarmAsync(fixture)).BuildAsync("after");

    private List<string?> Jobs(Story story, long mark) =>
        [.. fixture.Audit.Since(mark).Where(entry => entry is { Verb: "create", Resource: "jobs", Changed: true } && entry.Namespace == story.Tenant).Select(entry => entry.Name)];
}
