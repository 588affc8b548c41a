using Slipway.Runner;
using Slipway.S3;

namespace Slipway.Tests.Unit.Runner;

public class BuildctlArgsTests
{
    private static readonly S3Keys Keys = new("AKIDEXAMPLE", "se,cr\"et", "session");

    private static readonly Dictionary<string, Solve> Cases = new()
    {
        ["git"] = RunnerSamples.Solve(RunnerSamples.Build),
        ["git-full"] = RunnerSamples.Solve(RunnerSamples.Full),
        ["git-full-again-without-cache"] = RunnerSamples.Solve(RunnerSamples.Full) with { Imports = false, RunsEveryStep = true },
        ["git-full-cache"] = RunnerSamples.Solve(RunnerSamples.Full) with { WritesCache = true },
        ["inline-plain"] = RunnerSamples.Solve(RunnerSamples.Inline),
        ["bucket"] = RunnerSamples.Solve(RunnerSamples.InBucket, Keys),
        ["bucket-cache"] = RunnerSamples.Solve(RunnerSamples.InBucket, Keys with { SecretAccessKey = "secret", SessionToken = null }) with { WritesCache = true },
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    /// <summary>One argument a line; a newline inside an argument is written as \n. UPDATE_GOLDEN=1 writes the files.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Of_WhenASolveIsDescribed_GivesTheArgumentsOfItsGoldenFile(string name)
    {
        var text = string.Concat(BuildctlArgs.Of(Cases[name]).Select(argument => argument.Replace("\n", "\\n", StringComparison.Ordinal) + "\n"));
        var file = Repository.Path("tests", "Unit", "Runner", "Golden", "args", name + ".golden");
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1") File.WriteAllText(file, text);
        text.ShouldBe(File.ReadAllText(file));
    }

    [Fact]
    public void Of_WhenABuildArgumentIsEmpty_StillCarriesItsEqualsSign() =>
        BuildctlArgs.Of(RunnerSamples.Solve(RunnerSamples.Full)).ShouldContain("build-arg:EMPTY=");

    [Theory]
    [InlineData("auto", true, null)]
    [InlineData("artifact", true, "oci-artifact=true")]
    [InlineData("manifest", true, "oci-artifact=false")]
    [InlineData("artifact", false, null)]
    public void Of_WhenAFormOfAttestationsIsAskedFor_SaysItToTheExporter(string format, bool wanted, string? expected)
    {
        var attestations = wanted ? new AttestationDescription { Format = format } : new AttestationDescription { Format = format, Provenance = "none", Sbom = false };
        var arguments = BuildctlArgs.Of(RunnerSamples.Solve(RunnerSamples.Build with { Attestations = attestations })).ToList();
        arguments[arguments.IndexOf("--output") + 1].Split(',').SingleOrDefault(field => field.StartsWith("oci-artifact", StringComparison.Ordinal)).ShouldBe(expected);
    }
}
