using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class BuildctlArgsTests
{
    private static readonly Dictionary<string, BuildDescription> Cases = new()
    {
        ["git"] = RunnerSamples.Build,
        ["git-full"] = RunnerSamples.Full,
        ["inline-plain"] = RunnerSamples.Inline,
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    /// <summary>One argument a line; a newline inside an argument is written as \n.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Of_WhenABuildIsDescribed_GivesTheArgumentsOfItsGoldenFile(string name)
    {
        var build = Cases[name];
        var arguments = BuildctlArgs.Of(build, build.Commit, new BuildctlFiles
        {
            Metadata = "/tmp/run/metadata.json",
            Ref = "/tmp/run/ref",
            RegistryCa = build.Output.Ca is null ? null : "/tmp/run/registry-ca.pem",
        });
        var text = string.Concat(arguments.Select(argument => argument.Replace("\n", "\\n", StringComparison.Ordinal) + "\n"));
        text.ShouldBe(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Runner", "Golden", "args", name + ".golden")));
    }

    [Fact]
    public void Of_WhenABuildArgumentIsEmpty_StillCarriesItsEqualsSign() =>
        Arguments(RunnerSamples.Full).ShouldContain("build-arg:EMPTY=");

    [Fact]
    public void Of_WhenTheCacheMayOnlyBeRead_ExportsNothing()
    {
        var arguments = Arguments(RunnerSamples.Full with { Cache = RunnerSamples.Full.Cache! with { Export = false } });
        arguments.ShouldNotContain("--export-cache");
        arguments.ShouldContain("--import-cache");
    }

    [Theory]
    [InlineData("auto", true, null)]
    [InlineData("artifact", true, "oci-artifact=true")]
    [InlineData("manifest", true, "oci-artifact=false")]
    [InlineData("artifact", false, null)]
    public void Of_WhenAFormOfAttestationsIsAskedFor_SaysItToTheExporter(string format, bool wanted, string? expected)
    {
        var attestations = wanted ? new AttestationDescription { Format = format } : new AttestationDescription { Format = format, Provenance = "none", Sbom = false };
        var arguments = Arguments(RunnerSamples.Build with { Attestations = attestations }).ToList();
        arguments[arguments.IndexOf("--output") + 1].Split(',').SingleOrDefault(field => field.StartsWith("oci-artifact", StringComparison.Ordinal)).ShouldBe(expected);
    }

    private static IReadOnlyList<string> Arguments(BuildDescription build) => BuildctlArgs.Of(build, build.Commit, new BuildctlFiles { Metadata = "m", Ref = "r" });
}
