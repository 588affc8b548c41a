using System.Collections.Concurrent;

[assembly: AssemblyFixture(typeof(Slipway.Tests.CrashPoints.Theatre))]

namespace Slipway.Tests.CrashPoints;

/// <summary>API servers to play on, one scenario at a time each: an operator looks after all namespaces, so two must not share one.</summary>
public sealed class Theatre : IAsyncDisposable
{
    /// <summary>Plays at once, of all tests, on two cores; half of a play is waiting.</summary>
    private const int Lanes = 3;

    private const int Attempts = 4;

    private readonly ConcurrentBag<LocalApiServer> _free = [];
    private readonly ConcurrentDictionary<Scenario, Lazy<Task<Undisturbed>>> _undisturbed = [];
    private readonly SemaphoreSlim _lanes = new(Lanes);
    private readonly SemaphoreSlim _starting = new(1);

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _free) await server.DisposeAsync();
        _lanes.Dispose();
        _starting.Dispose();
    }

    /// <summary>
    /// Without a crash. Played twice: what is not the same in both is not for a crash to change, and a write that is not in both is none
    /// to die at.
    /// </summary>
    internal Task<Undisturbed> UndisturbedAsync(Scenario scenario) => _undisturbed.GetOrAdd(scenario, _ => new(async () =>
    {
        var (first, one) = await PlayAsync(scenario, (server, mask) => new MortalOperator(server, mask, scenario.KeepSucceeded), undisturbed: null);
        var (_, other) = await PlayAsync(scenario, (server, mask) => new MortalOperator(server, mask, scenario.KeepSucceeded), first);
        return new Undisturbed(first, [.. one.Sites.Intersect(other.Sites)]);
    })).Value;

    /// <summary>
    /// From nothing to nothing. Two changes of a pool may make one status or two, so a run that never came to the operator's death is
    /// played again.
    /// </summary>
    internal async Task<Outcome> OutcomeAsync<T>(Scenario scenario, Func<LocalApiServer, Mask, T> mortalOn)
        where T : IMortalOperator
    {
        var undisturbed = await UndisturbedAsync(scenario);
        try
        {
            for (var attempt = 1; attempt <= Attempts; attempt++)
            {
                var (_, mortal) = await PlayAsync(scenario, mortalOn, undisturbed.Run);
                if (mortal.Life == 2) return new Outcome(Died: true);
            }

            return new Outcome(Died: false);
        }
        catch (Exception different) when (different is DifferenceException or InvalidOperationException)
        {
            return new Outcome(Died: true, different.Message);
        }
    }

    private async Task<(Run Run, T Mortal)> PlayAsync<T>(Scenario scenario, Func<LocalApiServer, Mask, T> mortalOn, Run? undisturbed)
        where T : IMortalOperator
    {
        await _lanes.WaitAsync();
        try
        {
            return await PlayAsync(await TakeAsync(), scenario, mortalOn, undisturbed);
        }
        finally
        {
            _lanes.Release();
        }
    }

    private async Task<(Run Run, T Mortal)> PlayAsync<T>(LocalApiServer server, Scenario scenario, Func<LocalApiServer, Mask, T> mortalOn, Run? undisturbed)
        where T : IMortalOperator
    {
        try
        {
            var story = await Story.BeginAsync(server);
            var mask = new Mask(story);
            var mortal = mortalOn(server, mask);
            await using var statuses = await StatusWatch.StartAsync(server.Client);
            Run run;
            await using (mortal)
            {
                var stage = new Stage(server, story, mask, mortal, undisturbed);
                await scenario.PlayAsync(stage);
                run = await stage.RunAsync();
                await statuses.CheckAsync();
            }

            if (undisturbed is not null) Compare(undisturbed, run);
            _free.Add(server);
            return (run, mortal);
        }
        catch
        {
            // What is left there would be in the way of the next.
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>One starts at a time: the first may have to compile what it starts.</summary>
    private async Task<LocalApiServer> TakeAsync()
    {
        if (_free.TryTake(out var free)) return free;
        await _starting.WaitAsync();
        try
        {
            var server = new LocalApiServer();
            await server.InitializeAsync();
            return server;
        }
        finally
        {
            _starting.Release();
        }
    }

    private static void Compare(Run undisturbed, Run run)
    {
        Same("Jobs were created", undisturbed.Jobs, run.Jobs);
        Same("tags were pushed", undisturbed.Pushes, run.Pushes);
        // News may get lost with who would have told it. Twice, or of what has not happened, it is not told.
        Same("events were told", [], Difference.Surplus(undisturbed.Events, run.Events));
    }

    private static void Same(string what, IReadOnlyList<string> undisturbed, IReadOnlyList<string> run)
    {
        var difference = Difference.BetweenLists(undisturbed, run);
        if (difference.Length > 0) throw new DifferenceException($"Other {what}:\n{difference}");
    }
}

/// <summary>What a scenario comes to without a crash, and the operator's writes on the way.</summary>
internal sealed record Undisturbed(Run Run, IReadOnlyList<CallSite> Sites);

/// <summary>What came of a crash: whether there was one at all, and the difference that it made, if any.</summary>
internal sealed record Outcome(bool Died, string? Difference = null)
{
    public override string ToString() => Difference is not null ? "DIFFERENT" : Died ? "no difference" : "not come to";
}
