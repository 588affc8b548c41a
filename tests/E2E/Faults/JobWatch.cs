using System.Globalization;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube.Client;

namespace Slipway.Tests.E2E.Faults;

/// <summary>One Job that the API server ever told of.</summary>
internal sealed record WatchedJob(V1Job Job, long Created, long? Gone)
{
    public string Uid => Job.Metadata.Uid;

    public string Name => Job.Metadata.Name;

    /// <summary>The revision in which it is said to be over; null where it is not.</summary>
    public long? Ended { get; init; }

    /// <summary>The ImageBuild's name and uid; null where nobody owns it.</summary>
    public V1OwnerReference? Owner => Job.Metadata.OwnerReferences?.FirstOrDefault();

    public string BuildKey => Job.Metadata.Labels[SlipwayApi.BuildKeyLabel];

    public string Role => Job.Metadata.Labels[SlipwayApi.RoleLabel];

    /// <summary>Null where the Job is not of one platform.</summary>
    public string? Platform => Role == JobRoles.Build ? Job.Metadata.Annotations[SlipwayApi.PlatformAnnotation] : null;

    public string? Builder => Job.Metadata.Labels.TryGetValue(SlipwayApi.BuilderLabel, out var builder) ? builder : null;

    /// <summary>As the Job says itself, 1 for the first.</summary>
    public int Attempt => SlipwayApi.AttemptOf(Job.Metadata.Annotations);
}

/// <summary>
/// Every Job of one namespace, from before its first build on: none may be there that the builds' statuses do not account for.
/// </summary>
internal sealed class JobWatch : IAsyncDisposable
{
    private readonly Recording<V1Job> _recording;

    private JobWatch(Recording<V1Job> recording) => _recording = recording;

    /// <summary>By their creation.</summary>
    public IReadOnlyList<WatchedJob> Jobs =>
    [
        .. _recording.Seen.GroupBy(seen => seen.Object.Metadata.Uid)
            .Where(versions => versions.First().Object.Metadata.Labels?.ContainsKey(SlipwayApi.RoleLabel) ?? false)
            .Select(versions => new WatchedJob(versions.Last().Object, versions.First().Revision, versions.FirstOrDefault(seen => seen.Kind == WatchEventKind.Deleted)?.Revision)
            {
                Ended = versions.FirstOrDefault(seen => EndOf(seen.Object) is not null)?.Revision,
            })
            .OrderBy(job => job.Created),
    ];

    /// <summary>In all namespaces where there is none given.</summary>
    public static async Task<JobWatch> StartAsync(IKubeClient client, string? space, string? selector = null) => new(await Recording<V1Job>.StartAsync(client, space, selector));

    public IReadOnlyList<WatchedJob> Of(string build, string role, string? platform = null) =>
        [.. Jobs.Where(job => job.Owner?.Name == build && job.Role == role && (platform is null || job.Platform == platform))];

    /// <summary>A line for each Job.</summary>
    public IEnumerable<string> Lines() => Jobs.Select(job => string.Create(CultureInfo.InvariantCulture,
        $"revision {job.Created}: Job {job.Name} ({job.Uid[..8]}), {job.Role} {job.Platform} of {job.Owner?.Name}{(job.Gone is { } gone ? $", gone at revision {gone}" : "")}"));

    /// <summary>A line for every Job that none of these builds' statuses accounts for, and for every retry that no Job made.</summary>
    public IReadOnlyList<string> Unexplained(IEnumerable<V1Alpha1ImageBuild> builds)
    {
        var jobs = Jobs;
        return [.. builds.SelectMany(build => Unexplained(build, [.. jobs.Where(job => IsOf(build, job))]))];
    }

    /// <summary>Complete or Failed; null while it lives.</summary>
    public static string? EndOf(V1Job job) => job.Status?.Conditions?.FirstOrDefault(condition => condition.Type is "Complete" or "Failed" && condition.Status == "True")?.Type;

    public ValueTask DisposeAsync() => _recording.DisposeAsync();

    private static bool IsOf(V1Alpha1ImageBuild build, WatchedJob job) =>
        job.Owner?.Uid == build.Metadata.Uid && build.Status?.BuildKey?.StartsWith(job.BuildKey, StringComparison.Ordinal) is true;

    /// <summary>Attempt n+1 of a role and platform is there because attempt n is among those that failed.</summary>
    private static IEnumerable<string> Unexplained(V1Alpha1ImageBuild build, IReadOnlyList<WatchedJob> jobs)
    {
        var failed = build.Status?.FailedAttempts ?? [];
        foreach (var attempts in jobs.GroupBy(job => (job.Role, job.Platform)))
        {
            var number = 0;
            foreach (var job in attempts)
            {
                number++;
                if (job.Attempt != number) yield return $"{Name(build, job)} says that it is attempt {job.Attempt}, and is the {number}. that was created";
                if (number > 1 && !failed.Any(before => (before.Role, before.Platform, before.Attempt) == (job.Role, job.Platform, number - 1)))
                    yield return $"{Name(build, job)} is attempt {number}, and status has no failed attempt {number - 1}";
            }
        }

        foreach (var lost in failed.Where(lost => !jobs.Any(job => (job.Role, job.Platform, (int?)job.Attempt) == (lost.Role, lost.Platform, lost.Attempt))))
            yield return $"{build.Metadata.NamespaceProperty}/{build.Metadata.Name} has a failed attempt {lost.Attempt} of {lost.Role} {lost.Platform} that no Job was";
    }

    private static string Name(V1Alpha1ImageBuild build, WatchedJob job) => $"{build.Metadata.NamespaceProperty}/{build.Metadata.Name}: Job {job.Name} ({job.Role} {job.Platform}, uid {job.Uid})";
}
