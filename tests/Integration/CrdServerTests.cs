using System.Text.Json.Nodes;

namespace Slipway.Tests.Integration;

/// <summary>The CRDs and the shared table of good and bad objects, on a server that runs no CEL and on one that does.</summary>
public sealed class OldCrdServerTests(OldCrdServer server) : CrdServerTests(server), IClassFixture<OldCrdServer>
{
    protected override bool RunsCel => false;
}

public sealed class CurrentCrdServerTests(CurrentCrdServer server) : CrdServerTests(server), IClassFixture<CurrentCrdServer>
{
    protected override bool RunsCel => true;
}

public abstract class CrdServerTests(CrdServer server)
{
    public static TheoryData<string> GoodCases => [.. ValidationCase.Good.Select(one => one.Name)];

    public static TheoryData<string> BadCases => [.. ValidationCase.Bad.Select(one => one.Name)];

    protected abstract bool RunsCel { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Crds_WhenInstalled_AreEstablishedAndStructural()
    {
        SkipWhereMissing();
        server.Crds.Count.ShouldBe(2);
        server.Crds.ShouldAllBe(crd => CrdApi.IsTrue(crd, "Established") && !CrdApi.IsTrue(crd, "NonStructuralSchema"));
    }

    [Theory, MemberData(nameof(GoodCases))]
    public async Task Create_WhenObjectIsGood_AcceptsAndDefaults(string name)
    {
        SkipWhereMissing();
        var good = ValidationCase.Named(name);
        var answers = await WriteAsync(good);
        if (!RunsCel && good.OldServerSays is { } quirk && ((string?)answers[0].Answer["message"])?.Contains(quirk, StringComparison.Ordinal) == true) return;
        answers.ShouldAllBe(answer => answer.Status == 200 || answer.Status == 201);
        ((long)answers[0].Answer["status"]!["observedGeneration"]!).ShouldBe(-1);
    }

    [Theory, MemberData(nameof(BadCases))]
    public async Task Create_WhenObjectIsBad_RefusesItWhereThisServerCan(string name)
    {
        SkipWhereMissing();
        var bad = ValidationCase.Named(name);
        var answers = await WriteAsync(bad);
        answers.SkipLast(1).ShouldAllBe(answer => answer.Status < 300);
        var (status, answer) = answers[^1];
        if (!Refuses(bad.Layer))
        {
            status.ShouldBeLessThan(300, "the operator is to refuse it, not the server");
            return;
        }
        status.ShouldBe(422);
        // A schema speaks for itself, and an old one names a list without the place in it; a rule says what the operator says too.
        ((string)answer["message"]!).ShouldContain(bad.Layer == Layer.Schema ? LastName(bad.Field) : bad.Message, Case.Sensitive);
    }

    private static string LastName(string field) => field.Split('[', ']', '.').Last(part => part.Any(char.IsAsciiLetter));

    [Fact]
    public async Task Create_WhenOptionalFieldsAreLeftOut_FillsInTheDefaultsOfTheContract()
    {
        SkipWhereMissing();
        var build = (await WriteAsync(ValidationCase.Named("build-least")))[0].Answer["spec"]!;
        ((string)build["dockerfile"]!).ShouldBe("Dockerfile");
        ((string)build["timeout"]!).ShouldBe("1h");
        JsonNode.DeepEquals(build["attestations"], JsonNode.Parse("""{"provenance":"Max","sbom":true}""")).ShouldBeTrue();

        var pool = (await WriteAsync(ValidationCase.Named("pool-least")))[0].Answer["spec"]!;
        JsonNode.DeepEquals(pool["platforms"], JsonNode.Parse("""[{"platform":"linux/amd64","mode":"Native","buildsPerBuilder":2}]""")).ShouldBeTrue();
        JsonNode.DeepEquals(pool["allowedNamespaces"], JsonNode.Parse("""{"from":"Same"}""")).ShouldBeTrue();
        JsonNode.DeepEquals(pool["frontends"], JsonNode.Parse("""["docker.io/docker/dockerfile"]""")).ShouldBeTrue();
    }

    [Fact]
    public async Task Create_WhenSamplesAreSent_AcceptsThem()
    {
        SkipWhereMissing();
        foreach (var sample in Repository.Documents("config", "samples").Where(one => (string?)one["apiVersion"] == "slipway.dev/v1alpha1"))
        {
            var (status, answer) = await server.Api.CreateAsync(sample, Cancel);
            status.ShouldBe(201, (string?)answer["message"]);
            await server.Api.DeleteAsync(sample, Cancel);
        }
    }

    private bool Refuses(Layer layer) => layer == Layer.Schema || (RunsCel && layer is Layer.Cel or Layer.Update);

    /// <summary>Creates the first document, replaces it by the next ones, and leaves nothing.</summary>
    private async Task<IReadOnlyList<(int Status, JsonNode Answer)>> WriteAsync(ValidationCase one)
    {
        var answers = new List<(int Status, JsonNode Answer)>();
        foreach (var document in one.Documents)
        {
            answers.Add(answers is [.., var before]
                ? await server.Api.ReplaceAsync(document, (string)before.Answer["metadata"]!["resourceVersion"]!, Cancel)
                : await server.Api.CreateAsync(document, Cancel));
        }
        if (answers[0].Status >= 300) return answers;
        // Every case has the same name: one that stays is in the way of all that follow.
        var (deleted, answer) = await server.Api.DeleteAsync(one.Documents[0], Cancel);
        deleted.ShouldBe(200, (string?)answer["message"]);
        return answers;
    }

    private void SkipWhereMissing() => Assert.SkipWhen(server.Missing is not null, server.Missing ?? "");
}
