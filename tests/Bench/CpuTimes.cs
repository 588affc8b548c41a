namespace Slipway.Bench;

/// <summary>Seconds of CPU: of the operator, of the bench with its stand-in and its clients, and of etcd and kube-apiserver together.</summary>
internal sealed record CpuTimes(double Operator, double Bench, double ApiServer)
{
    public static CpuTimes operator -(CpuTimes one, CpuTimes other) => new(one.Operator - other.Operator, one.Bench - other.Bench, one.ApiServer - other.ApiServer);
}

internal static class CpuReport
{
    /// <summary>What each build cost each of the three.</summary>
    public static void Add(this IReadOnlyList<CpuTimes> runs, Report report, string during, int builds)
    {
        report.Add($"cpu_{during}_operator", "ms/build", runs.Select(run => run.Operator * 1000 / builds));
        report.Add($"cpu_{during}_stand_in", "ms/build", runs.Select(run => run.Bench * 1000 / builds));
        report.Add($"cpu_{during}_api_server", "ms/build", runs.Select(run => run.ApiServer * 1000 / builds));
    }
}
