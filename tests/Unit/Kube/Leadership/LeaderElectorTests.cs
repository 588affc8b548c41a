using System.Text.Json.Nodes;
using Slipway.Kube.Client;
using Slipway.Kube.Leadership;

namespace Slipway.Tests.Unit.Kube.Leadership;

/// <summary>The traps are those of the client library's own elector.</summary>
[Requirement("R20")]
public sealed class LeaderElectorTests : IAsyncLifetime
{
    private const string Path = "/apis/coordination.k8s.io/v1/namespaces/slipway-system/leases";
    private const string Me = "host_1";
    private const string Other = "host_2";

    private static readonly LeaderElectionOptions Options = new() { Lease = new("slipway-system", "slipway"), Identity = Me };
    private static readonly TimeSpan Retry = Options.RetryPeriod;

    private readonly TestClock _clock = new();
    private readonly ListLogger<LeaderElector> _log = new();
    private readonly CancellationTokenSource _stop = new();
    private ScriptedApiServer _server = null!;
    private KubeClient _client = null!;
    private LeaderElector _elector = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await ScriptedApiServer.StartAsync();
        var options = _server.Options();
        options.RequestTimeout = Options.RenewDeadline / 2;
        _client = new KubeClient(options, _clock);
        _elector = new LeaderElector(_client, Options, () => 0, _clock, _log);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _client.Dispose();
        await _server.DisposeAsync();
        _stop.Dispose();
    }

    [Fact]
    public void Options_ByDefault_HaveClientGosTimesAndANameThatNoOtherProcessHas()
    {
        (Options.LeaseDuration.TotalSeconds, Options.RenewDeadline.TotalSeconds, Options.RetryPeriod.TotalSeconds).ShouldBe((15, 10, 2));
        var (one, another) = (new LeaderElectionOptions { Lease = Options.Lease }, new LeaderElectionOptions { Lease = Options.Lease });
        one.Identity.ShouldStartWith($"{Environment.MachineName}_");
        Guid.TryParse(one.Identity[(Environment.MachineName.Length + 1)..], out _).ShouldBeTrue(one.Identity);
        one.Identity.ShouldNotBe(another.Identity);
    }

    [Fact]
    public async Task Acquire_WhenThereIsNoLease_MakesItAndTakesIt()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        await (await NextAsync("GET", $"{Path}/slipway")).FailAsync(404, "NotFound");
        var create = await NextAsync("POST", Path);
        ((string)create.Json["metadata"]!["name"]!).ShouldBe("slipway");
        await create.AnswerAsync(Held("", version: 1), 201);
        var take = await NextAsync("PATCH", $"{Path}/slipway");
        ((string)take.Json["metadata"]!["resourceVersion"]!).ShouldBe("1");
        ((string)take.Json["spec"]!["holderIdentity"]!).ShouldBe(Me);
        ((int)take.Json["spec"]!["leaseDurationSeconds"]!).ShouldBe(15);
        _elector.IsLeader.ShouldBeFalse();
        await take.AnswerAsync(Held(Me, version: 2));
        await acquire.Soon();
        _elector.IsLeader.ShouldBeTrue();
    }

    // A standby that polls costs as much as one that works.
    [Fact]
    public async Task Acquire_WhileSomebodyRenews_WatchesAndAsksNothing()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        var watch = await StandByAsync();
        watch.Query["fieldSelector"].ToString().ShouldBe("metadata.name=slipway");
        for (var renewal = 0; renewal < 20; renewal++)
        {
            _clock.Advance(TimeSpan.FromSeconds(10));
            // By changing holders, since each of those is logged: the silence is counted from the line on, once it has been read.
            await watch.SendAsync("MODIFIED", Held($"host_{renewal + 3}", 11 + renewal));
            await _log.LineAsync($"host_{renewal + 3} ");
        }

        _server.HasMore.ShouldBeFalse();
        acquire.IsCompleted.ShouldBeFalse();
        watch.Finished.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Acquire_WhenTheHolderFallsSilent_LooksAndTakesTheLeaseAfterItsLength()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        var watch = await StandByAsync();
        _clock.Advance(TimeSpan.FromSeconds(15));
        watch.Finished.IsCompleted.ShouldBeFalse();
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held(Other, 10));
        var take = await NextAsync("PATCH", $"{Path}/slipway");
        ((int)take.Json["spec"]!["leaseTransitions"]!).ShouldBe(4);
        await take.AnswerAsync(Held(Me, 11));
        await acquire.Soon();
    }

    // A proxy that ends every watch must not be asked without a pause.
    [Fact]
    public async Task Acquire_WhenTheWatchEndsAtOnce_WaitsBeforeItLooksAgain()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        (await StandByAsync()).Finish();
        await _clock.TimerAsync(TimeSpan.FromSeconds(2));
        _server.HasMore.ShouldBeFalse();
        _clock.Advance(TimeSpan.FromSeconds(2));
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held(Other, 10));
        await _server.NextWatchAsync();
        acquire.IsCompleted.ShouldBeFalse();
    }

    // The watch was dead, not the leader.
    [Fact]
    public async Task Acquire_WhenTheHolderHasRenewedUnseen_GoesOnWaiting()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        await StandByAsync();
        _clock.Advance(TimeSpan.FromSeconds(15.1));
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held(Other, 17, renewed: "later"));
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("17");
        acquire.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Acquire_WhenTheWatchEndsBeforeTheLease_LeavesItAndCountsOn()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        var watch = await StandByAsync();
        _clock.Advance(TimeSpan.FromSeconds(14));
        watch.Finish();
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held(Other, 10));
        var second = await _server.NextWatchAsync();
        _clock.Advance(TimeSpan.FromSeconds(1));
        await (await second.OpenAsync()).SendAsync("MODIFIED", Held("", 11));
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held(Other, 10));
        await (await NextAsync("PATCH", $"{Path}/slipway")).AnswerAsync(Held(Me, 12));
        await acquire.Soon();
    }

    // Without a release every failover waited for the lease's length.
    [Requirement("R20", "kc: no release")]
    [Fact]
    public async Task Acquire_WhenTheLeaseIsGivenBack_TakesItInTheSameMoment()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        var watch = await StandByAsync();
        await watch.SendAsync("MODIFIED", Held("", 11));
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held("", 11));
        await (await NextAsync("PATCH", $"{Path}/slipway")).AnswerAsync(Held(Me, 12));
        await acquire.Soon();
    }

    [Fact]
    public async Task Acquire_WhenAnotherIsQuicker_StandsBy()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held("", 1));
        await (await NextAsync("PATCH", $"{Path}/slipway")).FailAsync(409, "Conflict");
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held(Other, 2));
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("2");
        acquire.IsCompleted.ShouldBeFalse();
    }

    // An exception that was no HttpOperationException escaped, and a 403 was told to nobody.
    [Requirement("R20", "ops#677", "kc: LeaderElector.cs:238", "kc#1467", "kc#1593")]
    [Theory]
    [InlineData(0)]
    [InlineData(403)]
    [InlineData(500)]
    public async Task Acquire_WhenTheServerFails_SaysSoAndTriesAgain(int status)
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        var read = await NextAsync("GET", $"{Path}/slipway");
        if (status == 0) read.Break();
        else await read.FailAsync(status, "Failing", "leases are not for you");
        await _clock.PassAsync(Retry);
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held("", 1));
        _log.Lines.ShouldContain(line => line.Contains("trying again", StringComparison.Ordinal));
        await (await NextAsync("PATCH", $"{Path}/slipway")).AnswerAsync(Held(Me, 2));
        await acquire.Soon();
    }

    // However often and for however long it fails: the same wait, and a share by chance.
    [Requirement("R20", "kc#842", "kc#1599", "kc#1640")]
    [Requirement("R25")]
    [Fact]
    public async Task Acquire_WhenTheServerGoesOnFailing_AsksInAnEvenRhythmSpreadByChance()
    {
        var elector = new LeaderElector(_client, Options, () => 0.5, _clock, _log);
        _ = elector.AcquireAsync(_stop.Token);
        for (var attempt = 0; attempt < 10; attempt++)
        {
            (await NextAsync("GET", $"{Path}/slipway")).Break();
            await _clock.PassAsync(TimeSpan.FromSeconds(2.2));
        }

        await NextAsync("GET", $"{Path}/slipway");
    }

    // Another machine's clock says nothing about how long ago something was.
    [Fact]
    public async Task Acquire_WhenTheRenewTimeIsLongAgo_CountsFromWhenItWasSeen()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held(Other, 10, renewed: "1999-01-01T00:00:00.000000Z"));
        await _server.NextWatchAsync();
        acquire.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Acquire_WhenStopped_EndsAtOnce()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        await StandByAsync();
        await _stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(acquire.Soon());
        await _elector.ReleaseAsync();
        _server.HasMore.ShouldBeFalse();
    }

    [Fact]
    public async Task Hold_WhileItLasts_RenewsEveryTwoSecondsFromTheLastVersion()
    {
        var hold = await LeadAsync();
        for (var version = 2; version < 6; version++)
        {
            var renewal = await NextRenewalAsync();
            ((string)renewal.Json["metadata"]!["resourceVersion"]!).ShouldBe($"{version}");
            renewal.Json["spec"]!.AsObject().Select(field => field.Key).ShouldBe(["renewTime"]);
            await renewal.AnswerAsync(Held(Me, version + 1));
        }

        hold.IsCompleted.ShouldBeFalse();
    }

    // A reset connection dropped leadership at once.
    [Requirement("R20", "kc: LeaderElector.cs:70")]
    [Fact]
    public async Task Hold_WhenAConnectionBreaks_TriesAgainWithinTheDeadline()
    {
        var hold = await LeadAsync();
        (await NextRenewalAsync()).Break();
        (await NextRenewalAsync()).Break();
        await (await NextRenewalAsync()).AnswerAsync(Held(Me, 3));
        await NextRenewalAsync();
        hold.IsCompleted.ShouldBeFalse();
        _elector.IsLeader.ShouldBeTrue();
    }

    // Still the leader after the loss, and the old renewal went on and took the lease again.
    [Requirement("R20", "kc: LeaderElector.cs:42", "kc: LeaderElector.cs:91")]
    [Fact]
    public async Task Hold_WhenNothingGoesThroughForTheDeadline_IsLostForGood()
    {
        var hold = await LeadAsync();
        for (var attempt = 0; attempt < 4; attempt++) (await NextRenewalAsync()).Break();
        await _clock.TimerAsync(Retry);
        _clock.Advance(TimeSpan.FromSeconds(2));
        await Should.ThrowAsync<LeadershipLostException>(hold.Soon());
        _elector.IsLeader.ShouldBeFalse();
        _clock.Advance(TimeSpan.FromMinutes(1));
        await _elector.ReleaseAsync();
        _server.HasMore.ShouldBeFalse();
    }

    // A half-open connection hangs; HttpClient's own timeout is ten times the deadline.
    [Requirement("R20", "kc: HttpClientTimeout")]
    [Fact]
    public async Task Hold_WhenTheServerHangs_IsLostAtTheDeadline()
    {
        var hold = await LeadAsync();
        var first = await NextRenewalAsync();
        _clock.Advance(TimeSpan.FromSeconds(5));
        await first.Finished.Soon();
        await NextRenewalAsync();
        hold.IsCompleted.ShouldBeFalse();
        _clock.Advance(TimeSpan.FromSeconds(1));
        await Should.ThrowAsync<LeadershipLostException>(hold.Soon());
    }

    [Fact]
    public async Task Hold_WhenTheAnswerToARenewalWasLost_GoesOnFromItsVersion()
    {
        var hold = await LeadAsync();
        (await NextRenewalAsync()).Break();
        await (await NextRenewalAsync()).FailAsync(409, "Conflict");
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held(Me, 3));
        ((string)(await NextRenewalAsync()).Json["metadata"]!["resourceVersion"]!).ShouldBe("3");
        hold.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Hold_WhenSomebodyElseHasTheLease_IsLostAtOnce()
    {
        var hold = await LeadAsync();
        await (await NextRenewalAsync()).FailAsync(409, "Conflict");
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held(Other, 3));
        (await Should.ThrowAsync<LeadershipLostException>(hold.Soon())).Message.ShouldContain(Other);
    }

    // A machine that was suspended must not believe that no time has passed.
    [Fact]
    public async Task Hold_WhenTheProcessSleptPastTheDeadline_IsLostWithoutAnotherRenewal()
    {
        var hold = await LeadAsync();
        await _clock.TimerAsync(Retry);
        _clock.Advance(TimeSpan.FromMinutes(10));
        await Should.ThrowAsync<LeadershipLostException>(hold.Soon());
    }

    [Fact]
    public async Task Release_WhenLeading_LeavesALeaseThatAnyoneMayTake()
    {
        var hold = await LeadAsync();
        await _stop.CancelAsync();
        await hold.Soon();
        _elector.IsLeader.ShouldBeTrue("what is under way still counts on it");
        var release = _elector.ReleaseAsync();
        var patch = await NextAsync("PATCH", $"{Path}/slipway");
        ((string)patch.Json["metadata"]!["resourceVersion"]!).ShouldBe("2");
        ((string)patch.Json["spec"]!["holderIdentity"]!).ShouldBe("");
        ((int)patch.Json["spec"]!["leaseDurationSeconds"]!).ShouldBe(1);
        await patch.AnswerAsync(Held("", 3));
        await release.Soon();
        _elector.IsLeader.ShouldBeFalse();
    }

    [Fact]
    public async Task Release_WhenTheServerFailsOrHangs_IsNoReasonToStay()
    {
        await LeadAsync();
        var release = _elector.ReleaseAsync();
        await NextAsync("PATCH", $"{Path}/slipway");
        await _clock.TimerAsync(Retry);
        _clock.Advance(Retry);
        await release.Soon();
    }

    // metav1.MicroTime has a fixed layout; the client library leaves the fraction of a whole second out.
    [Requirement("R18", "kc: MicroTime")]
    [Fact]
    public void MicroTime_WhenTheSecondIsWhole_HasItsSixDigitsAllTheSame() =>
        LeaseSpec.MicroTime(DateTimeOffset.UnixEpoch).ShouldBe("1970-01-01T00:00:00.000000Z");

    private async Task<Task> LeadAsync()
    {
        var acquire = _elector.AcquireAsync(_stop.Token);
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held("", 1));
        await (await NextAsync("PATCH", $"{Path}/slipway")).AnswerAsync(Held(Me, 2));
        await acquire.Soon();
        return _elector.HoldAsync(_stop.Token);
    }

    private async Task<Exchange> StandByAsync()
    {
        await (await NextAsync("GET", $"{Path}/slipway")).AnswerAsync(Held(Other, 10));
        return await (await _server.NextWatchAsync()).OpenAsync();
    }

    private async Task<Exchange> NextRenewalAsync()
    {
        await _clock.PassAsync(Retry);
        return await NextAsync("PATCH", $"{Path}/slipway");
    }

    private async Task<Exchange> NextAsync(string method, string path)
    {
        var request = await _server.NextAsync();
        (request.Method, request.Path).ShouldBe((method, path));
        return request;
    }

    private static JsonObject Held(string holder, int version, string renewed = "then") => new()
    {
        ["metadata"] = new JsonObject { ["name"] = "slipway", ["namespace"] = "slipway-system", ["resourceVersion"] = $"{version}" },
        ["spec"] = new JsonObject
        {
            ["holderIdentity"] = holder,
            ["leaseDurationSeconds"] = holder.Length == 0 ? 1 : 15,
            ["renewTime"] = renewed,
            ["leaseTransitions"] = 3,
        },
    };
}
