using Microsoft.Extensions.Time.Testing;
using Slipway.Api;
using Slipway.Scheduling;
using Slipway.Tests.Unit.Pools;

namespace Slipway.Tests.Unit.Scheduling;

public sealed class CircuitsTests
{
    private static readonly PoolPlatform Platform = new()
    {
        Platform = Farm.Arm64,
        Endpoints = [Endpoint("tcp://arm-1.example.com:1234"), Endpoint("tcp://[2001:db8::7]:4321")],
    };

    private readonly FakeCluster _seen = new();
    private readonly FakeTimeProvider _time = new(PoolWorld.Now);
    private readonly Wakes<V1Alpha1BuilderPool> _pools = new();
    private readonly V1Alpha1BuilderPool _pool = PoolWorld.Pool(Platform);
    private readonly Circuits _circuits;

    public CircuitsTests()
    {
        _seen.Put(_pool);
        _circuits = new Circuits(new FakeStore<V1Alpha1BuilderPool>(_seen), _pools, _time);
    }

    [Fact]
    public void Builders_OfEndpoints_AreAsTheSpecNamesThem()
    {
        var builders = Builders();

        builders.Select(builder => (builder.Name, builder.Ordinal, builder.Address, builder.ServerName)).ShouldBe(
        [
            ("arm-1.example.com:1234", 0, "tcp://arm-1.example.com:1234", "arm-1.example.com"),
            ("[2001:db8::7]:4321", 1, "tcp://[2001:db8::7]:4321", "2001:db8::7"),
        ]);
        builders.ShouldAllBe(builder => builder.Ready && !builder.Draining && builder.Mode == "External" && builder.ClientSecret == "client" && builder.Room == null);
    }

    [Fact]
    public void Uids_OfEndpoints_AreTheSameAsLongAsPoolPlatformAndAddressAre()
    {
        var moved = Platform with { Endpoints = [.. Platform.Endpoints!.Reverse()], BuildsPerBuilder = 7 };
        var uids = Builders().Select(builder => builder.Uid).ToList();

        Endpoints.Of(_pool, moved).Select(builder => builder.Uid).ShouldBe(Enumerable.Reverse(uids));
        Endpoints.Of(_pool, Platform with { Platform = Farm.Amd64 }).Select(builder => builder.Uid).ShouldNotContain(uid => uids.Contains(uid));
        var other = PoolWorld.Pool(Platform);
        other.Metadata.Uid = "another";
        Endpoints.Of(other, Platform).Select(builder => builder.Uid).ShouldNotContain(uid => uids.Contains(uid));
    }

    // Nothing holds a spec to the schema before the operator has validated it.
    [Theory]
    [InlineData("")]
    [InlineData("arm-1.example.com")]
    [InlineData("tcp://arm-1.example.com")]
    [InlineData("tcp://arm-1.example.com:70000")]
    public void Builders_OfWhatIsNoAddress_AreNone(string address) =>
        Endpoints.Of(_pool, Platform with { Endpoints = [Endpoint(address)] }).ShouldBeEmpty();

    [Fact]
    public void Report_OfABuilderThatWasNotReached_TakesItOutAndWakesThePool()
    {
        Report(0, "job-1", reached: false);

        Builders().Select(builder => builder.Ready).ShouldBe([false, true]);
        _pools.Now.ShouldBe([Farm.PoolKey]);
        _circuits.NextTry(Farm.PoolKey, Farm.Arm64).ShouldBe(_time.GetUtcNow() + TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void Builders_OnceTheTimeIsOver_HaveRoomForOneBuildUntilItsResultIsKnown()
    {
        Report(0, "job-1", reached: false);
        _time.Advance(TimeSpan.FromSeconds(30));

        var tried = Builders()[0];
        (tried.Ready, tried.Room).ShouldBe((true, 1));

        Report(0, "job-2", reached: true);
        (Builders()[0].Ready, Builders()[0].Room).ShouldBe((true, null));
    }

    // A pass that could not write its status sees the same Job end again.
    [Fact]
    public void Report_OfTheSameJobAgain_CountsOnce()
    {
        Report(0, "job-1", reached: false);
        _time.Advance(TimeSpan.FromSeconds(30));
        Report(0, "job-1", reached: false);

        (Builders()[0].Ready, Builders()[0].Room).ShouldBe((true, 1));
        _pools.Now.Count.ShouldBe(1);
    }

    [Fact]
    public void Report_OfTheSameSuccessAgain_DoesNotHideALaterFailure()
    {
        Report(0, "job-1", reached: true);
        Report(0, "job-2", reached: false);
        Report(0, "job-1", reached: true);

        Builders()[0].Ready.ShouldBeFalse();
    }

    [Fact]
    public void Report_OfABuilderThatIsAPod_ChangesNothing()
    {
        _circuits.Report(new JobOutcome(Farm.PoolKey, Farm.Arm64, "uid-of-a-pod", "job-1", Reached: false));

        Builders().ShouldAllBe(builder => builder.Ready);
        _pools.Now.ShouldBeEmpty();
    }

    [Fact]
    public void Report_OfABuilderThatAnswered_WakesNobody()
    {
        Report(0, "job-1", reached: true);

        _pools.Now.ShouldBeEmpty();
    }

    [Fact]
    public void Builders_AfterTheEndpointWasTakenOutAndAnotherFailed_ComeBackAsNew()
    {
        Report(0, "job-1", reached: false);
        _seen.Put(_pool with { Spec = _pool.Spec with { Platforms = [Platform with { Endpoints = [Platform.Endpoints![1]] }] } });
        Report(1, "job-2", reached: false);
        _seen.Put(_pool);

        Builders().Select(builder => builder.Ready).ShouldBe([true, false]);
    }

    private static PoolEndpoint Endpoint(string address) => new() { Address = address, TlsSecretRef = new LocalReference { Name = "client" } };

    private IReadOnlyList<Builder> Builders() => _circuits.Builders(_pool, Platform);

    private void Report(int endpoint, string job, bool reached) =>
        _circuits.Report(new JobOutcome(Farm.PoolKey, Farm.Arm64, Builders()[endpoint].Uid, job, reached));
}
