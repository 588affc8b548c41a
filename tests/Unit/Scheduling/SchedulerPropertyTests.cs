using CsCheck;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

/// <summary>Whatever happens in whatever order, with stores that lag: no builder gets too much, and nobody is left waiting.</summary>
public sealed class SchedulerPropertyTests
{
    private const int BuildsPerBuilder = 2;
    private const int Builders = 3;
    private const int BuildCount = 8;

    private enum What
    {
        Ask,
        JobShows,
        JobEnds,
        EndShows,
        BuilderBlinks,
        BuilderReplaced,
        BuilderGone,
        PoolLooks,
        Drain,
        Retire,
        Scale,
        Rerun,
        Withdraw,
        Restart,
        TimePasses,
    }

    private static readonly Gen<(What What, int Number)> Event = Gen.Select(Gen.Enum<What>(), Gen.Int[0, BuildCount - 1]);

    [Fact]
    public void Scheduler_WhateverHappens_FillsNoBuilderTooFullAndServesEverybodyAtLast() => Event.Array[1, 120].Sample(events =>
    {
        var world = new World();
        foreach (var (what, number) in events)
        {
            world.Do(what, number);
            world.LoadOfTheFullest().ShouldBeLessThanOrEqualTo(BuildsPerBuilder, $"after {what} {number}");
        }

        world.RunDry();
        world.Unserved().ShouldBeEmpty();
    }, iter: 500);

    /// <summary>
    /// One namespace has every slot and much more to do when others come that have as much. None of them has a warm builder to wait for.
    /// </summary>
    [Fact]
    public void Scheduler_WhenNamespacesWait_GivesEachItsShareOnceTheOldBuildsAreOver() =>
        Gen.Select(Gen.Int[1, 5], Gen.Int[1, 3], Gen.Int[1, Builders], Gen.Int[0, 1000].Array[60]).Sample((spaces, buildsPerBuilder, builders, chances) =>
        {
            var slots = buildsPerBuilder * builders;
            var farm = new Farm(buildsPerBuilder, min: builders, max: builders);
            for (var ordinal = 0; ordinal < builders; ordinal++) farm.BuilderUp(ordinal);
            var running = new List<(string Build, Builder Builder)>();
            for (var number = 0; number < slots; number++) Run($"flood/{number}");
            for (var number = 0; number < 80; number++)
                for (var space = 0; space < spaces; space++) farm.Ask($"team-{space}/{number}", age: 1000 * space);

            foreach (var chance in chances)
            {
                var (build, builder) = running[chance % running.Count];
                running.RemoveAll(run => run.Build == build);
                farm.JobEnded(build, builder);
                farm.Refresh();
                var woken = farm.Builds.Now.Single().ToString();
                farm.Builds.Now.Clear();
                Run(woken);
                if (running.Any(run => run.Build.StartsWith("flood/", StringComparison.Ordinal))) continue;
                for (var space = 0; space < spaces; space++)
                    running.Count(run => run.Build.StartsWith($"team-{space}/", StringComparison.Ordinal)).ShouldBeGreaterThanOrEqualTo(slots / spaces);
            }

            void Run(string build)
            {
                var builder = farm.Ask(build).Builder.ShouldNotBeNull();
                farm.JobSeen(build, builder);
                running.Add((build, builder));
            }
        }, iter: 20);

    /// <summary>What really is, beside what the stores show of it.</summary>
    private sealed class World
    {
        private readonly Farm _farm = new(BuildsPerBuilder);
        private readonly Dictionary<string, Run> _runs = [];
        private readonly HashSet<string> _asking = [];
        private readonly List<string> _done = [];
        private readonly bool[] _ready = new bool[Builders];
        private readonly bool[] _gone = new bool[Builders];
        private readonly string[] _uids = new string[Builders];
        private readonly HashSet<string> _retired = [];
        private int _numbers;

        public World()
        {
            for (var ordinal = 0; ordinal < Builders; ordinal++) _uids[ordinal] = _farm.BuilderUp(ordinal, ready: false);
        }

        public void Do(What what, int number)
        {
            var build = $"team-{number % 2}/app-{number}";
            var run = _runs.GetValueOrDefault(build);
            switch (what)
            {
                case What.Ask when run is null && !_done.Contains(build): Ask(build); break;
                // A pass whose store shows no Job yet asks once more.
                case What.Ask when run is { Shown: false, Ended: false }: _farm.Ask(build).Builder?.Uid.ShouldBe(run.Builder.Uid, "the same grant"); break;
                case What.JobShows when run is { Shown: false }: Show(build, run); break;
                case What.JobEnds when run is { Ended: false }: run.Ended = true; break;
                // Shown or not before: a short Job may be over when a store first shows it.
                case What.EndShows when run is not null: ShowEnd(build, run); break;
                case What.PoolLooks: _farm.Refresh(); break;
                case What.Drain: Drain(number); break;
                case What.Retire: Retire(number % Builders); break;
                case What.Scale: Scale(min: number % 2, max: 1 + number % Builders); break;
                case What.Rerun when _done.Count > 0: Rerun(); break;
                case What.BuilderBlinks: Blink(number % Builders); break;
                case What.BuilderReplaced when _runs.Values.All(all => all.Shown): Replace(number % Builders); break;
                case What.BuilderGone when _runs.Values.All(all => all.Shown): Remove(number % Builders); break;
                case What.Withdraw: Withdraw(build); break;
                // It must see every Job that there is: informers list before the first pass.
                case What.Restart when _runs.Values.All(all => all.Shown): Restart(); break;
                case What.TimePasses when _runs.Values.All(all => all.Shown): Pass(TimeSpan.FromSeconds(20)); break;
                default: break;
            }

            Serve();
        }

        public int LoadOfTheFullest() => _runs.Values.Where(run => !run.Ended).GroupBy(run => run.Builder.Uid).Select(group => group.Count()).DefaultIfEmpty(0).Max();

        public IEnumerable<string> Unserved() => _asking.Except(_runs.Keys);

        /// <summary>No news but good ones: builders get ready, Jobs show and end.</summary>
        public void RunDry()
        {
            Drain(0);
            Scale(min: 1, max: 1);
            for (var ordinal = 0; ordinal < Builders; ordinal++)
            {
                if (_gone[ordinal] || _retired.Contains(_uids[ordinal])) Replace(ordinal);
                if (!_ready[ordinal]) Blink(ordinal);
            }

            for (var round = 0; round < 2 * BuildCount; round++)
            {
                foreach (var (build, run) in _runs.ToList())
                {
                    run.Ended = true;
                    ShowEnd(build, run);
                }

                Pass(Lane.GrantExpiry);
                Serve();
            }
        }

        private void Ask(string build)
        {
            _asking.Add(build);
            Create(build, _farm.Ask(build));
        }

        /// <summary>Of the one that ended last: the pool may not have been looked at since.</summary>
        private void Rerun()
        {
            var build = _done[^1];
            _done.RemoveAt(_done.Count - 1);
            Ask(build);
        }

        /// <summary>Who is woken asks again, as its reconciler does; a grant becomes a Job at once.</summary>
        private void Serve()
        {
            while (_farm.Builds.Now.Count > 0)
            {
                var key = _farm.Builds.Now[0];
                _farm.Builds.Now.RemoveAt(0);
                var build = key.ToString();
                if (_asking.Contains(build) && !_runs.ContainsKey(build)) Create(build, _farm.Ask(build));
            }
        }

        private void Create(string build, SlotAnswer answer)
        {
            if (answer.Builder is not { } builder) return;
            _retired.ShouldNotContain(builder.Uid, "it takes none any more");
            _runs[build] = new Run(builder, _numbers++);
            _asking.Remove(build);
        }

        /// <summary>The pool's own pass comes when it comes: a build may ask before it.</summary>
        private void Show(string build, Run run)
        {
            run.Shown = true;
            _farm.JobSeen(build, run.Builder, run: run.Number);
        }

        private void ShowEnd(string build, Run run)
        {
            _farm.JobEnded(build, run.Builder, run: run.Number);
            _runs.Remove(build);
            _done.Add(build);
        }

        private void Blink(int ordinal)
        {
            if (_gone[ordinal]) return;
            _ready[ordinal] = !_ready[ordinal];
            _farm.SetReady(ordinal, _ready[ordinal]);
            _farm.Refresh();
        }

        private void Remove(int ordinal)
        {
            _gone[ordinal] = true;
            _farm.BuilderGone(ordinal);
            _farm.Refresh();
        }

        private void Replace(int ordinal)
        {
            _gone[ordinal] = false;
            _uids[ordinal] = _farm.BuilderUp(ordinal, ready: _ready[ordinal]);
            _farm.Refresh();
        }

        /// <summary>Each bit is a builder.</summary>
        private void Drain(int builders) =>
            _farm.Scheduler.Drain(Farm.PoolKey, Farm.Amd64, _uids.Where((_, ordinal) => (builders & (1 << ordinal)) != 0).ToHashSet());

        private void Retire(int ordinal)
        {
            var uid = _uids[ordinal];
            if (!_farm.Scheduler.TryRetire(Farm.PoolKey, Farm.Amd64, uid)) return;
            _runs.Values.ShouldNotContain(run => !run.Ended && run.Builder.Uid == uid, "it has a build");
            _retired.Add(uid);
        }

        private void Scale(int min, int max)
        {
            _farm.Change(platform => platform with { Replicas = new() { Min = min, Max = max } });
            _farm.Refresh();
        }

        private void Withdraw(string build)
        {
            _asking.Remove(build);
            _farm.Scheduler.Withdraw(Farm.Key(build));
        }

        /// <summary>Every build has a pass after a start. Who is retired is not written down: the pools' controller asks anew.</summary>
        private void Restart()
        {
            _farm.Restart();
            _retired.Clear();
            foreach (var build in _asking.ToList()) Ask(build);
        }

        private void Pass(TimeSpan time)
        {
            _farm.Time.Advance(time);
            _farm.Refresh();
        }
    }

    private sealed class Run(Builder builder, int number)
    {
        public Builder Builder => builder;

        public int Number => number;

        public bool Shown { get; set; }

        public bool Ended { get; set; }
    }
}
