using System.Globalization;
using k8s.Models;
using Slipway.Api;

namespace Slipway.Tests.E2E.Faults;

/// <summary>The processes of one RUN step on its builder, and what the API server is told of the step's build meanwhile.</summary>
internal sealed class StepWatch : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly Fault _fault;
    private readonly WatchedJob _job;
    private readonly V1Pod _builder;
    private readonly string _marker;
    private readonly IReadOnlyList<int> _ids;
    private readonly Recording<V1Alpha1ImageBuild> _builds;

    private StepWatch(Fault fault, WatchedJob job, V1Pod builder, string marker, Recording<V1Alpha1ImageBuild> builds)
    {
        (_fault, _job, _builder, _marker, _builds) = (fault, job, builder, marker, builds);
        _ids = PodProcesses.Of(builder, Words);
    }

    private string[] Words => [$"sleep {_marker}", $"sleep\0{_marker}"];

    /// <summary>More seconds than any test has, and a part that no other step has.</summary>
    public static string ForEver() => string.Create(CultureInfo.InvariantCulture, $"100000.{Random.Shared.Next(100_000, 1_000_000)}");

    /// <summary>So many seconds, and a part that no other step has.</summary>
    public static string Seconds(int seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds}.{Random.Shared.Next(100_000, 1_000_000)}");

    /// <summary>From the middle of the step on.</summary>
    public static async Task<StepWatch> StartAsync(ClusterFixture fixture, Fault fault, WatchedJob job, string marker)
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("Looks at the node's processes: local cluster only.");
        var builder = await fault.BuilderAsync(job);
        var step = new StepWatch(fault, job, builder, marker, await Recording<V1Alpha1ImageBuild>.StartAsync(fixture.Client, fault.Tenant.Name));
        fault.Evidence.AddSeen($"/proc, of pod {builder.Metadata.Name}, in the step", PodProcesses.Lines(builder, step.Words), marker);
        return step;
    }

    /// <summary>The processes are gone within 30 s, and that before status says so of the build; returns the API server's revision of that.</summary>
    public async Task<long> ShouldEndBeforeAsync(string build, string isWhat, Func<ImageBuildStatus, bool> isSo)
    {
        await Wait.UntilAsync("the step's processes are gone", Limit, () => Task.FromResult(_ids.Where(IsThere).ToList()), there => there.Count == 0, Pause);
        var gone = TimeProvider.System.GetUtcNow();
        Seen<V1Alpha1ImageBuild>? Look() => _builds.Seen.FirstOrDefault(seen => seen.Object.Metadata.Name == build && seen.Object.Status is { } status && isSo(status));
        await Wait.UntilAsync($"{build} is {isWhat}", Fault.Patience, () => Task.FromResult(Look()?.Revision), revision => revision is not null);

        _fault.Evidence.Add($"/proc, of pod {_builder.Metadata.Name}", string.Create(CultureInfo.InvariantCulture, $"{gone:HH:mm:ss.fff}: {PodProcesses.Lines(_builder, Words).Count} processes of the step"));
        _fault.Evidence.Add("the API server's watch of the build", _builds.Seen.Where(seen => seen.Object.Metadata.Name == build).Select(Line));
        gone.ShouldBeLessThan(Look()!.At);
        return Look()!.Revision;
    }

    /// <summary>The same, and the Job is gone, too.</summary>
    public async Task ShouldEndWithItsJobBeforeAsync(string build, string isWhat, Func<ImageBuildStatus, bool> isSo)
    {
        var revision = await ShouldEndBeforeAsync(build, isWhat, isSo);
        long? Gone() => _fault.Jobs.Jobs.Single(job => job.Uid == _job.Uid).Gone;
        await Wait.UntilAsync($"Job {_job.Name} is gone", Limit, () => Task.FromResult(Gone()), gone => gone is not null);

        _fault.Evidence.Add("the API server's watch of the Jobs", _fault.Jobs.Lines());
        Gone()!.Value.ShouldBeLessThan(revision);
    }

    public ValueTask DisposeAsync() => _builds.DisposeAsync();

    /// <summary>Whoever has the number later is another.</summary>
    private bool IsThere(int id) => PodProcesses.Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}"), "cmdline").Contains(_marker, StringComparison.Ordinal);

    private static string Line(Seen<V1Alpha1ImageBuild> seen)
    {
        var ready = seen.Object.Status?.Conditions?.FirstOrDefault(condition => condition.Type == Conditions.Ready);
        return string.Create(CultureInfo.InvariantCulture,
            $"{seen.At:HH:mm:ss.fff} revision {seen.Revision}: generation {seen.Object.Metadata.Generation}, observed {seen.Object.Status?.ObservedGeneration}, {seen.Object.Status?.Phase}, Ready={ready?.Status} {ready?.Reason}");
    }
}
