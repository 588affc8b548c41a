using System.CommandLine;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public sealed class RunnerCommandsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string ResultPath => Path.Combine(_folder.Path, "result");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Invoke_WhenTheRunSucceeds_LeavesItsResultAndEndsWith0()
    {
        (await InvokeAsync("prepare", """{"git":{"url":"https://git.example.com/a.git","revision":"main"}}""", process => process.Say($"{RunnerSamples.Commit}\trefs/heads/main\n").End(0)))
            .ShouldBe(0);
        Result().Commit.ShouldBe(RunnerSamples.Commit);
    }

    [Fact]
    public async Task Invoke_WhenTheRunFails_LeavesItsResultAndEndsWith1()
    {
        (await InvokeAsync("prepare", """{"git":{"url":"https://git.example.com/a.git","revision":"main"}}""", process => process.End(0))).ShouldBe(1);
        Result().Failure!.Reason.ShouldBe(FailureReasons.RevisionNotFound);
    }

    [Theory]
    [InlineData("prepare", "not json", "invalid")]
    [InlineData("prepare", """{"git":{"url":"file:///etc","revision":"main"}}""", "git.url")]
    [InlineData("build", """{"unknown":1}""", "unknown")]
    [InlineData("publish", """{"platforms":[],"output":{"image":"r.example/a","tags":["x"]}}""", "platforms is empty")]
    [InlineData("expire-cache", """{"owner":"a","ttlSeconds":7200}""", "exactly one back-end")]
    public async Task Invoke_WhenTheDescriptionCannotBeUsed_SaysWhatIsWrongAndEndsWith2(string verb, string json, string what)
    {
        (await InvokeAsync(verb, json, _ => throw new InvalidOperationException("something ran"))).ShouldBe(2);
        var failure = Result().Failure!;
        $"{failure.Class} {failure.Reason}".ShouldBe("Config DescriptionInvalid");
        failure.Message.ShouldContain(what);
    }

    [Fact]
    public async Task Invoke_WhenTheDescriptionComesInPieces_PutsThemTogether()
    {
        const string Json = """{"platforms":[],"output":{"image":"r.example/a","tags":["x"]}}""";

        (await InvokeAsync(["publish", "--description", Json[..20], "--description", Json[20..30], "--description", Json[30..]], _ => throw new InvalidOperationException("something ran"))).ShouldBe(2);

        Result().Failure!.Message.ShouldContain("platforms is empty");
    }

    [Fact]
    public void All_WhenNoResultPathIsGiven_WritesWhereTheKubeletLooks()
    {
        foreach (var command in RunnerCommands.All(new FakeProcesses(_ => { }), TextWriter.Null, TimeProvider.System))
        {
            command.Parse(["--description", "{}"]).GetValue<string>("--result").ShouldBe("/dev/termination-log", command.Name);
        }
    }

    private Task<int> InvokeAsync(string verb, string json, Action<FakeProcess> play) => InvokeAsync([verb, "--description", json], play);

    private Task<int> InvokeAsync(string[] arguments, Action<FakeProcess> play)
    {
        var root = new RootCommand();
        foreach (var command in RunnerCommands.All(new FakeProcesses(play), TextWriter.Null, TimeProvider.System))
        {
            root.Add(command);
        }

        return root.Parse([.. arguments, "--result", ResultPath])
            .InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null }, TestContext.Current.CancellationToken);
    }

    private RunResult Result() => RunnerJson.Deserialize<RunResult>(File.ReadAllText(ResultPath));
}
