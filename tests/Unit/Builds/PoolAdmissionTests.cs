using k8s.Models;
using Slipway.Api;
using Slipway.Builds;

namespace Slipway.Tests.Unit.Builds;

public sealed class PoolAdmissionTests
{
    public static TheoryData<string> Changes => [.. Changed.Keys];

    private static readonly Dictionary<string, Func<V1Alpha1BuilderPool, V1Alpha1BuilderPool>> Changed = new()
    {
        ["generation"] = pool => Copy(pool, metadata => metadata.Generation = 2),
        ["another pool of the name"] = pool => Copy(pool, metadata => metadata.Uid = "another"),
        ["deletion"] = pool => Copy(pool, metadata => metadata.DeletionTimestamp = BuildFixture.Now.UtcDateTime),
        ["observedGeneration"] = pool => pool with { Status = pool.Status! with { ObservedGeneration = 2 } },
        ["stalled"] = pool => pool with { Status = pool.Status! with { Conditions = [new V1Condition { Type = Conditions.Stalled, Status = "True", Message = "no" }] } },
        ["a platform with builders"] = pool => pool with { Status = pool.Status! with { Platforms = [new PoolPlatformStatus { Platform = BuildFixture.Amd64, Ready = 1 }] } },
    };

    [Theory, MemberData(nameof(Changes))]
    public void LooksTheSame_WhenWhatABuildLooksAtHasChanged_IsFalse(string change) =>
        PoolAdmission.LooksTheSame(Pool(), Changed[change](Pool())).ShouldBeFalse();

    // A pool's counters change with every Job, and a thousand builds that wait would be planned anew each time.
    [Fact]
    public void LooksTheSame_WhenOnlyCountersHaveChanged_IsTrue()
    {
        var busy = Pool() with { Status = Pool().Status! with { Summary = new PoolSummary { Building = 7 }, Platforms = [new PoolPlatformStatus { Platform = BuildFixture.Amd64, Ready = 0, Building = 7, Queued = 3 }] } };

        PoolAdmission.LooksTheSame(Pool(), busy).ShouldBeTrue();
    }

    private static V1Alpha1BuilderPool Pool() => BuildFixture.Pool() with
    {
        Status = new BuilderPoolStatus { ObservedGeneration = 1, Platforms = [new PoolPlatformStatus { Platform = BuildFixture.Amd64, Ready = 0 }] },
    };

    private static V1Alpha1BuilderPool Copy(V1Alpha1BuilderPool pool, Action<V1ObjectMeta> change)
    {
        change(pool.Metadata);
        return pool;
    }
}
