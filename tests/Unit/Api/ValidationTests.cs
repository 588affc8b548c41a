using System.Text.Json.Nodes;
using k8s;
using Slipway.Api;
using Slipway.Api.Validation;

namespace Slipway.Tests.Unit.Api;

public sealed class ValidationTests
{
    public static TheoryData<string> GoodCases => [.. ValidationCase.Good.Select(one => one.Name)];

    public static TheoryData<string> BadCases => [.. ValidationCase.Bad.Where(one => one.Layer != Layer.Update).Select(one => one.Name)];

    public static TheoryData<string> UpdateCases => [.. ValidationCase.Bad.Where(one => one.Layer == Layer.Update).Select(one => one.Name)];

    [Theory, MemberData(nameof(GoodCases))]
    public void Errors_WhenObjectIsGood_AreNone(string name) =>
        ValidationCase.Named(name).Documents.SelectMany(ErrorsOf).ShouldBeEmpty();

    [Theory, MemberData(nameof(BadCases))]
    public void Errors_WhenObjectIsBad_NameFieldAndRemedy(string name)
    {
        var bad = ValidationCase.Named(name);
        ErrorsOf(bad.Documents.Single()).ShouldContain(error =>
            error.StartsWith(bad.Field, StringComparison.Ordinal) && error.Contains(bad.Message, StringComparison.Ordinal));
    }

    [Theory, MemberData(nameof(UpdateCases))]
    public void Errors_WhenOnlyTheChangeIsBad_AreNone(string name) =>
        ValidationCase.Named(name).Documents.SelectMany(ErrorsOf).ShouldBeEmpty();

    [Fact]
    public void Errors_WhenMuchIsWrong_AreAllOfThemInTheOrderOfTheFields()
    {
        var build = new V1Alpha1ImageBuild
        {
            Metadata = new() { Name = "app" },
            Spec = new()
            {
                PoolRef = new() { Name = "farm" },
                Source = new() { Git = new() { Url = "https://user@git.example.com/a.git", Revision = "-x" } },
                Output = new() { Image = "registry.example.com/app:1", Tags = [] },
                Timeout = "1s",
            },
        };
        Validation.Errors(build).ShouldBe(
        [
            $"spec.source.git.url: {Messages.NoUserInfo}",
            $"spec.source.git.revision: {Messages.LeadingDash}",
            $"spec.output.image: {Messages.NoTagNorDigest}",
            $"spec.output.image: {Messages.Repository}",
            "spec.output.tags: must have 1 to 32 items",
            $"spec.timeout: {Messages.Timeout}",
        ]);
    }

    [Theory]
    [InlineData("""{"spec":null}""")]
    [InlineData("""{"metadata":null,"spec":{"platforms":null}}""")]
    [InlineData("""{"spec":{"platforms":[null,{"platform":null,"replicas":null,"tolerations":[null],"nodeSelector":{"a":null},"resources":{"limits":null}}],"registries":[null,{"host":null,"mirrors":[null]}],"frontends":[null],"cache":{"registry":{"repository":null,"credentialsSecretRef":{"name":null}}},"allowedNamespaces":{"from":null,"selector":{"matchExpressions":[null,{"key":null,"values":[null]}]}}}}""")]
    public void Errors_WhenPoolHoldsNulls_AreSaidAndNotThrown(string json) =>
        Validation.Errors(KubernetesJson.Deserialize<V1Alpha1BuilderPool>(json)).ShouldNotBeEmpty();

    [Theory]
    [InlineData("""{"spec":null}""")]
    [InlineData("""{"spec":{"poolRef":null,"source":null,"output":null}}""")]
    [InlineData("""{"spec":{"poolRef":{"name":null},"source":{"git":{"url":null,"revision":null},"inline":{"files":null}},"platforms":[null],"buildArgs":[null,{"name":null,"value":null}],"allowBuildArgs":[null],"output":{"image":null,"tags":[null],"credentialsSecretRef":{"name":null}},"job":{"tolerations":[null],"nodeSelector":null}}}""")]
    [InlineData("""{"spec":{"source":{"inline":{"files":{"Dockerfile":null}}},"output":{"tags":null}}}""")]
    public void Errors_WhenBuildHoldsNulls_AreSaidAndNotThrown(string json) =>
        Validation.Errors(KubernetesJson.Deserialize<V1Alpha1ImageBuild>(json)).ShouldNotBeEmpty();

    [Fact]
    public void Errors_WhenSamplesAreChecked_AreNone()
    {
        var samples = Repository.Documents("config", "samples")
            .Where(document => (string?)document["apiVersion"] == SlipwayApi.GroupVersion).ToList();
        samples.Select(sample => (string?)sample["kind"]).Distinct().ShouldBe([V1Alpha1BuilderPool.KindName, V1Alpha1ImageBuild.KindName], ignoreOrder: true);
        samples.SelectMany(ErrorsOf).ShouldBeEmpty();
    }

    [Fact]
    public void Table_WhenCounted_HoldsWhatWasAskedFor()
    {
        (ValidationCase.Good.Count + ValidationCase.Bad.Count).ShouldBeGreaterThanOrEqualTo(60);
        ValidationCase.Bad.Select(one => one.Layer).Distinct().Count().ShouldBe(4);
    }

    internal static IReadOnlyList<string> ErrorsOf(JsonObject document) => (string?)document["kind"] switch
    {
        V1Alpha1BuilderPool.KindName => Validation.Errors(KubernetesJson.Deserialize<V1Alpha1BuilderPool>(document.ToJsonString())),
        V1Alpha1ImageBuild.KindName => Validation.Errors(KubernetesJson.Deserialize<V1Alpha1ImageBuild>(document.ToJsonString())),
        var kind => throw new NotSupportedException(kind),
    };
}
