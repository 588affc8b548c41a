using Slipway.Api;
using Slipway.Builds;

namespace Slipway.Tests.E2E.Faults;

/// <summary>
/// Ten moments in the life of a build of all platforms, as the API server's watches and the registry's record tell them. A build that
/// comes late to its moment waits before its push until its turn has come.
/// </summary>
internal sealed class BuildMoments(Fault fault, IReadOnlyList<string> platforms, Recording<V1Alpha1ImageBuild> builds, string gitUrl)
{
    /// <summary>At recordings in memory.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    public IReadOnlyList<BuildMoment> All() =>
    [
        Passing("created", Inline, _ => true),
        Passing("seen by the operator", Inline, build => StatusOf(build)?.Phase is not null),
        Passing("prepare Job created", Git, build => fault.Jobs.Of(build, JobRoles.Prepare).Count > 0),
        Passing("commit known", Git, build => StatusOf(build)?.Commit is not null),
        Passing("first Job created", Inline, build => fault.Jobs.Of(build, JobRoles.Build).Count > 0),
        Held("building", null, build => CountOf(build, PlatformPhases.Building) == platforms.Count),
        Held("one platform done", SecondPush, build => CountOf(build, PlatformPhases.Succeeded) == 1),
        Held("last build Job done", NoMore, build => fault.Jobs.Of(build, JobRoles.Build).All(HasSucceeded)),
        Held("publish Job puts the tag", Tag, build => StatusOf(build)?.Phase == Phases.Publishing),
        Held("tag put", NoMore, build => fault.Registry.Requests.Any(request => request.Method == "PUT" && request.Outcome == "201" && request.Path.EndsWith($"/{build}/manifests/1", StringComparison.Ordinal))),
    ];

    /// <summary>What is known of a build now.</summary>
    public string Describe(string build)
    {
        var status = StatusOf(build);
        var phases = (status?.Platforms ?? []).Select(platform => $"{platform.Platform} {platform.Phase}");
        var jobs = fault.Jobs.Jobs.Where(job => job.Owner?.Name == build).Select(job => $"{job.Role} {job.Platform}{(HasSucceeded(job) ? " done" : "")}");
        return $"phase {status?.Phase ?? "not set"}; platforms [{string.Join(", ", phases)}]; Jobs [{string.Join(", ", jobs)}]";
    }

    private static RegistryRule? NoMore(string build, Func<Task> gate) => null;

    private static RegistryRule SecondPush(string build, Func<Task> gate) => new("second platform held back", "PUT", $"/{build}/manifests/sha256", ProxiedCall.WaitsFor(gate)) { After = 1 };

    private static RegistryRule Tag(string build, Func<Task> gate) => new("tag held back", "PUT", $"/{build}/manifests/1$", ProxiedCall.WaitsFor(gate));

    private BuildMoment Passing(string name, Func<string, V1Alpha1ImageBuild> make, Func<string, bool> isThere)
    {
        var build = BuildOf(name);
        return new BuildMoment
        {
            Name = name,
            Build = build,
            CreateAsync = () => fault.Tenant.CreateAsync(make(build)),
            ArriveAsync = () => UntilAsync(name, () => isThere(build)),
        };
    }

    /// <summary>Held before its push until its turn has come, and in its moment, by the further rule, until the strike is over.</summary>
    private BuildMoment Held(string name, Func<string, Func<Task>, RegistryRule?>? further, Func<string, bool> isThere)
    {
        var build = BuildOf(name);
        var (pushes, moment) = (new ManualGate(), new ManualGate());
        var push = new RegistryRule("held back", "POST", $"/{build}/blobs/uploads/", ProxiedCall.WaitsFor(() => pushes.Opened));
        var later = further?.Invoke(build, () => moment.Opened);
        return new BuildMoment
        {
            Name = name,
            Build = build,
            IsHeld = true,
            CreateAsync = async () =>
            {
                fault.Registry.Add(push);
                if (later is not null) fault.Registry.Add(later);
                await fault.Tenant.CreateAsync(Inline(build));
            },
            ArriveAsync = async () =>
            {
                await UntilAsync($"{name}: every platform waits before its push", () => push.Taken >= platforms.Count);
                if (further is not null) pushes.Open();
                await UntilAsync(name, () => (later is null || later.Taken > 0) && isThere(build));
            },
            GoOn = () =>
            {
                pushes.Open();
                moment.Open();
            },
        };
    }

    private static string BuildOf(string moment) => moment.ToLowerInvariant().Replace(' ', '-');

    private V1Alpha1ImageBuild Inline(string build) => Fault.Without(fault.Tenant.Inline(build, $"FROM scratch\nLABEL build={fault.Tenant.Name}/{build}\nCOPY Dockerfile /\n", [.. platforms]));

    private V1Alpha1ImageBuild Git(string build) => Fault.Without(fault.Tenant.Git(build, gitUrl, "main", [.. platforms]));

    private ImageBuildStatus? StatusOf(string build) => builds.Seen.LastOrDefault(seen => seen.Object.Metadata.Name == build)?.Object.Status;

    private int CountOf(string build, string phase) => StatusOf(build)?.Platforms?.Count(platform => platform.Phase == phase) ?? 0;

    private static bool HasSucceeded(WatchedJob job) => job.Job.Status?.Conditions?.Any(condition => condition.Type == "Complete" && condition.Status == "True") ?? false;

    private static Task UntilAsync(string moment, Func<bool> isThere) => Wait.UntilAsync(moment, Fault.Patience, () => Task.FromResult(isThere()), there => there, Pause);
}
