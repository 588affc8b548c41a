using System.Collections.Concurrent;

namespace Slipway.Tests.CrashPoints;

/// <summary>API servers to play on, one at a time each: an operator looks after all namespaces, so two must not share one.</summary>
public sealed class Theatre : IAsyncDisposable
{
    private readonly ConcurrentBag<LocalApiServer> _free = [];

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _free) await server.DisposeAsync();
    }

    /// <summary>From nothing to nothing. Throws where the end is another than the undisturbed run's.</summary>
    internal async Task<(Run Run, T Mortal)> PlayAsync<T>(Scenario scenario, Func<LocalApiServer, Mask, T> mortalOn, Run? undisturbed)
        where T : IMortalOperator
    {
        var server = await TakeAsync();
        try
        {
            var story = await Story.BeginAsync(server);
            var mask = new Mask(story);
            var mortal = mortalOn(server, mask);
            Run run;
            await using (mortal)
            {
                var stage = new Stage(server, story, mask, mortal, undisturbed);
                await scenario.PlayAsync(stage);
                run = await stage.RunAsync();
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

    private async Task<LocalApiServer> TakeAsync()
    {
        if (_free.TryTake(out var free)) return free;
        var server = new LocalApiServer();
        await server.InitializeAsync();
        return server;
    }

    private static void Compare(Run undisturbed, Run run)
    {
        Same("Jobs were created", undisturbed.Jobs, run.Jobs);
        Same("tags were pushed", undisturbed.Pushes, run.Pushes);
        // News may get lost with who would have told it. Twice, or of what has not happened, it is not told.
        Same("events were told", undisturbed.Events.Intersect(run.Events).ToList(), run.Events);
    }

    private static void Same(string what, IReadOnlyList<string> undisturbed, IReadOnlyList<string> run)
    {
        var difference = Difference.BetweenLists(undisturbed, run);
        if (difference.Length > 0) throw new DifferenceException($"Other {what}:\n{difference}");
    }
}
