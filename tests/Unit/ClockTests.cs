using System.Text.RegularExpressions;

namespace Slipway.Tests.Unit;

/// <summary>Time and chance come from outside, in the program and in its unit tests.</summary>
[Requirement("R25")]
public sealed partial class ClockTests
{
    /// <summary>Where the one clock and the one chance are chosen; and a wait that has no end needs no clock.</summary>
    private static readonly string[] Chosen =
    [
        "Program.cs: TimeProvider.System",
        "Kube/OperatorOptions.cs: Random.Shared",
        "Kube/Controllers/OperatorServices.cs: TimeProvider.System",
        "Kube/Leadership/ILeadership.cs: TimeProvider.System",
    ];

    [Fact]
    public void Operator_WhenItNeedsTimeOrChance_IsGivenThem() =>
        Uses("operator", ClockOrChance()).ShouldBe(Chosen, ignoreOrder: true);

    [Fact]
    public void Operator_WhenItWaits_NamesTheClock() => Uses("operator", WaitWithoutClock()).ShouldBeEmpty();

    [Fact]
    public void UnitTests_WhenTheyWait_DoNotWaitOnTheWallClock() => Uses("tests/Unit", Sleep()).ShouldBeEmpty();

    // The compiler knows better than a pattern what is meant.
    [Fact]
    public void BannedSymbols_WhenCompiling_AreTheWallClockAndAreErrors()
    {
        var banned = File.ReadAllText(Repository.Path("BannedSymbols.txt"));
        foreach (var symbol in new[] { @"DateTime\.Now", @"DateTime\.UtcNow", @"DateTimeOffset\.Now", @"DateTimeOffset\.UtcNow", @"Thread\.Sleep\(", @"Task\.Delay\(" })
        {
            banned.ShouldMatch($@"\.{symbol}");
        }

        banned.ShouldNotContain("System.TimeProvider", Case.Sensitive, "what takes a clock is what to use instead");
        var build = File.ReadAllText(Repository.Path("Directory.Build.props"));
        build.ShouldContain("BannedSymbols.txt");
        build.ShouldContain("<TreatWarningsAsErrors>true</TreatWarningsAsErrors>");
    }

    private static IEnumerable<string> Uses(string folder, Regex pattern) =>
        from file in Directory.EnumerateFiles(Repository.Path(folder), "*.cs", SearchOption.AllDirectories)
        let path = Path.GetRelativePath(Repository.Path(folder), file)
        where !path.Split('/').Any(part => part is "bin" or "obj") && path != "ClockTests.cs"
        from Match match in pattern.Matches(Comment().Replace(File.ReadAllText(file), ""))
        select $"{path}: {match.Value}";

    [GeneratedRegex(@"^\s*//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"TimeProvider\.System|Random\.Shared|new Random\b|Stopwatch|Environment\.TickCount\w*|DateTime(Offset)?\.(Utc)?(Now|Today)")]
    private static partial Regex ClockOrChance();

    /// <summary>Timers and limits that are given no clock; where the compiler knows an overload without one, it is banned.</summary>
    [GeneratedRegex(@"new (PeriodicTimer|Timer)\([^,()]*\)|new CancellationTokenSource\([^,()]+\)|Thread\.Sleep|\.Wait(Async)?\(TimeSpan[^,]*\)")]
    private static partial Regex WaitWithoutClock();

    [GeneratedRegex(@"Task\.Delay|Thread\.Sleep|SpinWait")]
    private static partial Regex Sleep();
}
