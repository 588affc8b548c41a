using System.Text.Json;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class RunnerJsonTests
{
    private const string Minimal = """
        {"platform":"linux/amd64","builder":{"address":"tcp://a:1","serverName":"s","tlsDirectory":"/t","name":"n"},
         "output":{"image":"r.example/a"},"cacheMountNamespace":"n/s","timeoutSeconds":5}
        """;

    [Fact]
    public void Deserialize_WhenFieldsAreLeftOut_KeepsTheDefaultsOfTheRecords()
    {
        var build = RunnerJson.Deserialize<BuildDescription>(Minimal);
        build.Dockerfile.ShouldBe("Dockerfile");
        build.BuildArgs.ShouldBeEmpty();
        build.Attestations.ShouldBe(new AttestationDescription { Provenance = "max", Sbom = true });
    }

    [Theory]
    [InlineData("""{"git":{"url":"u","revision":"r"},"unknown":1}""")]
    [InlineData("""{"git":{"url":"u","revision":"r","x":1}}""")]
    [InlineData("""{"git":null}""")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("")]
    [InlineData("""{"git":{"url":"u"}}""")]
    public void Deserialize_WhenTheTextIsNotWhatIsAskedFor_Refuses(string json) =>
        Should.Throw<JsonException>(() => RunnerJson.Deserialize<PrepareDescription>(json));

    [Fact]
    public void Serialize_WhenReadBack_GivesTheSameDescription()
    {
        var json = RunnerJson.Serialize(RunnerSamples.Full);
        RunnerJson.Serialize(RunnerJson.Deserialize<BuildDescription>(json)).ShouldBe(json);
        json.ShouldNotContain("wantsProvenance");
    }

    [Fact]
    public void Serialize_WhenAResultFailed_NamesItsClassAndLeavesOutNulls() =>
        RunnerJson.Serialize(new RunResult { Failure = new RunFailure { Class = FailureClass.User, Reason = "R", Message = "it's" } })
            .ShouldBe("""{"published":false,"durationSeconds":0,"failure":{"class":"User","reason":"R","message":"it's"}}""");

    [Fact]
    public void Deserialize_OfANewerRunnersResult_PassesOverWhatItDoesNotKnow()
    {
        var result = RunnerJson.Deserialize<RunResult>("""{"indexDigest":"sha256:a","somethingNew":1,"cache":{"steps":2,"somethingNew":{}}}""");

        result.IndexDigest.ShouldBe("sha256:a");
        result.Cache!.Steps.ShouldBe(2);
    }
}
