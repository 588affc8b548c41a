using k8s;
using k8s.Models;
using Slipway.Api;

namespace Slipway.Tests.Unit.Api;

[Requirement("R18")]
public sealed class ConditionsTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);
    private static readonly DateTime Before = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void Merge_WhenStatusStays_KeepsItsTime()
    {
        var merged = Conditions.Merge([Ready(Conditions.True)], [new Condition(Conditions.Ready, Conditions.True, "Other", "other")], 7, Now);
        merged.Single().LastTransitionTime.ShouldBe(Before);
        merged.Single().Reason.ShouldBe("Other");
        merged.Single().ObservedGeneration.ShouldBe(7);
    }

    [Fact]
    public void Merge_WhenStatusChanges_TakesTheWholeSecondOfNow()
    {
        var merged = Conditions.Merge([Ready(Conditions.True)], [new Condition(Conditions.Ready, Conditions.False, "Other", "other")], 7, Now);
        merged.Single().LastTransitionTime.ShouldBe(new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc));
    }

    [Fact]
    public void Merge_WhenTypesAreGiven_SortsThemAndDropsOthers() => Conditions
        .Merge([Ready(Conditions.True)], [new Condition(Conditions.Stalled, Conditions.True, "A", "a"), new Condition(Conditions.Complete, Conditions.True, "A", "a")], 1, Now)
        .Select(condition => condition.Type).ShouldBe([Conditions.Complete, Conditions.Stalled]);

    // The API server refuses a status with two of a type, and would do so for ever.
    [Fact]
    public void Merge_WhenATypeIsWantedTwice_KeepsTheFirst() => Conditions
        .Merge(null, [new Condition(Conditions.Ready, Conditions.False, "A", "a"), new Condition(Conditions.Ready, Conditions.True, "B", "b")], 1, Now)
        .Single().Reason.ShouldBe("A");

    // Finer than what metav1.Time keeps, a time would differ in each pass.
    [Requirement("R18", "metav1.Time: whole seconds")]
    [Fact]
    public void Merge_WhenWrittenAndReadBack_IsTheSameAnHourLater()
    {
        Condition[] wanted = [new(Conditions.Ready, Conditions.True, "A", "a"), new(Conditions.Reconciling, Conditions.True, "B", "b")];
        var written = Conditions.Merge(null, wanted, 1, Now);
        var read = KubernetesJson.Deserialize<List<V1Condition>>(KubernetesJson.Serialize(written).Replace(".000000Z", "Z", StringComparison.Ordinal));
        KubernetesJson.Serialize(Conditions.Merge(read, wanted, 1, Now.AddHours(1))).ShouldBe(KubernetesJson.Serialize(written));
    }

    [Fact]
    public void Merge_WhenMessageIsLong_FitsTheSchema() => Conditions
        .Merge(null, [new Condition(Conditions.Ready, Conditions.False, "A", new string('x', 5000))], 1, Now).Single().Message.Length.ShouldBe(1024);

    [Fact]
    public void IsTrue_WhenNobodyHasLooked_IsFalse()
    {
        ((IReadOnlyList<V1Condition>?)null).IsTrue(Conditions.Ready).ShouldBeFalse();
        ((IReadOnlyList<V1Condition>)[Ready(Conditions.Unknown)]).IsTrue(Conditions.Ready).ShouldBeFalse();
        ((IReadOnlyList<V1Condition>)[Ready(Conditions.True)]).IsTrue(Conditions.Ready).ShouldBeTrue();
    }

    private static V1Condition Ready(string status) => new() { Type = Conditions.Ready, Status = status, Reason = "A", Message = "a", LastTransitionTime = Before };
}
