using Slipway.Api;
using Slipway.Pools;
using Planner = Slipway.Pools.PoolPlanner;
using Progress = Slipway.Pools.PoolProgress;

namespace Slipway.Tests.Unit.Pools;

/// <summary>Stands before the operator's planner, by its name: every status that a test here has planned is held to the contract.</summary>
internal static class PoolPlanner
{
    public static PoolPlan Plan(PoolSnapshot snapshot)
    {
        var plan = Planner.Plan(snapshot);
        PoolProgress.Checked(snapshot, plan.Status);
        return plan;
    }
}

/// <summary>The same before a pool's status alone.</summary>
internal static class PoolProgress
{
    public static BuilderPoolStatus Status(PoolSnapshot snapshot) => Checked(snapshot, Progress.Status(snapshot));

    public static BuilderPoolStatus Reconciling(PoolSnapshot snapshot, string reason, string message) =>
        Checked(snapshot, Progress.Reconciling(snapshot, reason, message));

    public static DateTimeOffset? PatienceEnds(PoolSnapshot snapshot) => Progress.PatienceEnds(snapshot);

    public static BuilderPoolStatus Checked(PoolSnapshot snapshot, BuilderPoolStatus status)
    {
        StatusContract.Problem(snapshot.Pool, snapshot.Pool with { Status = status }).ShouldBeNull();
        return status;
    }
}
