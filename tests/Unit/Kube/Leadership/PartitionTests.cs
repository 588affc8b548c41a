using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using CsCheck;
using k8s;
using NSubstitute;
using Slipway.Kube.Client;
using Slipway.Kube.Leadership;

namespace Slipway.Tests.Unit.Kube.Leadership;

/// <summary>Several replicas, and a network that fails some of them for seconds or minutes.</summary>
[Requirement("R20")]
public sealed class PartitionTests
{
    // After a quarter of an hour both led, or neither did.
    [Requirement("R20", "ops#784")]
    [Fact]
    public void Replicas_WhenTheLeaderIsCutOffForFifteenMinutes_HaveOneLeaderThenAndAfterwards()
    {
        using var world = new World(replicas: 2);
        world.Pass(seconds: 5);
        var first = world.Leaders.Single();
        world.CutOff(first, true);
        world.Pass(15 * 60);
        world.Leaders.Single().ShouldNotBe(first);
        world.CutOff(first, false);
        world.Pass(60);
        world.Leaders.Single().ShouldNotBe(first);
    }

    [Fact]
    public void Replicas_WhenTheNetworkFailsAnyOfThem_NeverLeadTwoAtOnceAndAgreeInTheEnd() =>
        Gen.Select(Gen.Int[0, 2], Gen.Bool, Gen.Int[1, 30]).Array[1, 15].Sample(steps =>
        {
            using var world = new World(replicas: 3);
            foreach (var (replica, off, seconds) in steps)
            {
                world.CutOff(replica, off);
                world.Pass(seconds);
            }

            for (var replica = 0; replica < 3; replica++)
            {
                world.CutOff(replica, false);
            }

            world.Pass(30);
            return world.Leaders.Count() == 1;
        }, iter: 30);

    /// <summary>Runs what goes on after an await, one after the other and on the caller's thread: when it returns, everybody waits.</summary>
    private sealed class Pump : SynchronizationContext
    {
        private readonly Queue<(SendOrPostCallback Callback, object? State)> _posted = new();

        public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue((d, state));

        public void Run(Action action)
        {
            var before = Current;
            SetSynchronizationContext(this);
            try
            {
                action();
                while (_posted.TryDequeue(out var next))
                {
                    next.Callback(next.State);
                }
            }
            finally
            {
                SetSynchronizationContext(before);
            }
        }
    }

    /// <summary>One lease, one clock, and replicas that start anew when they have lost it.</summary>
    private sealed class World : IDisposable
    {
        private readonly TestClock _clock = new();
        private readonly Pump _pump = new();
        private readonly CancellationTokenSource _stop = new();
        private readonly LeaderElector[] _electors;
        private readonly bool[] _cutOff;
        private TaskCompletionSource _changed = new();
        private Lease? _lease;
        private int _version;

        public World(int replicas)
        {
            (_electors, _cutOff) = (new LeaderElector[replicas], new bool[replicas]);
            for (var replica = 0; replica < replicas; replica++)
            {
                var started = replica;
                _pump.Run(() => _ = RunAsync(started));
            }
        }

        public IEnumerable<int> Leaders => Enumerable.Range(0, _electors.Length).Where(replica => _electors[replica].IsLeader);

        public void CutOff(int replica, bool off) => _cutOff[replica] = off;

        public void Pass(int seconds)
        {
            for (var second = 0; second < seconds; second++)
            {
                _pump.Run(() => _clock.Advance(TimeSpan.FromSeconds(1)));
                Leaders.Count().ShouldBeLessThan(2);
            }
        }

        public void Dispose()
        {
            _pump.Run(_stop.Cancel);
            _stop.Dispose();
        }

        /// <summary>A process that has lost the lease ends, and another is started in its place.</summary>
        private async Task RunAsync(int replica)
        {
            var client = Client(replica);
            for (var life = 0; !_stop.IsCancellationRequested; life++)
            {
                var options = new LeaderElectionOptions { Lease = new("slipway-system", "slipway"), Identity = $"{replica}_{life}" };
                var elector = _electors[replica] = new LeaderElector(client, options, () => 0, _clock, new ListLogger<LeaderElector>());
                try
                {
                    await elector.AcquireAsync(_stop.Token);
                    await elector.HoldAsync(_stop.Token);
                }
                catch (Exception exception) when (exception is LeadershipLostException or OperationCanceledException)
                {
                }
            }
        }

        private IKubeClient Client(int replica)
        {
            var client = Substitute.For<IKubeClient>();
            client.GetOrDefaultAsync<Lease>(default, default).ReturnsForAnyArgs(_ => Reach(replica, () => _lease));
            client.CreateAsync<Lease>(null!, default).ReturnsForAnyArgs(call => Reach(replica, () => Write(call.Arg<Lease>())));
            client.PatchAsync<Lease>(default, null!, default).ReturnsForAnyArgs(call => Reach(replica, () => Write(Patched(call.Arg<JsonObject>()))));
            client.WatchAsync<Lease>(null!, default).ReturnsForAnyArgs(call => WatchAsync(replica, call.Arg<WatchQuery>()));
            return client;
        }

        private Task<T> Reach<T>(int replica, Func<T> call)
        {
            try
            {
                return _cutOff[replica] ? Task.FromException<T>(new HttpRequestException("cut off")) : Task.FromResult(call());
            }
            catch (KubeApiException refused)
            {
                return Task.FromException<T>(refused);
            }
        }

        private Lease Patched(JsonObject patch)
        {
            if ((string?)patch["metadata"]!["resourceVersion"] != _lease!.Metadata.ResourceVersion)
            {
                throw new KubeApiException(HttpStatusCode.Conflict, "Conflict", "changed");
            }

            var merged = KubeJson.ToNode(_lease);
            var spec = merged["spec"] as JsonObject ?? [];
            foreach (var (name, value) in patch["spec"]!.AsObject())
            {
                spec[name] = value?.DeepClone();
            }

            merged["spec"] = spec.DeepClone();
            return KubernetesJson.Deserialize<Lease>(merged.ToJsonString());
        }

        private Lease Write(Lease lease)
        {
            _lease = KubeJson.Clone(lease);
            _lease.Metadata.ResourceVersion = $"{++_version}";
            var changed = _changed;
            _changed = new TaskCompletionSource();
            changed.SetResult();
            return _lease;
        }

        /// <summary>Who is cut off hears nothing, not even that the connection is dead.</summary>
        private async IAsyncEnumerable<WatchEvent<Lease>> WatchAsync(
            int replica, WatchQuery query, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            var (seen, heard) = (query.ResourceVersion, _clock.GetTimestamp());
            while (true)
            {
                if (!_cutOff[replica] && _lease!.Metadata.ResourceVersion != seen)
                {
                    (seen, heard) = (_lease.Metadata.ResourceVersion, _clock.GetTimestamp());
                    yield return new WatchEvent<Lease>(WatchEventKind.Modified, seen, _lease);
                    continue;
                }

                var left = query.Silence - _clock.GetElapsedTime(heard);
                await _changed.Task.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, _clock, _stop.Token);
            }
        }
    }
}
