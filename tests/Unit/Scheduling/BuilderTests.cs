using k8s.Models;
using Slipway.Scheduling;
using Slipway.Tests.Unit.Pools;

namespace Slipway.Tests.Unit.Scheduling;

public class BuilderTests
{
    [Theory]
    [InlineData(true, false, true, true)]
    [InlineData(true, true, true, false)]
    [InlineData(false, false, true, false)]
    [InlineData(true, false, false, false)]
    public void From_WhenContainersDiffer_HasLowDiskOnlyWhereNothingElseIsAmiss(bool buildkitd, bool disk, bool running, bool low)
    {
        var watch = PoolWorld.Disk(disk);
        if (!running) watch.State = new V1ContainerState { Waiting = new V1ContainerStateWaiting { Reason = "ContainerCreating" } };

        var builder = Builder.From(Pod(buildkitd && disk, [PoolWorld.Status(ready: buildkitd), watch]), "farm-linux-amd64");

        builder.LowDisk.ShouldBe(low);
        builder.Ready.ShouldBe(buildkitd && disk);
    }

    [Fact]
    public void From_WhenPodIsOnItsWayOut_HasNoLowDisk()
    {
        // The container that watches the disk ends at once, buildkitd only when its builds have.
        var pod = Pod(false, [PoolWorld.Status(ready: true), PoolWorld.Disk(ready: false)]);
        pod.Metadata.DeletionTimestamp = PoolWorld.Now.UtcDateTime;

        Builder.From(pod, "farm-linux-amd64").LowDisk.ShouldBeFalse();
    }

    [Fact]
    public void From_WhenPodHasNoSuchContainer_HasNoLowDisk() =>
        Builder.From(Pod(false, [PoolWorld.Status(ready: false)]), "farm-linux-amd64").LowDisk.ShouldBeFalse();

    private static V1Pod Pod(bool ready, IList<V1ContainerStatus> containers)
    {
        var pool = PoolWorld.Pool();
        var pod = PoolWorld.Pod(PoolWorld.Live(pool, pool.Spec.Platforms[0]), 0, ready);
        pod.Status.ContainerStatuses = containers;
        return pod;
    }
}
