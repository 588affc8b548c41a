using System.Globalization;

namespace Slipway.Bench;

/// <summary>What Linux knows of a process.</summary>
internal static class OsProcess
{
    /// <summary>Linux counts in hundredths of a second for everybody who asks here.</summary>
    private const double TicksPerSecond = 100;

    /// <summary>User and system time since its start, in seconds.</summary>
    public static double Cpu(int id)
    {
        // The name in brackets may hold anything; the fields after it are numbers.
        var stat = File.ReadAllText($"/proc/{id}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    /// <summary>Resident memory in MB of a million bytes.</summary>
    public static double ResidentMb(int id) => Status(id, "VmRSS");

    /// <summary>The most that was ever resident.</summary>
    public static double PeakMb(int id) => Status(id, "VmHWM");

    private static double Status(int id, string name)
    {
        var line = File.ReadLines($"/proc/{id}/status").First(line => line.StartsWith($"{name}:", StringComparison.Ordinal));
        return long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024 / 1e6;
    }
}
