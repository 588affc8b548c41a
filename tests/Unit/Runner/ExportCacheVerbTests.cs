using NSubstitute;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

/// <summary>The container that writes the cache; buildctl is played by the test.</summary>
public sealed class ExportCacheVerbTests : IDisposable
{
    private const string Writing = """{"vertexes":[{"digest":"a","name":"exporting cache to registry","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z"}]}""" + "\n";
    private const string Denied = """{"vertexes":[{"digest":"a","name":"exporting cache to registry","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z","error":"unexpected status: 401 Unauthorized"}]}""" + "\nerror: failed to solve: unexpected status: 401 Unauthorized\n";
    private const string BlobGone = """{"vertexes":[{"digest":"a","name":"exporting cache to registry","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z","error":"could not fetch content descriptor sha256:aa from remote: not found"}]}""" + "\nerror: failed to solve: could not fetch content descriptor sha256:aa from remote: not found\n";

    private readonly TemporaryFolder _folder = new();
    private readonly StringWriter _log = new();
    private readonly IBuilderProbe _probe = Substitute.For<IBuilderProbe>();
    private readonly WatchedTime _time = new();

    public void Dispose()
    {
        _folder.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task Export_OfWhatWasBuilt_WritesItsOwnNameAndNoImage()
    {
        var (result, started) = await RunAsync(new BuiltOnce { Build = RunnerSamples.Full }, process => process.Say(error: Writing).End(0));

        result.Failure.ShouldBeNull();
        result.CacheExport.ShouldBe(new CacheExportResult { Written = true });
        var arguments = started.ShouldHaveSingleItem().Command.Arguments;
        arguments.Count(argument => argument == "--export-cache").ShouldBe(1);
        started[0].Argument("--export-cache").ShouldContain("ref=registry.example.com/cache:team-a-app-linux-arm64-1,");
        arguments.Count(argument => argument == "--import-cache").ShouldBe(3, "what was imported is not on the builder");
        arguments.ShouldNotContain("--output");
        arguments.ShouldNotContain(argument => argument.StartsWith("attest:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Export_AfterAHole_DoesNotReadTheCacheAgain()
    {
        var (_, started) = await RunAsync(new BuiltOnce { Build = RunnerSamples.Full, Imports = false }, process => process.Say(error: Writing).End(0));
        started.ShouldHaveSingleItem().Command.Arguments.ShouldNotContain("--import-cache");
        started[0].Command.Arguments.ShouldNotContain("--no-cache", "the build before it has run every step");
    }

    [Fact]
    public async Task Export_WhenTheCacheCannotBeWritten_SaysWhyAndFailsNothing()
    {
        var (result, _) = await RunAsync(new BuiltOnce { Build = RunnerSamples.Full }, process => process.Say(error: Denied).End(1));
        result.Failure.ShouldBeNull();
        result.CacheExport!.Written.ShouldBeFalse();
        result.CacheExport.Problem!.Kind.ShouldBe(CacheProblemKind.NotWritten);
        result.CacheExport.Problem.Message.ShouldContain("refuses the credentials");
    }

    [Fact]
    public async Task Export_WhenItNeedsABlobThatIsGone_BuildsEverythingAnewToWriteIt()
    {
        var (result, started) = await RunAsync(new BuiltOnce { Build = RunnerSamples.Full }, process =>
        {
            if (process.Command.Arguments.Contains("--no-cache")) process.Say(error: Writing).End(0);
            else process.Say(error: BlobGone).End(1);
        });

        result.CacheExport.ShouldBe(new CacheExportResult { Written = true });
        started.Count.ShouldBe(2);
        started[1].Command.Arguments.ShouldNotContain("--import-cache");
        started[1].Command.Arguments.ShouldContain("--export-cache");
    }

    [Fact]
    public async Task Export_WhenTheBuildHasNoImage_RunsNothing()
    {
        Handover.Begin(_folder.Path).Dispose();
        var (result, started) = await RunAsync(null, _ => throw new InvalidOperationException("buildctl was run"));
        result.CacheExport.ShouldBe(new CacheExportResult());
        result.Failure.ShouldBeNull();
        started.ShouldBeEmpty();
    }

    [Fact]
    public async Task Export_WhenTheKeysAreGoneMeanwhile_SaysSo()
    {
        var cache = RunnerSamples.InBucket.Cache!;
        var (result, started) = await RunAsync(
            new BuiltOnce { Build = RunnerSamples.Build with { Cache = cache with { S3 = cache.S3! with { CredentialsDirectory = _folder.Path } } } },
            _ => throw new InvalidOperationException("buildctl was run"));
        result.CacheExport!.Problem!.Kind.ShouldBe(CacheProblemKind.CredentialsMissing);
        started.ShouldBeEmpty();
    }

    [Fact]
    public async Task Export_ToABucket_HasTheBuilderForgetTheKeys()
    {
        _folder.Write("AWS_ACCESS_KEY_ID", "id\n");
        _folder.Write("AWS_SECRET_ACCESS_KEY", "secret\n");
        var cache = RunnerSamples.InBucket.Cache!;
        var (_, started) = await RunAsync(
            new BuiltOnce { Build = RunnerSamples.Build with { Cache = cache with { S3 = cache.S3! with { CredentialsDirectory = _folder.Path } } } }, process => process.Say(error: Writing).End(0));
        started[0].Argument("--export-cache").ShouldContain(",access_key_id=id,secret_access_key=secret,");
        started[0].Command.Environment.Values.ShouldNotContain(value => value.Contains("secret", StringComparison.Ordinal));
        await _probe.Received(1).ForgetAsync(RunnerSamples.Build.Builder, Arg.Any<CancellationToken>());
    }

    [Fact]
    public async Task Export_WhenToldToEndWhileItWaits_Ends()
    {
        using var interrupted = new CancellationTokenSource();
        var running = Verb(new FakeProcesses(_ => throw new InvalidOperationException("buildctl was run"))).RunAsync(Description, interrupted.Token);
        await interrupted.CancelAsync();
        (await running).CacheExport!.Problem!.Message.ShouldContain("told to end");
    }

    private ExportCacheDescription Description => new() { HandoverDirectory = _folder.Path, TimeoutSeconds = 60 };

    private ExportCacheVerb Verb(IProcessRunner processes) => new(processes, _probe, _log, _time);

    private async Task<(RunResult Result, List<FakeProcess> Started)> RunAsync(BuiltOnce? built, Action<FakeProcess> play)
    {
        if (built is not null)
        {
            using var handover = Handover.Begin(_folder.Path);
            handover.Pass(built);
        }

        var processes = new FakeProcesses(play);
        var result = await Verb(processes).RunAsync(Description, TestContext.Current.CancellationToken);
        return (result, processes.Started);
    }
}
