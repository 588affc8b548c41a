using Slipway.Builds;
using Operators = Slipway.Builds.BuildPlanner;

namespace Slipway.Tests.Unit.Builds;

/// <summary>Stands before the operator's planner, by its name: every status that a test here has planned is held to the contract.</summary>
internal static class BuildPlanner
{
    public static BuildPlan Plan(BuildSnapshot snapshot) => Checked(snapshot, Operators.Plan(snapshot));

    public static BuildPlan NameTaken(BuildSnapshot snapshot, string what) => Checked(snapshot, Operators.NameTaken(snapshot, what));

    private static BuildPlan Checked(BuildSnapshot snapshot, BuildPlan plan)
    {
        StatusContract.Problem(snapshot.Build, snapshot.Build with { Status = plan.Status }).ShouldBeNull();
        return plan;
    }
}
