using k8s.Models;
using Slipway.Api;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class PoolProgressTests
{
    [Requirement("R18")]
    [Fact]
    public void Status_WhenAllBuildersAreReady_IsReadyAndNothingElse()
    {
        var (snapshot, _) = World(2, (set, ordinal) => PoolWorld.Pod(set, ordinal));

        var status = PoolProgress.Status(snapshot);

        status.Conditions!.Select(condition => $"{condition.Type}={condition.Status}").ShouldBe(["Ready=True"]);
        status.Platforms.ShouldHaveSingleItem().Ready.ShouldBe(2);
    }

    [Fact]
    public void Status_WhenReplicasAreZero_IsReady()
    {
        var pool = PoolWorld.Pool(PoolWorld.Platform(replicas: 0));

        PoolProgress.Status(PoolWorld.Snapshot(pool)).Of("Ready")!.Status.ShouldBe("True");
    }

    [Fact]
    public void Status_WhenBuildersDiffer_SaysSoOfEachInOrder()
    {
        var (snapshot, set) = World(11, (set, ordinal) => PoolWorld.Pod(set, ordinal, ready: ordinal != 2));
        var going = snapshot.Pods[3];
        going.Metadata.DeletionTimestamp = PoolWorld.Now.UtcDateTime;
        snapshot = snapshot with { Pods = [.. snapshot.Pods.Reverse()], Queues = PoolWorld.Busy("linux/amd64", $"uid-of-{set.Metadata.Name}-1", 2, queued: 5) };

        var platform = PoolProgress.Status(snapshot).Platforms.ShouldHaveSingleItem();

        platform.Builders!.Take(4).Select(builder => builder.State).ShouldBe(["Ready", "Busy", "NotReady", "Draining"]);
        platform.Builders![^1].Name.ShouldBe("farm-linux-amd64-10", "ordinals are numbers, not text");
        (platform.Desired, platform.Ready, platform.Building, platform.Queued).ShouldBe((11, 9, 2, 5));
        PoolProgress.Status(snapshot).Summary.ShouldBe(new PoolSummary { Builders = "9/11", Building = 2, Queued = 5 });
        platform.Builders[1].Builds.ShouldBe(2);
        platform.Builders[0].Version.ShouldBe("v0.32.2");
    }

    [Fact]
    public void Status_WhenPodMerelyHasOurLabels_IsNoBuilder()
    {
        var (snapshot, _) = World(1, (set, ordinal) => PoolWorld.Pod(set, ordinal));
        snapshot.Pods[0].Metadata.OwnerReferences = null;

        PoolProgress.Status(snapshot).Platforms!.Single().Builders.ShouldBeEmpty();
    }

    [Fact]
    public void Status_WhenNothingStartedYet_SaysWhoIsWaitedForAndWhatMayRefusePods()
    {
        var (snapshot, _) = World(0, (_, _) => throw new InvalidOperationException(), replicas: 1);

        var status = PoolProgress.Status(snapshot);

        status.Of("Reconciling")!.Reason.ShouldBe("BuildersStarting");
        status.Of("Ready")!.Message.ShouldContain("kubectl -n builders describe statefulset farm-linux-amd64");
    }

    [Theory]
    [InlineData("ErrImagePull")]
    [InlineData("ImagePullBackOff")]
    public void Status_WhenImageCannotBePulled_StallsWithOneMessageForBothOfKubeletsStates(string waiting)
    {
        var (snapshot, _) = World(1, (set, ordinal) => WithStatus(set, ordinal, PoolWorld.Status(waiting)));

        var stalled = PoolProgress.Status(snapshot).Of("Stalled").ShouldNotBeNull();

        stalled.Reason.ShouldBe("BuilderImagePullFailed");
        stalled.Message.ShouldBe(
            "Container buildkitd of pod farm-linux-amd64-0: image moby/buildkit:v0.32.2-rootless cannot be pulled on node node-1. "
            + "Check the pool's image and that the node may pull it: kubectl -n builders describe pod farm-linux-amd64-0.");
    }

    [Fact]
    public void Status_WhenPreflightImageCannotBePulled_NamesThatContainer()
    {
        var (snapshot, _) = World(1, (set, ordinal) =>
        {
            var pod = PoolWorld.Pod(set, ordinal, ready: false);
            pod.Status.InitContainerStatuses[0].State = new V1ContainerState { Waiting = new V1ContainerStateWaiting { Reason = "ErrImagePull" } };
            return pod;
        });

        PoolProgress.Status(snapshot).Of("Stalled")!.Message.ShouldStartWith("Container preflight of pod farm-linux-amd64-0");
    }

    [Theory]
    [InlineData("[rootlesskit:parent] error: failed to setup UID/GID map: newuidmap 12 [0 1000 1] failed: newuidmap: write to uid_map failed: Operation not permitted", "newuidmap and newgidmap")]
    [InlineData("[rootlesskit:parent] error: failed to start the child: fork/exec /proc/self/exe: no space left on device", "user.max_user_namespaces")]
    [InlineData("[rootlesskit:child ] error: failed to share mount point: /: permission denied", "seccomp and AppArmor")]
    [InlineData("something nobody knows", "logs farm-linux-amd64-0 -c buildkitd --previous")]
    public void Status_WhenBuildkitdFallsOver_SaysWhatToCheckAndRepeatsNoLog(string lastWords, string hint)
    {
        var (snapshot, _) = World(1, (set, ordinal) => WithStatus(set, ordinal, PoolWorld.Status("CrashLoopBackOff", 3, lastWords: lastWords)));

        var stalled = PoolProgress.Status(snapshot).Of("Stalled").ShouldNotBeNull();

        stalled.Reason.ShouldBe("BuilderCrashing");
        stalled.Message.ShouldContain(hint);
        stalled.Message.ShouldNotContain(lastWords);
    }

    [Fact]
    public void Status_WhenBuildkitdIsKilledForMemory_SaysWhichLimitToRaise()
    {
        var (snapshot, _) = World(1, (set, ordinal) => WithStatus(set, ordinal, PoolWorld.Status("CrashLoopBackOff", 3, lastReason: "OOMKilled")));

        PoolProgress.Status(snapshot).Of("Stalled")!.Message.ShouldContain("resources.limits.memory");
    }

    [Requirement("R18")]
    [Theory]
    [InlineData("CrashLoopBackOff", 5)]
    [InlineData(null, 6)]
    public void Status_WhenCrashesAlternateBetweenStates_SaysTheSame(string? waiting, int restarts)
    {
        var (snapshot, _) = World(1, (set, ordinal) => WithStatus(set, ordinal, PoolWorld.Status(waiting, restarts, lastWords: "x")));

        PoolProgress.Status(snapshot).Of("Stalled")!.Message.ShouldBe(
            "Container buildkitd of pod farm-linux-amd64-0 does not stay up on node node-1. "
            + "Its last words: kubectl -n builders logs farm-linux-amd64-0 -c buildkitd --previous.");
    }

    [Fact]
    public void Status_WhenNodeAllowsNoUserNamespaces_SaysSoFromThePreflightsFacts()
    {
        var (snapshot, _) = World(1, (set, ordinal) =>
        {
            var pod = WithStatus(set, ordinal, PoolWorld.Status("CrashLoopBackOff", 3, lastWords: "x"));
            pod.Status.InitContainerStatuses[0].State.Terminated.Message = """{"version":"v0.13.0","maxUserNamespaces":0}""";
            return pod;
        });

        PoolProgress.Status(snapshot).Of("Stalled")!.Message.ShouldContain("user.max_user_namespaces");
    }

    [Theory]
    [InlineData("""{"version":"v0.32.2","maxUserNamespaces":0}""", "Node node-1 allows no user namespaces: set its sysctl user.max_user_namespaces above 0.")]
    [InlineData("""{"version":"v0.32.2","maxUserNamespaces":9,"apparmorRestrictsUserNamespaces":true}""", "Node node-1 restricts user namespaces: set its sysctl kernel.apparmor_restrict_unprivileged_userns to 0.")]
    [InlineData("""{"version":"v0.32.2","maxUserNamespaces":9}""", null)]
    public void Status_WhenBuildkitdIsSlowToStart_SaysWhatTheNodeLacksBeforeItFallsOver(string facts, string? lack)
    {
        var (snapshot, _) = World(1, (set, ordinal) => WithFacts(PoolWorld.Pod(set, ordinal, ready: false), facts));

        PoolProgress.Status(snapshot).Of("Reconciling")!.Message.ShouldBe($"Waiting for builders of linux/amd64.{(lack is null ? "" : " " + lack)}");
    }

    [Fact]
    public void Status_WhenTheNodeRestrictsUserNamespaces_NamesTheCauseAndNotWhatFailed()
    {
        var (snapshot, _) = World(1, (set, ordinal) => WithFacts(
            WithStatus(set, ordinal, PoolWorld.Status("CrashLoopBackOff", 3, lastWords: "[rootlesskit:child ] error: failed to share mount point: /: permission denied")),
            """{"version":"v0.32.2","maxUserNamespaces":9,"apparmorRestrictsUserNamespaces":true}"""));

        PoolProgress.Status(snapshot).Of("Stalled")!.Message.ShouldContain("kernel.apparmor_restrict_unprivileged_userns to 0");
    }

    [Theory]
    [InlineData(9, "Reconciling")]
    [InlineData(10, "Stalled")]
    public void Status_WhenABuilderHasNoRoomLeft_WaitsForItsGarbageCollectionAndThenSaysWhatToDo(int minutes, string type)
    {
        var (snapshot, set) = World(2, (set, ordinal) => ordinal == 1 ? LowDisk(set, ordinal, minutes) : PoolWorld.Pod(set, ordinal), size: "50Gi");

        var status = PoolProgress.Status(snapshot);

        status.Platforms!.Single().Builders!.Select(builder => builder.State).ShouldBe(["Ready", "LowDisk"]);
        status.Platforms!.Single().Ready.ShouldBe(1);
        status.Of("Ready")!.Status.ShouldNotBe("True");
        status.Of(type)!.Reason.ShouldBe("BuilderLowDisk");
        status.Of(type)!.Message.ShouldBe(
            $"Pod {set.Metadata.Name}-1 takes no builds: less than 5 % of its storage or of its inodes is free. Raise storage.size of the platform. "
            + $"To look: kubectl -n builders exec {set.Metadata.Name}-1 -c disk -- df /home/user/.local/share/buildkit.");
    }

    [Fact]
    public void Status_WhenABuilderWithoutStorageHasNoRoomLeft_NamesTheNodeWhoseDiskItIs()
    {
        var (snapshot, _) = World(1, (set, ordinal) => LowDisk(set, ordinal, 60));

        PoolProgress.Status(snapshot).Of("Stalled")!.Message.ShouldContain("Make room on node node-1, or give the platform storage.");
    }

    [Fact]
    public void Status_WhenTheDisksContainerWasRestartedByTheNode_IsNoCrash()
    {
        var (snapshot, _) = World(1, (set, ordinal) =>
        {
            var pod = LowDisk(set, ordinal, 60);
            pod.Status.ContainerStatuses[1].RestartCount = 4;
            return pod;
        });

        PoolProgress.Status(snapshot).Of("Stalled")!.Reason.ShouldBe("BuilderLowDisk");
    }

    [Theory]
    [InlineData(9, false)]
    [InlineData(10, true)]
    public void Status_WhenNoNodeTakesAPod_StallsOnlyAfterAWhile(int minutes, bool stalled)
    {
        var (snapshot, _) = World(1, (set, ordinal) => Unschedulable(set, ordinal, "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match node selector.", PoolWorld.Now.AddMinutes(-minutes)));

        var status = PoolProgress.Status(snapshot);

        status.Of(stalled ? "Stalled" : "Reconciling")!.Reason.ShouldBe("BuilderUnschedulable");
        status.Of(stalled ? "Reconciling" : "Stalled").ShouldBeNull();
        PoolProgress.PatienceEnds(snapshot).ShouldBe(stalled ? null : PoolWorld.Now.AddMinutes(10 - minutes));
    }

    [Requirement("R18")]
    [Theory]
    [InlineData("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match node selector.", "Insufficient cpu, node(s) didn't match node selector")]
    [InlineData("0/9 nodes are available: 7 node(s) didn't match node selector, 2 Insufficient cpu.", "Insufficient cpu, node(s) didn't match node selector")]
    [InlineData("0/3 nodes are available: 3 node(s) had taint {a: b}, that the pod didn't tolerate. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.", "node(s) had taint {a: b}, that the pod didn't tolerate")]
    [InlineData("pod has unbound immediate PersistentVolumeClaims", "pod has unbound immediate PersistentVolumeClaims")]
    [InlineData(null, "the scheduler gives no cause")]
    public void Causes_WhenCountsTick_AreTheSame(string? message, string causes) => PodTrouble.Causes(message).ShouldBe(causes);

    [Requirement("R18")]
    [Fact]
    public void Status_WhenSeenAgain_MovesNoTransitionTime()
    {
        var (snapshot, _) = World(1, (set, ordinal) => PoolWorld.Pod(set, ordinal));
        var first = PoolProgress.Status(snapshot);

        var again = PoolProgress.Status(snapshot with { Pool = snapshot.Pool with { Status = first }, Now = PoolWorld.Now.AddHours(1) });

        again.Of("Ready")!.LastTransitionTime.ShouldBe(first.Of("Ready")!.LastTransitionTime);
    }

    [Fact]
    public void Status_WhenTheLoadAsksForMoreThanMin_StaysReadyWhileTheyStart()
    {
        var (snapshot, _) = PoolWorld.Farm(3, min: 1);
        foreach (var pod in snapshot.Pods.Skip(1)) pod.Unready();

        var status = PoolProgress.Status(snapshot);

        status.Conditions!.Select(condition => $"{condition.Type}={condition.Status}").ShouldBe(["Ready=True"]);
        status.Summary!.Builders.ShouldBe("1/3");
    }

    [Fact]
    public void Status_WhenAPoolWakesFromZero_StaysReadyWhileItsBuildersStart()
    {
        var (snapshot, set) = PoolWorld.Farm(0, desired: 1);
        var pending = Unschedulable(set, 0, "0/1 nodes are available: 1 Insufficient cpu.", PoolWorld.Now.AddMinutes(-9));

        PoolProgress.Status(snapshot).Of("Ready")!.Status.ShouldBe("True");
        PoolProgress.Status(snapshot with { Pods = [pending] }).Of("Ready")!.Status.ShouldBe("True");
        PoolProgress.PatienceEnds(snapshot with { Pods = [pending] }).ShouldBe(PoolWorld.Now.AddMinutes(1));
    }

    [Fact]
    public void Status_WhenAPoolWakesFromZeroAndNoBuilderCanStart_SaysWhy()
    {
        var (snapshot, set) = PoolWorld.Farm(0, desired: 1);

        PoolProgress.Status(snapshot with { Pods = [WithStatus(set, 0, PoolWorld.Status("ErrImagePull"))] })
            .Of("Stalled")!.Reason.ShouldBe("BuilderImagePullFailed");
    }

    [Fact]
    public void Status_WhenBuildersAreRolledRetiredOrSurplus_SaysThatTheyDrain()
    {
        var (snapshot, _) = PoolWorld.Farm(5, desired: 4);
        snapshot.Pods[2].Outdate();

        var platform = PoolProgress.Status(snapshot.Retired(0)).Platforms!.Single();

        platform.Builders!.Select(builder => builder.State).ShouldBe(["Draining", "Ready", "Draining", "Ready", "Draining"]);
        (platform.Desired, platform.Ready).ShouldBe((4, 2));
    }

    private static (PoolSnapshot Snapshot, V1StatefulSet Set) World(int pods, Func<V1StatefulSet, int, V1Pod> pod, int? replicas = null, string? size = null)
    {
        var pool = PoolWorld.Pool(PoolWorld.Platform(replicas: replicas ?? pods, size: size));
        var set = PoolWorld.Live(pool, pool.Spec.Platforms[0]);
        return (PoolWorld.Snapshot(pool) with { StatefulSets = [set], Pods = [.. Enumerable.Range(0, pods).Select(ordinal => pod(set, ordinal))] }, set);
    }

    private static V1Pod WithStatus(V1StatefulSet set, int ordinal, V1ContainerStatus status)
    {
        var pod = PoolWorld.Pod(set, ordinal, ready: false);
        pod.Status.ContainerStatuses = [status];
        return pod;
    }

    private static V1Pod WithFacts(V1Pod pod, string facts)
    {
        pod.Status.InitContainerStatuses[0].State.Terminated.Message = facts;
        return pod;
    }

    private static V1Pod LowDisk(V1StatefulSet set, int ordinal, int minutes)
    {
        var pod = PoolWorld.Pod(set, ordinal, ready: false);
        pod.Status.Conditions[0].LastTransitionTime = PoolWorld.Now.AddMinutes(-minutes).UtcDateTime;
        pod.Status.ContainerStatuses = [PoolWorld.Status(ready: true), PoolWorld.Disk(ready: false)];
        return pod;
    }

    private static V1Pod Unschedulable(V1StatefulSet set, int ordinal, string message, DateTimeOffset since)
    {
        var pod = PoolWorld.Pod(set, ordinal, ready: false);
        pod.Status = new V1PodStatus
        {
            Conditions = [new V1PodCondition { Type = "PodScheduled", Status = "False", Reason = "Unschedulable", Message = message, LastTransitionTime = since.UtcDateTime }],
        };
        return pod;
    }
}
