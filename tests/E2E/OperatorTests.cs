using System.Globalization;
using k8s.Models;
using Slipway.Kube.Client;
using Slipway.Tests.E2E.Faults;

namespace Slipway.Tests.E2E;

[Collection(ClusterTests.Name)]
public sealed class OperatorTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private const int LimitKilobytes = 120 * 1024;

    [Fact]
    public async Task Operator_AtRest_StaysBelow120Megabytes()
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("Reads the node's /proc: local cluster only.");
        // Other tests, or the start, may just have been: rest is what it comes to within a minute.
        var resident = await Wait.UntilAsync("the operator's memory is that of rest", TimeSpan.FromMinutes(1), ResidentKilobytesAsync, kilobytes => kilobytes < LimitKilobytes);

        TestContext.Current.TestOutputHelper!.WriteLine($"operator RSS: {resident / 1024} MB");
    }

    private async Task<int> ResidentKilobytesAsync()
    {
        var page = await fixture.Client.ListPageAsync<V1Pod>(new ListQuery { Namespace = "slipway-system", LabelSelector = "app.kubernetes.io/component=operator" }, Cancel);
        // The larger one of who works and who stands by.
        return page.Items.Where(pod => pod.Metadata.DeletionTimestamp is null).Max(ResidentKilobytes);
    }

    private static int ResidentKilobytes(V1Pod pod)
    {
        var line = PodProcesses.Read($"/proc/{OperatorProcess.Find(pod)}", "status").Split('\n').Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return int.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
