using System.Text;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class ProgressReaderTests
{
    private readonly ProgressReader _reader = new();

    [Fact]
    public void Read_WhenAStepRuns_PrintsItAsBuildxDoes()
    {
        Lines(
            Vertex("a", "[build 2/3] RUN make", "\"started\":\"2026-01-01T00:00:00Z\""),
            Log("a", "one\ntw", "2026-01-01T00:00:01Z"),
            Log("a", "o\nthree", "2026-01-01T00:00:02.5Z"),
            Vertex("a", "[build 2/3] RUN make", "\"started\":\"2026-01-01T00:00:00Z\",\"completed\":\"2026-01-01T00:00:03.2Z\""))
            .ShouldBe(["#1 [build 2/3] RUN make", "#1 1.000 one", "#1 2.500 two", "#1 3.200 three", "#1 DONE 3.2s"]);
    }

    [Fact]
    public void Read_WhenAStepIsCached_SaysSoOnce() =>
        Lines(Vertex("a", "[2/2] RUN x", "\"cached\":true"), Vertex("a", "[2/2] RUN x", "\"cached\":true,\"completed\":\"2026-01-01T00:00:00Z\""))
            .ShouldBe(["#1 [2/2] RUN x", "#1 CACHED"]);

    [Fact]
    public void Read_WhenAVertexIsOnlyAnnounced_KeepsQuiet() => Lines(Vertex("a", "[2/2] RUN x", "\"cached\":false")).ShouldBeEmpty();

    [Fact]
    public void Read_WhenAnObjectIsIndentedOverManyLines_ReadsItAsOne() =>
        Lines("{", "  \"vertexes\": [", "    {\"digest\":\"a\",\"name\":\"[1/1] COPY x\",\"cached\":true}", "  ]", "}", "error: done").ShouldBe(["#1 [1/1] COPY x", "#1 CACHED", "error: done"]);

    [Fact]
    public void Read_WhenAnIndentedObjectBreaksOff_PassesItsLinesOn() =>
        Lines("{", "  \"vertexes\": [", "error: broke").ShouldBe(["{", "  \"vertexes\": [", "error: broke"]);

    [Theory]
    [InlineData("")]
    [InlineData("error: failed to solve: x")]
    [InlineData("{not json")]
    [InlineData("}")]
    public void Read_WhenALineIsNoProgress_PassesItOn(string line)
    {
        Lines(line).ShouldBe([line]);
        _reader.Tail.ShouldBe([line]);
    }

    [Fact]
    public void Failed_WhenOneStepFailsAndAnotherIsCancelled_IsTheOneThatFailed()
    {
        Lines(
            Vertex("a", "[2/2] RUN false", "\"completed\":\"2026-01-01T00:00:01Z\",\"error\":\"exit code: 1\""),
            Vertex("b", "[1/2] RUN sleep", "\"completed\":\"2026-01-01T00:00:02Z\",\"error\":\"context canceled\""),
            Vertex("c", "importing cache manifest from x", "\"completed\":\"2026-01-01T00:00:03Z\",\"error\":\"not found\""));
        _reader.Failed!.Name.ShouldBe("[2/2] RUN false");
    }

    [Fact]
    public void Tail_WhenThereIsTooMuch_KeepsTheEnd()
    {
        Lines([.. Enumerable.Range(0, 100).Select(number => $"line {number}")]);
        _reader.Tail.Count.ShouldBe(60);
        _reader.Tail.Last().ShouldBe("line 99");
    }

    [Fact]
    public void Read_WhenARealBuildIsWarm_CountsItsStepsAndItsImport()
    {
        Lines(File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Runner", "Golden", "progress", "warm-0.13.txt")));
        _reader.Tail.ShouldBeEmpty();
        CacheStats.Of(_reader).ShouldBe(new CacheResult { Steps = 3, Cached = 3 });
        _reader.Vertices.Count(vertex => vertex is { IsCacheImport: true, Completed: not null, Error: null }).ShouldBe(1);
    }

    private List<string> Lines(params string[] lines) => [.. lines.SelectMany(_reader.Read), .. _reader.End()];

    private static string Vertex(string digest, string name, string rest) => $$"""{"vertexes":[{"digest":"{{digest}}","name":"{{name}}",{{rest}}}]}""";

    private static string Log(string vertex, string text, string at) =>
        $$"""{"logs":[{"vertex":"{{vertex}}","stream":1,"data":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(text))}}","timestamp":"{{at}}"}]}""";
}
