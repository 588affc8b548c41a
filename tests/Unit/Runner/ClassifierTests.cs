using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

/// <summary>
/// Each file in Golden/failures is the stderr of a real buildctl: captured (its version in the header) or quoted from an
/// issue (its address in the header), read through the same reader as in a Job, with the class and reason that it has to come to.
/// </summary>
public class ClassifierTests
{
    /// <summary>For texts of which only the end is known: the build had begun.</summary>
    private const string Step = """{"vertexes":[{"digest":"a","name":"[internal] x","started":"2026-01-01T00:00:00Z"}]}""";

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Runner", "Golden", "failures");

    public static TheoryData<string> Names => [.. Directory.GetFiles(Folder, "*.txt").Select(path => Path.GetFileNameWithoutExtension(path)).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void Classify_WhenARealBuildctlFailed_RecognisesIt(string name)
    {
        var (header, stderr) = Read(name);
        var failure = Classify(header.ContainsKey("started") ? [Step, .. stderr] : stderr, header.GetValueOrDefault("source") == "git");

        (header.ContainsKey("buildctl") ^ header.ContainsKey("quoted")).ShouldBeTrue("the header says where the text is from");
        $"{failure.Class} {failure.Reason}".ShouldBe(header["expect"]);
        failure.Step.ShouldBe(header.GetValueOrDefault("step"));
        failure.ExitCode?.ToString(System.Globalization.CultureInfo.InvariantCulture).ShouldBe(header.GetValueOrDefault("exitCode"));
        failure.Message.ShouldNotContain("token=abc123");
        failure.Message.ShouldEndWith(".");
    }

    /// <summary>A push that a registry refuses for another reason would only be refused again.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void IsLikely_WhenARealPushFailed_IsTrueWhereTheManifestsFormMayBeTheCause(string name)
    {
        var (_, stderr) = Read(name);
        var progress = Progress(stderr);
        ArtifactRefusal.IsLikely(Classifier.Errors(progress.Tail, progress.Failed)).ShouldBe(name.StartsWith("artifact-", StringComparison.Ordinal));
    }

    /// <summary>A registry that collects garbage, or whose replicas share no storage, says the same of a push without artifacts.</summary>
    [Theory]
    [InlineData("max", "auto", "Config RegistryRefused")]
    [InlineData("max", "artifact", "Config RegistryRefused")]
    [InlineData("max", "manifest", "Registry ResultIncomplete")]
    [InlineData("none", "auto", "Registry ResultIncomplete")]
    public void Classify_WhenABlobIsUnknown_BlamesTheFormOnlyWhereArtifactsWerePushed(string provenance, string format, string expected)
    {
        var (_, stderr) = Read("artifact-subject-new");
        var attestations = new AttestationDescription { Provenance = provenance, Sbom = false, Format = format };
        var failure = Classify([Step, .. stderr], git: false, attestations);
        $"{failure.Class} {failure.Reason}".ShouldBe(expected);
        failure.Message.Contains("attestationFormat", StringComparison.Ordinal).ShouldBe(expected == "Config RegistryRefused");
    }

    /// <summary>Signatures that BuildKit's source holds and that no daemon at hand gave.</summary>
    [Theory]
    [InlineData("error: failed to solve: 'docker.io/evil/frontend:1' is not an allowed gateway source", "Policy FrontendNotAllowed")]
    [InlineData("error: failed to solve: target stage \"x\" could not be found", "User TargetNotFound")]
    [InlineData("error: failed to solve: failed to push registry.example.com/team/app: blob upload unknown: blob upload unknown to registry", "Registry ResultIncomplete")]
    [InlineData("error: failed to solve: something new", "Unknown Unrecognised")]
    public void Classify_WhenTheLastLineIsKnown_RecognisesIt(string line, string expected)
    {
        var failure = Classify([Step, line], git: false);
        $"{failure.Class} {failure.Reason}".ShouldBe(expected);
    }

    private static RunFailure Classify(IEnumerable<string> stderr, bool git, AttestationDescription? attestations = null)
    {
        var progress = Progress(stderr);
        var build = git ? RunnerSamples.Build : RunnerSamples.Build with { Git = null, ContextDirectory = "/context" };
        return Classifier.Classify(new BuildctlFailure
        {
            ExitCode = 1,
            Tail = progress.Tail,
            Failed = progress.Failed,
            Started = progress.Vertices.Count > 0,
            Build = build with { Attestations = attestations ?? build.Attestations, Target = "nope", Cache = RunnerSamples.Full.Cache },
        });
    }

    private static ProgressReader Progress(IEnumerable<string> stderr)
    {
        var progress = new ProgressReader();
        foreach (var line in stderr)
        {
            progress.Read(line);
        }

        progress.End();
        return progress;
    }

    private static (Dictionary<string, string> Header, string[] Stderr) Read(string name)
    {
        var lines = File.ReadAllLines(Path.Combine(Folder, name + ".txt"));
        var end = Array.IndexOf(lines, "---");
        var header = lines[..end].Select(line => line[1..].Split(':', 2)).ToDictionary(pair => pair[0].Trim(), pair => pair[1].Trim());
        return (header, lines[(end + 1)..]);
    }
}
