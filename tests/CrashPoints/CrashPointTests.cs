using System.Collections.Concurrent;
using System.Reflection;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube.Controllers;
using Slipway.Pools;

namespace Slipway.Tests.CrashPoints;

/// <summary>The operator dies at a write of its own and comes back: the end is that of a run without a crash.</summary>
public sealed class CrashPointTests(Theatre theatre)
{
    /// <summary>A pool's status that only chance brings, twice in a row when the scenario was rehearsed, and never again. More of them would be holes.</summary>
    private const int MostMissed = 2;

    public static TheoryData<string> Names => [.. Scenarios.All.Keys];

    [Theory, MemberData(nameof(Names))]
    public async Task Operator_WhenItDiesAtAWrite_EndsAsIfNothingHadBeen(string name)
    {
        var scenario = Scenarios.All[name];
        var sites = (await theatre.UndisturbedAsync(scenario)).Sites;
        var all = sites.SelectMany(site => new[] { new CrashPoint(site, After: false), new CrashPoint(site, After: true) }).ToList();
        var points = Sample.Of(all);
        Console.WriteLine($"{name}: {sites.Count} writes, {points.Count} of {all.Count} crash points, {Sample.Described}");

        var outcomes = new ConcurrentBag<(CrashPoint Point, Outcome Outcome)>();
        await Task.WhenAll(points.Select(async point =>
        {
            var outcome = await theatre.OutcomeAsync(scenario, (server, mask) => new MortalOperator(server, mask, scenario.KeepSucceeded, point));
            outcomes.Add((point, outcome));
            Console.WriteLine($"{name}: died {point}: {outcome}");
        }));
        var differences = outcomes.Where(one => one.Outcome.Difference is not null).Select(one => $"{name}, the operator died {one.Point}. {one.Outcome.Difference}").ToList();
        var missed = outcomes.Where(one => !one.Outcome.Died).Select(one => $"{one.Point}").ToList();
        Sample.Tally(outcomes.Count - missed.Count, "crash points", differences.Count);
        differences.ShouldBeEmpty();
        missed.Count.ShouldBeLessThanOrEqualTo(MostMissed, string.Join('\n', missed));
    }

    [Fact]
    public async Task Scenarios_WhenPlayed_ReachEveryWriteThatTheOperatorMayDo()
    {
        var done = new HashSet<string>();
        foreach (var scenario in Scenarios.All.Values) done.UnionWith((await theatre.UndisturbedAsync(scenario)).Run.Writes.SelectMany(Rights));

        RightsOfTheCode().Except(done).ShouldBeEmpty("no scenario does that, so nobody dies at it");
    }

    /// <summary>A patch that makes an object needs the right to create, too.</summary>
    private static IEnumerable<string> Rights(AuditEntry entry)
    {
        var resource = entry.Subresource is { } subresource ? $"{entry.Resource}/{subresource}" : entry.Resource;
        yield return $"{entry.Verb} {resource} in {entry.Namespace}";
        if (entry.Code == 201) yield return $"create {resource} in {entry.Namespace}";
    }

    private static IEnumerable<string> RightsOfTheCode() =>
        from type in typeof(SlipwayApi).Assembly.GetTypes()
        from right in type.GetCustomAttributes<EntityRbacAttribute>().SelectMany(OfEntities)
            .Concat(type.GetCustomAttributes<GenericRbacAttribute>().SelectMany(generic => generic.Resources.SelectMany(resource => Writes(generic.Verbs, resource))))
        let resource = right.Split(' ')[1]
        // Leases and events are no state; update of finalizers is a right that owner references ask for, and nothing that is done.
        where resource is not ("leases" or "events")
        select $"{right} in {SpaceOf(type)}";

    private static IEnumerable<string> OfEntities(EntityRbacAttribute attribute) =>
        attribute.Entities.SelectMany(entity => Writes(attribute.Verbs, entity.GetCustomAttribute<KubernetesEntityAttribute>()!.PluralName));

    private static IEnumerable<string> Writes(RbacVerb verbs, string resource) =>
        new[] { RbacVerb.Create, RbacVerb.Patch, RbacVerb.Delete }.Where(verb => verbs.HasFlag(verb)).Select(verb => $"{verb.ToString().ToLowerInvariant()} {resource}");

    /// <summary>Where a class writes, as the masked audit log has it.</summary>
    private static string SpaceOf(Type type) => type.Name switch
    {
        nameof(Pki.PoolAuthority) => LocalApiServer.OperatorNamespace,
        nameof(BuilderPoolController) => "builders",
        nameof(ImageBuildController) => "team",
        _ => $"a namespace that {nameof(CrashPointTests)} has to be told of, by {type.Name}",
    };
}
