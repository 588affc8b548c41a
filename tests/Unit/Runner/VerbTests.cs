using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using NSubstitute;
using Slipway.Registry;
using Slipway.Runner;
using Slipway.Tests.Unit.Registry;

namespace Slipway.Tests.Unit.Runner;

/// <summary>The verbs against a registry on loopback; git and buildctl are played by the test.</summary>
public sealed class VerbTests : IAsyncLifetime
{
    private static readonly ManifestBody Image = OciSamples.Image("arm64");
    private static readonly ManifestBody Attestation = OciSamples.Attestation(Image, predicates: [OciSamples.Sbom, OciSamples.Provenance]);
    private static readonly ManifestBody Index = OciSamples.Index("arm64", Image, Attestation);

    private readonly StringWriter _log = new();
    private readonly WatchedTime _time = new();
    private readonly TemporaryFolder _folder = new();
    private readonly SemaphoreSlim _probed = new(0);
    private FakeRegistry _registry = null!;
    private readonly ConcurrentQueue<bool> _solving = new();
    private readonly IBuilderProbe _probe = Substitute.For<IBuilderProbe>();
    private bool _answers = true;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _registry = await FakeRegistry.StartAsync();
        foreach (var manifest in new[] { Image, Attestation, Index })
        {
            _registry.Add(manifest);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _folder.Dispose();
        _probed.Dispose();
        await _log.DisposeAsync();
        await _registry.DisposeAsync();
    }

    [Fact]
    public async Task Prepare_WhenTheRevisionIsABranch_ReturnsItsCommitAndAsksGitSafely()
    {
        var processes = new FakeProcesses(process => process.Say($"{RunnerSamples.Commit}\trefs/heads/main\n").End(0));
        var result = await new PrepareVerb(new GitLookup(processes, _log, _time), _log, _time).RunAsync(new PrepareDescription { Git = RunnerSamples.Git }, Token);

        result.Commit.ShouldBe(RunnerSamples.Commit);
        var command = processes.Started.ShouldHaveSingleItem().Command;
        string.Join(' ', command.Arguments).ShouldContain("-c protocol.allow=never -c protocol.https.allow=always");
        string.Join(' ', command.Arguments).ShouldContain("ls-remote -- https://git.example.com/team/app.git refs/main");
        command.Environment["GIT_TERMINAL_PROMPT"].ShouldBe("0");
    }

    [Fact]
    public async Task Prepare_WhenTheRevisionIsACommit_AsksNobody()
    {
        var processes = new FakeProcesses(_ => throw new InvalidOperationException("git was run"));
        var description = new PrepareDescription { Git = RunnerSamples.Git with { Revision = RunnerSamples.Commit } };
        (await new PrepareVerb(new GitLookup(processes, _log, _time), _log, _time).RunAsync(description, Token)).Commit.ShouldBe(RunnerSamples.Commit);
    }

    [Theory]
    [InlineData("", 0, "Config RevisionNotFound")]
    [InlineData("fatal: repository 'https://x/' not found", 128, "Config RepositoryNotFound")]
    [InlineData("fatal: could not read Username for 'https://x': terminal prompts disabled", 128, "Config RepositoryNotFound")]
    [InlineData("fatal: unable to access 'https://x/': Could not resolve host: x", 128, "Infrastructure SourceUnreachable")]
    [InlineData("fatal: unable to access 'https://x/': The requested URL returned error: 503", 128, "Infrastructure SourceUnreachable")]
    [InlineData("fatal: something new", 128, "Infrastructure SourceUnreachable")]
    public async Task Prepare_WhenGitFails_SaysWhy(string error, int code, string expected)
    {
        var processes = new FakeProcesses(process => process.Say(error: error).End(code));
        var result = await new PrepareVerb(new GitLookup(processes, _log, _time), _log, _time).RunAsync(new PrepareDescription { Git = RunnerSamples.Git }, Token);
        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe(expected);
    }

    [Fact]
    public async Task Prepare_WhenGitNeverAnswers_GivesUpInItsTime()
    {
        var processes = new FakeProcesses(_ => { });
        var running = new PrepareVerb(new GitLookup(processes, _log, _time), _log, _time).RunAsync(new PrepareDescription { Git = RunnerSamples.Git }, Token);
        _time.Advance(TimeSpan.FromSeconds(61));
        (await running).Failure!.Reason.ShouldBe(FailureReasons.SourceUnreachable);
        processes.Started[0].Signals.ShouldBe(["KILL"]);
    }

    [Fact]
    public async Task Prepare_WhenToldToEnd_SaysThat()
    {
        using var interrupted = new CancellationTokenSource();
        var processes = new FakeProcesses(_ => { });
        var running = new PrepareVerb(new GitLookup(processes, _log, _time), _log, _time).RunAsync(new PrepareDescription { Git = RunnerSamples.Git }, interrupted.Token);
        await interrupted.CancelAsync();
        (await running).Failure!.Reason.ShouldBe(FailureReasons.Interrupted);
        processes.Started[0].Signals.ShouldBe(["KILL"]);
    }

    // It said that somebody had ended the Job.
    [Fact]
    public async Task Build_WhenItsTimeIsOverDuringTheLookup_SaysThat()
    {
        var running = BuildAsync(Build() with { Commit = null, TimeoutSeconds = 30 }, _ => { });
        _time.Advance(TimeSpan.FromSeconds(31));
        (await running).Result.Failure!.Reason.ShouldBe(FailureReasons.TimedOut);
    }

    [Fact]
    public async Task Build_WhenBuildctlSucceeds_ReadsBackWhatWasPushed()
    {
        var (result, process) = await BuildAsync(Build(), Succeed);
        result.Failure.ShouldBeNull();
        result.IndexDigest.ShouldBe(Index.Digest);
        result.ImageDigest.ShouldBe(Image.Digest);
        result.Attestations!.Select(attestation => attestation.PredicateType).ShouldBe([OciSamples.Sbom, OciSamples.Provenance]);
        result.Published.ShouldBeFalse();
        process.Command.Environment.Keys.Order().ShouldBe(["DOCKER_CONFIG", "HOME", "PATH"]);
        _registry.Requests.ShouldAllBe(request => !request.StartsWith("PUT", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Build_WhenItIsTheOnlyPlatform_TagsTheSameBytes()
    {
        var (result, _) = await BuildAsync(Build() with { Publish = true, Output = Output() with { Tags = ["1.0", "latest"] } }, Succeed);
        result.Failure.ShouldBeNull();
        result.Published.ShouldBeTrue();
        _registry.Manifests["1.0"].Bytes.ToArray().ShouldBe(Index.Bytes.ToArray());
        _registry.Manifests["latest"].Digest.ShouldBe(Index.Digest);
    }

    [Fact]
    public async Task Build_WhenSomebodyMovesTheTagMeanwhile_LeavesItAndReportsWhatItPushed()
    {
        var newer = OciSamples.Image("newer");
        var (result, _) = await BuildAsync(Build() with { Publish = true, Output = Output() with { Tags = ["1.0"] } }, process =>
        {
            _registry.Manifests["1.0"] = newer;
            Succeed(process);
        });
        result.Failure.ShouldBeNull();
        result.Published.ShouldBeFalse();
        (result.IndexDigest, result.ImageDigest).ShouldBe((Index.Digest, Image.Digest));
        _registry.Manifests["1.0"].Digest.ShouldBe(newer.Digest);
    }

    // What was pushed is no index, and the one that the result names was nowhere: who published after it found nothing.
    [Fact]
    public async Task Build_WhenSomebodyMovesTheTagOfWhatIsNoIndex_LeavesItsOwnInTheRegistry()
    {
        _registry.Manifests[Image.Digest] = Image;
        _registry.Blobs[OciSamples.Digest(OciSamples.Config("arm64"))] = Encoding.UTF8.GetBytes(OciSamples.Config("arm64"));
        var build = Build() with { Publish = true, Output = Output() with { Tags = ["1.0"] }, Attestations = new AttestationDescription { Provenance = "none", Sbom = false } };
        var (result, _) = await BuildAsync(build, process =>
        {
            _registry.Manifests["1.0"] = OciSamples.Image("newer");
            Succeed(process, Image.Digest);
        });
        result.Failure.ShouldBeNull();
        result.Published.ShouldBeFalse();
        result.IndexDigest.ShouldNotBe(Image.Digest);
        _registry.Manifests[result.IndexDigest!].Digest.ShouldBe(result.IndexDigest);
    }

    [Fact]
    public async Task Build_WhenToldToEndOnceTheTagIsPut_HasSucceeded()
    {
        using var interrupted = new CancellationTokenSource();
        _registry.Fault = context =>
        {
            if (context.Request.Method == "PUT" && context.Request.Path.Value!.EndsWith("/1.0", StringComparison.Ordinal)) interrupted.Cancel();
            return Task.FromResult(false);
        };
        var result = await StartAsync(Build() with { Publish = true, Output = Output() with { Tags = ["1.0"] } }, Succeed, interrupted.Token);
        result.Failure.ShouldBeNull();
        result.Published.ShouldBeTrue();
    }

    [Fact]
    public async Task Build_WhenNoCommitIsGiven_ResolvesItFirstAndReportsIt()
    {
        var (result, process) = await BuildAsync(Build() with { Commit = null }, process =>
        {
            if (process.Command.Program == "git")
            {
                process.Say($"{RunnerSamples.Commit}\trefs/heads/main\n").End(0);
            }
            else
            {
                Succeed(process);
            }
        });
        result.Commit.ShouldBe(RunnerSamples.Commit);
        process.Command.Arguments.ShouldContain($"context=https://git.example.com/team/app.git#{RunnerSamples.Commit}");
    }

    [Fact]
    public async Task Build_WhenTheOutputSecretIsMissing_SaysSoBeforeAnythingRuns()
    {
        var (result, started) = await RunAsync(Build() with { Output = Output() with { CredentialsDirectory = _folder.Path, CredentialsSecret = "push" } }, Succeed);
        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Config CredentialsSecretMissing");
        result.Failure.Message.ShouldContain("push");
        started.ShouldBeEmpty();
        _registry.Requests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("")]
    [InlineData("ca.crt tls.crt")]
    public async Task Build_WhenTheSecretOfABuilderOutsideTheClusterLacksAFile_NamesItBeforeAnythingRuns(string files)
    {
        foreach (var file in files.Split(' ', StringSplitOptions.RemoveEmptyEntries)) _folder.Write(file, "pem");
        var builder = RunnerSamples.Build.Builder with { Name = "arm-1:1234", TlsDirectory = _folder.Path, ClientSecret = "team-a/arm-client" };

        var (result, started) = await RunAsync(Build() with { Builder = builder }, Succeed);

        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Config CredentialsSecretMissing");
        result.Failure.Message.ShouldContain("Secret team-a/arm-client");
        result.Cache.ShouldBeNull("the builder was never asked");
        started.ShouldBeEmpty();
    }

    [Fact]
    public async Task Build_WhenTheSecretOfABuilderOutsideTheClusterIsThere_ConnectsWithIt()
    {
        foreach (var file in new List<string> { "ca.crt", "tls.crt", "tls.key" }) _folder.Write(file, "pem");
        var builder = RunnerSamples.Build.Builder with { TlsDirectory = _folder.Path, ClientSecret = "team-a/arm-client" };

        var (result, process) = await BuildAsync(Build() with { Builder = builder }, Succeed);

        result.Failure.ShouldBeNull();
        process.Command.Arguments.ShouldContain(Path.Combine(_folder.Path, "tls.key"));
    }

    [Fact]
    public async Task Build_WhenTheCacheSecretIsMissing_BuildsWithoutTheCacheAndSaysSo()
    {
        var cache = new CacheDescription { Name = "x", CredentialsSecret = "push", Registry = new RegistryCacheDescription { Repository = "registry.example.com/cache", CredentialsDirectory = _folder.Path } };
        var (result, process) = await BuildAsync(Build() with { Cache = cache }, Succeed);
        result.Failure.ShouldBeNull();
        result.Cache!.Problem!.Kind.ShouldBe(CacheProblemKind.CredentialsMissing);
        result.Cache.Problem.Message.ShouldContain("Secret push");
        process.Command.Arguments.ShouldNotContain("--import-cache");
        process.Command.Arguments.ShouldNotContain("--export-cache");
    }

    [Fact]
    public async Task Build_WhenOutputAndCacheHaveCredentials_BuildctlGetsBothInAPrivateFile()
    {
        using var cacheFolder = new TemporaryFolder();
        _folder.Write("config.json", $$$"""{"auths":{"{{{_registry.Host}}}":{"auth":"dTpw"}},"credsStore":"desktop"}""");
        cacheFolder.Write(".dockerconfigjson", $$$$"""{"auths":{"{{{{_registry.Host}}}}":{"auth":"eDp4"},"cache.example":{"auth":"Yzpj"}}}""");
        string? config = null;
        UnixFileMode mode = default;
        var build = Build() with
        {
            Output = Output() with { CredentialsDirectory = _folder.Path },
            Cache = new CacheDescription { Name = "x", Registry = new RegistryCacheDescription { Repository = "cache.example/c", CredentialsDirectory = cacheFolder.Path } },
        };
        var (result, process) = await BuildAsync(build, process =>
        {
            var path = Path.Combine(process.Command.Environment["DOCKER_CONFIG"], "config.json");
            (config, mode) = (File.ReadAllText(path), OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(path));
            Succeed(process);
        });
        result.Failure.ShouldBeNull();
        config.ShouldBe($$$$"""{"auths":{"{{{{_registry.Host}}}}":{"auth":"dTpw"},"cache.example":{"auth":"Yzpj"}}}""");
        mode.ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Directory.Exists(process.Command.Environment["DOCKER_CONFIG"]).ShouldBeFalse();
    }

    /// <summary>buildctl looks for Docker Hub's credentials under one name only.</summary>
    [Theory]
    [InlineData("https://index.docker.io/v1/")]
    [InlineData("docker.io")]
    [InlineData("index.docker.io")]
    [InlineData("registry-1.docker.io")]
    public void Merge_WhenAConfigIsForDockerHub_PutsItWhereBuildctlLooks(string key) =>
        CredentialFiles.Merge([System.Text.Encoding.UTF8.GetBytes($$$$"""{"auths":{"{{{{key}}}}":{"auth":"dTpw"},"ghcr.io":{"auth":"eDp4"}}}""")])
            .ShouldBe("""{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"},"ghcr.io":{"auth":"eDp4"}}}""");

    [Fact]
    public async Task Build_WhenTheSecretIsNoDockerConfig_SaysSoWithoutQuotingIt()
    {
        _folder.Write("config.json", "s3cret");
        var (result, _) = await RunAsync(Build() with { Output = Output() with { CredentialsDirectory = _folder.Path, CredentialsSecret = "push" } }, Succeed);
        result.Failure!.Reason.ShouldBe(FailureReasons.CredentialsInvalid);
        (result.Failure.Message + _log).ShouldNotContain("s3cret");
    }

    [Fact]
    public async Task Build_WhenAStepFails_ReportsTheStepAndPrintsItsOutput()
    {
        var (result, _) = await BuildAsync(Build(), process => process.Say(error: """
            {"vertexes":[{"digest":"a","name":"[2/2] RUN make","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z","error":"process \"/bin/sh -c make\" did not complete successfully: exit code: 2"}]}
            error: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2

            """).End(1));
        result.Failure.ShouldBe(new RunFailure
        {
            Class = FailureClass.User,
            Reason = FailureReasons.RunStepFailed,
            Message = "A step of the Dockerfile ended with exit code 2: its output is in the log of this Job.",
            Step = "[2/2] RUN make",
            ExitCode = 2,
        });
        _log.ToString().ShouldContain("#1 [2/2] RUN make");
        result.Cache.ShouldNotBeNull();
    }

    private const string BlobGone = """
        {"vertexes":[{"digest":"a","name":"[2/2] RUN make","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z","error":"failed to copy: operation error S3: GetObject, https response error StatusCode: 404, api error NoSuchKey"}]}
        ERROR: failed to solve: failed to copy: operation error S3: GetObject, https response error StatusCode: 404, api error NoSuchKey

        """;

    [Fact]
    public async Task Build_WhenABlobOfTheCacheIsGone_BuildsOnceMoreWithoutItInTheSamePod()
    {
        var (result, started) = await RunAsync(Build() with { Cache = RunnerSamples.Full.Cache }, process =>
        {
            if (process.Command.Arguments.Contains("--import-cache")) process.Say(error: BlobGone).End(1);
            else Succeed(process);
        });

        result.Failure.ShouldBeNull();
        result.IndexDigest.ShouldBe(Index.Digest);
        started.Count.ShouldBe(2);
        started[1].Command.Arguments.ShouldContain("--no-cache", "the builder may still hold what it imported");
        result.Cache!.Problem!.Kind.ShouldBe(CacheProblemKind.Broken);
        result.Cache.Imported.ShouldBeFalse();
    }

    [Theory]
    [InlineData(false, true, true, true)]
    [InlineData(true, true, true, false)]
    [InlineData(true, false, true, true)]
    [InlineData(true, true, false, true)]
    public async Task Build_WhenTheCacheIsWorthWriting_HandsOverWhatItBuilt(bool onMissOnly, bool allCached, bool imported, bool handsOver)
    {
        const string Import = """,{"digest":"b","name":"importing cache manifest from registry.example.com/cache:team-a-app-linux-arm64-1","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z"}""";
        using var handover = new TemporaryFolder();
        var build = Build() with { Cache = RunnerSamples.Full.Cache, HandoverDirectory = handover.Path, ExportOnMissOnly = onMissOnly };

        await RunAsync(build, process =>
        {
            process.Say(error: $$"""{"vertexes":[{"digest":"a","name":"[2/2] RUN make","cached":{{(allCached ? "true" : "false")}},"started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z"}{{(imported ? Import : "")}}]}""" + "\n");
            Succeed(process);
        });

        (await Handover.WaitAsync(handover.Path, _time, Token) is not null).ShouldBe(handsOver);
    }

    /// <summary>No disk, no lock: the image is there all the same.</summary>
    [Fact]
    public async Task Build_WhereNothingCanBeHandedOver_StillPushes()
    {
        var (result, _) = await RunAsync(Build() with { Cache = RunnerSamples.Full.Cache, HandoverDirectory = Path.Combine(_folder.Path, "no-such-folder") }, Succeed);

        result.Failure.ShouldBeNull();
        result.IndexDigest.ShouldBe(Index.Digest);
    }

    /// <summary>Put together with the output's, they would fail the build.</summary>
    [Theory]
    [InlineData("by hand")]
    [InlineData("[]")]
    [InlineData("""{"auths":{"another.example.com":{"auth":"Yzpj"}}}""")]
    [InlineData("""{"auths":{"registry.example.com":{}}}""")]
    public async Task Build_WhenTheCachesCredentialsAreNone_BuildsWithoutTheCache(string config)
    {
        _folder.Write(".dockerconfigjson", config);
        var cache = RunnerSamples.Full.Cache!;

        var (result, started) = await RunAsync(Build() with { Cache = cache with { CredentialsSecret = "cache", Registry = cache.Registry! with { CredentialsDirectory = _folder.Path } } }, Succeed);

        result.Failure.ShouldBeNull();
        result.Cache!.Problem!.Kind.ShouldBe(CacheProblemKind.CredentialsMissing);
        result.Cache.Problem.Message.ShouldBe("The Secret cache of the pool's cache is not in this namespace, or has no .dockerconfigjson with credentials for registry.example.com.");
        started.ShouldHaveSingleItem().Command.Arguments.ShouldNotContain("--import-cache");
    }

    [Fact]
    public async Task Build_WhenABlobIsGoneAndThereIsNoCache_IsNotBuiltAgain()
    {
        var (result, started) = await RunAsync(Build(), process => process.Say(error: BlobGone).End(1));
        result.Failure.ShouldNotBeNull();
        started.Count.ShouldBe(1);
    }

    /// <summary>It keeps them with the history of its builds, for everybody who may list that.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Build_WhenTheBuilderWasToldKeysOfABucket_HasItForgetThem(bool succeeds)
    {
        _folder.Write("AWS_ACCESS_KEY_ID", "id");
        _folder.Write("AWS_SECRET_ACCESS_KEY", "secret");
        var cache = RunnerSamples.InBucket.Cache!;
        var (_, started) = await RunAsync(Build() with { Cache = cache with { S3 = cache.S3! with { EndpointUrl = $"http://{_registry.Host}", CredentialsDirectory = _folder.Path } } }, process =>
        {
            if (succeeds) Succeed(process);
            else process.End(1);
        });

        started[0].Argument("--import-cache").ShouldContain("secret_access_key=secret");
        await _probe.Received(1).ForgetAsync(RunnerSamples.Build.Builder, Arg.Any<CancellationToken>());
    }

    [Fact]
    public async Task Build_WhenTheCacheIsInARegistry_LeavesTheBuildersHistory()
    {
        await RunAsync(Build() with { Cache = RunnerSamples.Full.Cache }, Succeed);
        await _probe.DidNotReceiveWithAnyArgs().ForgetAsync(default!, Arg.Any<CancellationToken>());
    }

    private const string RefusedForm = """
        {"vertexes":[{"digest":"a","name":"[2/2] RUN make","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z"}]}
        ERROR: failed to solve: failed to push registry.example.com/team/app: denied: unknown manifest class for application/vnd.oci.empty.v1+json

        """;

    [Fact]
    public async Task Build_WhenTheRegistryRefusesArtifacts_PushesTheOlderFormOnce()
    {
        var (result, started) = await RunAsync(Build(), process =>
        {
            if (process.Argument("--output").Contains("oci-artifact=false", StringComparison.Ordinal)) Succeed(process);
            else process.Say(error: RefusedForm).End(1);
        });
        result.Failure.ShouldBeNull();
        result.IndexDigest.ShouldBe(Index.Digest);
        result.Cache!.Steps.ShouldBe(1, "the second run has everything from cache");
        started.Count.ShouldBe(2);
        _log.ToString().ShouldContain("pushing once more, with attestations as image manifests");
    }

    [Theory]
    [InlineData("auto", 2)]
    [InlineData("artifact", 1)]
    [InlineData("manifest", 1)]
    public async Task Build_WhenTheRegistryRefusesEveryForm_FailsAfterTheTriesThatAreLeft(string format, int runs)
    {
        var (result, started) = await RunAsync(Build() with { Attestations = new AttestationDescription { Format = format } }, process => process.Say(error: RefusedForm).End(1));
        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Config RegistryRefused");
        result.Failure.Message.Contains("attestationFormat", StringComparison.Ordinal).ShouldBe(format == "artifact", "the others have pushed the older form");
        started.Count.ShouldBe(runs);
    }

    [Fact]
    public async Task Build_WhenTheOlderFormFailsForAnUnknownBlob_BlamesTheRegistry()
    {
        var (result, started) = await RunAsync(Build(), process => process.Say(error: """
            {"vertexes":[{"digest":"a","name":"[2/2] RUN make","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z"}]}
            ERROR: failed to solve: failed to push registry.example.com/team/app: manifest blob unknown: blob unknown to registry

            """).End(1));
        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Registry ResultIncomplete");
        started.Count.ShouldBe(2);
    }

    /// <summary>After a failure of the cache: the first of the two has run every step again.</summary>
    [Fact]
    public async Task Build_WhenItDistrustsTheCacheAndPushesTheOlderForm_RunsTheStepsOnce()
    {
        var (result, started) = await RunAsync(Build() with { Cache = RunnerSamples.Full.Cache }, process =>
        {
            if (process.Argument("--output").Contains("oci-artifact=false", StringComparison.Ordinal)) Succeed(process);
            else process.Say(error: process.Command.Arguments.Contains("--no-cache") ? RefusedForm : BlobGone).End(1);
        });
        result.Failure.ShouldBeNull();
        started.Select(process => process.Command.Arguments.Contains("--no-cache")).ShouldBe([false, true, false]);
        started.Select(process => process.Command.Arguments.Contains("--import-cache")).ShouldBe([true, false, false]);
    }

    [Fact]
    public async Task Build_WhenArtifactsAreAskedForAndTheBuilderWritesNone_SaysWhatToDo()
    {
        var build = Build() with { Publish = true, Output = Output() with { Tags = ["1.0"] }, Attestations = new AttestationDescription { Format = "artifact" } };
        var (result, _) = await BuildAsync(build, Succeed);
        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Config AttestationFormatUnsupported");
        result.Failure.Message.ShouldContain("spec.image");
        _registry.Manifests.ContainsKey("1.0").ShouldBeFalse();
    }

    [Fact]
    public async Task Build_WhenArtifactsAreAskedForAndWritten_Succeeds()
    {
        var attestation = OciSamples.Attestation(Image, artifact: true, OciSamples.Sbom, OciSamples.Provenance);
        var index = OciSamples.Index("arm64", Image, attestation);
        _registry.Add(attestation);
        _registry.Add(index);
        var (result, _) = await BuildAsync(Build() with { Attestations = new AttestationDescription { Format = "artifact" } }, process => Succeed(process, index.Digest));
        result.Failure.ShouldBeNull();
        result.Attestations!.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Build_WhenItIsTraced_HandsTheContextAndNothingElseToBuildctl()
    {
        const string context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        var (_, process) = await BuildAsync(Build() with { TraceParent = context }, Succeed);
        process.Command.Environment["TRACEPARENT"].ShouldBe(context);
        process.Command.Environment.Keys.Order().ShouldBe(["DOCKER_CONFIG", "HOME", "PATH", "TRACEPARENT"]);
    }

    [Fact]
    public async Task Build_WhenAnAttestationIsMissing_TagsNothing()
    {
        var bare = OciSamples.Index("arm64", Image);
        _registry.Add(bare);
        var (result, _) = await BuildAsync(Build() with { Publish = true, Output = Output() with { Tags = ["1.0"] } }, process => Succeed(process, bare.Digest));
        result.Failure!.Reason.ShouldBe(FailureReasons.ResultIncomplete);
        result.Failure.Message.ShouldContain("linux/arm64 has no provenance.");
        _registry.Manifests.ContainsKey("1.0").ShouldBeFalse();
    }

    [Fact]
    public async Task Build_WhenItsTimeIsOver_InterruptsBuildctlAndReports()
    {
        var started = new TaskCompletionSource<FakeProcess>();
        var running = StartAsync(Build() with { TimeoutSeconds = 100 }, process =>
        {
            process.OnInterrupt = () => process.End(1);
            started.SetResult(process);
        }, Token);
        var process = await started.Task;
        _time.Advance(TimeSpan.FromSeconds(100));
        var result = await running;
        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Timeout TimedOut");
        process.Signals.ShouldBe(["INT"]);
        result.DurationSeconds.ShouldBe(100);
    }

    [Fact]
    public async Task Build_WhenTheJobIsToldToEnd_InterruptsBuildctlAndReports()
    {
        using var interrupted = new CancellationTokenSource();
        var started = new TaskCompletionSource<FakeProcess>();
        var running = StartAsync(
            Build(),
            process =>
            {
                process.OnInterrupt = () => process.End(1);
                started.SetResult(process);
            },
            interrupted.Token);
        var process = await started.Task;
        await interrupted.CancelAsync();
        (await running).Failure!.Reason.ShouldBe(FailureReasons.Interrupted);
        process.Signals.ShouldBe(["INT"]);
    }

    [Fact]
    public async Task Build_WhenBuildctlIgnoresTheInterrupt_KillsIt()
    {
        var (started, interrupt) = (new TaskCompletionSource<FakeProcess>(), new TaskCompletionSource());
        var running = StartAsync(Build() with { TimeoutSeconds = 5 }, process =>
        {
            process.OnInterrupt = interrupt.SetResult;
            started.SetResult(process);
        }, Token);
        var process = await started.Task;
        _time.Advance(TimeSpan.FromSeconds(5));
        await interrupt.Task;
        await _time.TimerAsync(TimeSpan.FromSeconds(20));
        _time.Advance(TimeSpan.FromSeconds(20));
        (await running).Failure!.Reason.ShouldBe(FailureReasons.TimedOut);
        process.Signals.ShouldBe(["INT", "KILL"]);
    }

    [Fact]
    public async Task Build_WhenBuildctlIsSilentAndTheBuilderDoesNotAnswer_GivesTheBuilderUpAtTheThirdTime()
    {
        _answers = false;
        var running = StartAsync(Build(), process => process.OnInterrupt = () => process.End(1), Token);
        await _time.TimerAsync(TimeSpan.FromSeconds(10));
        for (var ticks = 0; ticks < 3; ticks++)
        {
            running.IsCompleted.ShouldBeFalse();
            _time.Advance(TimeSpan.FromSeconds(10));
            await _probed.WaitAsync(Token);
        }

        var result = await running;
        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Infrastructure BuilderLost");
        result.DurationSeconds.ShouldBe(30);
    }

    /// <summary>It waits for a builder that never answers again: there is nothing to be ended there.</summary>
    [Fact]
    public async Task Build_WhenTheBuilderIsGoneAndBuildctlIgnoresTheInterrupt_KillsItSoon()
    {
        _answers = false;
        var interrupt = new TaskCompletionSource();
        FakeProcess? buildctl = null;
        var running = StartAsync(Build(), process => (buildctl = process).OnInterrupt = interrupt.SetResult, Token);
        await _time.TimerAsync(TimeSpan.FromSeconds(10));
        for (var ticks = 0; ticks < 3; ticks++)
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            await _probed.WaitAsync(Token);
        }

        await interrupt.Task;
        await _time.TimerAsync(TimeSpan.FromSeconds(3));
        _time.Advance(TimeSpan.FromSeconds(3));
        (await running).Failure!.Reason.ShouldBe(FailureReasons.BuilderLost);
        buildctl!.Signals.ShouldBe(["INT", "KILL"]);
    }

    [Fact]
    public async Task Build_WhenBuildctlSpeaks_AsksNoBuilder()
    {
        _answers = false;
        var started = new TaskCompletionSource<FakeProcess>();
        var running = StartAsync(Build(), started.SetResult, Token);
        var process = await started.Task;
        await _time.TimerAsync(TimeSpan.FromSeconds(10));
        for (var ticks = 0; ticks < 10; ticks++)
        {
            _time.Advance(TimeSpan.FromSeconds(9));
            process.Say(error: $"line {ticks}\n");
            while (!Log().Contains($"line {ticks}", StringComparison.Ordinal)) await Task.Yield();
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Succeed(process);
        (await running).Failure.ShouldBeNull();
        _probed.CurrentCount.ShouldBe(0);
    }

    [Fact]
    public async Task Build_WhenInterrupted_WaitsUntilTheSolveHasEndedOnTheBuilder()
    {
        using var interrupted = new CancellationTokenSource();
        _solving.Enqueue(true);
        var started = new TaskCompletionSource<FakeProcess>();
        var running = StartAsync(
            Build(),
            process =>
            {
                process.OnInterrupt = () =>
                {
                    File.WriteAllText(process.Argument("--ref-file"), "tvj9eona1b0jlbq0tu4bq8oht");
                    process.End(1);
                };
                started.SetResult(process);
            },
            interrupted.Token);
        await started.Task;
        await interrupted.CancelAsync();
        await _time.TimerAsync(TimeSpan.FromSeconds(1));
        running.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(1));
        (await running).Failure!.Reason.ShouldBe(FailureReasons.Interrupted);
        Log().ShouldContain("The solve has ended on farm-linux-arm64-0.");
    }

    [Fact]
    public async Task Build_WhenBuildctlCannotBeStarted_StillHasAResult()
    {
        var (result, _) = await RunAsync(Build(), _ => throw new System.ComponentModel.Win32Exception("no such file"));
        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Unknown Unrecognised");
    }

    [Fact]
    public async Task Publish_WhenBothPlatformsAreThere_TagsTheirMergedIndex()
    {
        var result = await PublishAsync(Amd64(), new PlatformIndex("linux/arm64", Index.Digest));
        result.Failure.ShouldBeNull();
        result.Published.ShouldBeTrue();
        _registry.Manifests["1.0"].Digest.ShouldBe(result.IndexDigest);
        OciIndex.Parse(_registry.Manifests["1.0"].Bytes.Span).Manifests.Count.ShouldBe(4);
        result.Attestations!.Count.ShouldBe(4);
        var puts = _registry.Requests.Where(request => request.StartsWith("PUT", StringComparison.Ordinal)).ToList();
        puts.ShouldBe([$"PUT /v2/team/app/manifests/{result.IndexDigest}", "PUT /v2/team/app/manifests/1.0"]);
    }

    [Fact]
    public async Task Publish_WhenDoneAgain_GivesTheSameDigest()
    {
        PlatformIndex[] platforms = [Amd64(), new("linux/arm64", Index.Digest)];
        (await PublishAsync(platforms)).IndexDigest.ShouldBe((await PublishAsync(platforms)).IndexDigest);
    }

    [Fact]
    public async Task Publish_WhenAPlatformIsAnother_TagsNothing()
    {
        var result = await PublishAsync(new PlatformIndex("linux/amd64", Index.Digest));
        result.Failure!.Message.ShouldContain("linux/amd64 is missing.");
        result.Published.ShouldBeFalse();
        _registry.Manifests.ContainsKey("1.0").ShouldBeFalse();
    }

    [Fact]
    public async Task Publish_WhenSomebodyMovesTheTagMeanwhile_LeavesIt()
    {
        var newer = OciSamples.Image("newer");
        _registry.Fault = context =>
        {
            // Between the look at the tags and the index.
            if (context.Request.Path.Value!.EndsWith(Index.Digest, StringComparison.Ordinal)) _registry.Manifests["1.0"] = newer;
            return Task.FromResult(false);
        };
        var result = await PublishAsync(new PlatformIndex("linux/arm64", Index.Digest));
        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Registry TagMoved");
        result.Failure.Message.ShouldContain("1.0");
        _registry.Manifests["1.0"].Digest.ShouldBe(newer.Digest);
    }

    [Fact]
    public async Task Publish_WhenTheRegistryRefusesTheTag_ReportsItAsConfig()
    {
        _registry.Fault = context =>
        {
            var refused = context.Request.Method == "PUT" && context.Request.Path.Value!.EndsWith("/1.0", StringComparison.Ordinal);
            context.Response.StatusCode = refused ? 403 : 200;
            return Task.FromResult(refused);
        };
        var result = await PublishAsync(new PlatformIndex("linux/arm64", Index.Digest));
        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Config RegistryUnauthorized");
        result.IndexDigest.ShouldBe(Index.Digest);
        result.Published.ShouldBeFalse();
    }

    private OutputDescription Output() => new() { Image = $"{_registry.Host}/team/app", PlainHttp = true };

    private BuildDescription Build() => RunnerSamples.Build with { Output = Output() };

    private PlatformIndex Amd64()
    {
        var image = OciSamples.Image("amd64");
        var attestation = OciSamples.Attestation(image, predicates: [OciSamples.Sbom, OciSamples.Provenance]);
        var index = OciSamples.Index("amd64", image, attestation);
        foreach (var manifest in new[] { image, attestation, index })
        {
            _registry.Add(manifest);
        }

        return new PlatformIndex("linux/amd64", index.Digest);
    }

    private Task<RunResult> PublishAsync(params PlatformIndex[] platforms) =>
        new PublishVerb(_log, _time).RunAsync(new PublishDescription { Platforms = platforms, Output = Output() with { Tags = ["1.0"] } }, Token);

    private static void Succeed(FakeProcess process) => Succeed(process, Index.Digest);

    private static void Succeed(FakeProcess process, string digest)
    {
        File.WriteAllText(process.Argument("--metadata-file"), JsonSerializer.Serialize(new Dictionary<string, string> { ["containerimage.digest"] = digest }));
        process.End(0);
    }

    private Task<RunResult> StartAsync(BuildDescription build, Action<FakeProcess> play, CancellationToken interrupted) =>
        new BuildVerb(new FakeProcesses(play), new GitLookup(new FakeProcesses(play), _log, _time), Probe(), Shared, _time).RunAsync(build, interrupted);

    private async Task<(RunResult Result, FakeProcess Process)> BuildAsync(BuildDescription build, Action<FakeProcess> play)
    {
        var (result, started) = await RunAsync(build, play);
        return (result, started[^1]);
    }

    private async Task<(RunResult Result, List<FakeProcess> Started)> RunAsync(BuildDescription build, Action<FakeProcess> play)
    {
        var processes = new FakeProcesses(play);
        var log = TextWriter.Synchronized(_log);
        var result = await new BuildVerb(processes, new GitLookup(processes, log, _time), Probe(), log, _time).RunAsync(build, Token);
        return (result, processes.Started);
    }

    private IBuilderProbe Probe()
    {
        var probe = _probe;
        probe.ForgetAsync(default!, default).ReturnsForAnyArgs(true);
        probe.AnswersAsync(default!, default).ReturnsForAnyArgs(_ =>
        {
            _probed.Release();
            return Task.FromResult(_answers);
        });
        probe.IsSolvingAsync(default!, default!, default).ReturnsForAnyArgs(_ => _solving.TryDequeue(out var solving) && solving);
        return probe;
    }

    /// <summary>Written while it is read: it locks itself.</summary>
    private TextWriter Shared => field ??= TextWriter.Synchronized(_log);

    private string Log()
    {
        lock (Shared)
        {
            return _log.ToString();
        }
    }
}
