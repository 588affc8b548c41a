using CsCheck;
using Slipway.Cache;

namespace Slipway.Tests.Unit.Cache;

public sealed class CacheLedgerTests
{
    private static readonly TimeSpan Ttl = TimeSpan.FromDays(14);
    private static readonly DateTimeOffset Now = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    private static CacheUse Use => new("a", "team-a", "app", "linux/amd64", Now);

    [Fact]
    public void After_TheFirstUse_NotesIt()
    {
        var entry = CacheLedger.After(null, Use with { Ratio = 0.917 }, Ttl)!;
        entry.ShouldBe(new CacheEntry { Namespace = "team-a", Scope = "app", Platform = "linux/amd64", LastUsed = Now, Ratio = "0.92", RatioAt = Now });
        CacheLedger.Read(CacheLedger.Write(entry)).ShouldBe(entry);
    }

    /// <summary>A scope that is built every minute is written four times a day.</summary>
    [Fact]
    public void After_UsesEveryMinute_WritesFourTimesADay()
    {
        var (entry, writes) = ((CacheEntry?)null, 0);
        for (var minute = 0; minute < 24 * 60; minute++)
        {
            if (CacheLedger.After(entry, Use with { At = Now.AddMinutes(minute), Exported = true, Ratio = 0.9 + (minute % 2 * 0.05) }, Ttl) is not { } next) continue;
            (entry, writes) = (next, writes + 1);
        }

        writes.ShouldBe(4);
    }

    [Fact]
    public void After_ARatioThatIsAnother_NotesIt()
    {
        var entry = CacheLedger.After(null, Use with { Ratio = 0.9 }, Ttl);
        var later = Use with { At = Now.AddMinutes(1) };
        CacheLedger.After(entry, later with { Ratio = 0.85 }, Ttl).ShouldBeNull();
        CacheLedger.After(entry, later with { Ratio = 0.2 }, Ttl)!.Ratio.ShouldBe("0.20");
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("by hand")]
    public void Read_OfWhatIsNoEntry_IsNull(string text) => CacheLedger.Read(text).ShouldBeNull();

    [Fact]
    public void IsExportDue_OfAHotCache_IsSoBeforeHalfOfItsTimeIsOver()
    {
        CacheLedger.IsExportDue(null, Ttl, Now).ShouldBeTrue();
        var entry = CacheLedger.After(null, Use with { Exported = true }, Ttl);
        CacheLedger.IsExportDue(entry, Ttl, Now.AddDays(6)).ShouldBeFalse();
        CacheLedger.IsExportDue(entry, Ttl, Now.AddDays(7)).ShouldBeTrue();
    }

    /// <summary>However often it is built: no cache in use goes, none that is out of use stays longer than that and a grain.</summary>
    [Fact]
    public void Unused_WheneverBuildsCome_HoldsCachesOutOfUseAlone() => Gen.Select(Gen.Int[1, 8760], Gen.Int[0, 2000].List[1, 60]).Sample((hours, gaps) =>
    {
        var (ttl, entry, at) = (TimeSpan.FromHours(hours), (CacheEntry?)null, Now);
        foreach (var gap in gaps)
        {
            at += TimeSpan.FromHours(gap) * (hours / 2000.0);
            entry = CacheLedger.After(entry, Use with { At = at }, ttl) ?? entry;
            // At any time before its ttl is over since this use.
            CacheLedger.Unused(new Dictionary<string, CacheEntry> { ["a"] = entry! }, ttl, at + (ttl * 0.999)).ShouldBeEmpty();
        }

        CacheLedger.Unused(new Dictionary<string, CacheEntry> { ["a"] = entry! }, ttl, at + ttl + CacheLedger.Grain(ttl)).ShouldBe(["a"]);
    });

    /// <summary>A ConfigMap takes a megabyte, whatever the names.</summary>
    [Theory]
    [InlineData(8)]
    [InlineData(180)]
    public void Unused_WhenThereIsNoRoomForMore_HoldsTheOldestAndForgettableFewerOfThem(int length)
    {
        var entries = Enumerable.Range(0, 8000).ToDictionary(number => $"{number:0000}", number => CacheLedger.After(null, Use with { Scope = new string('s', length), At = Now.AddSeconds(number) }, Ttl)!);

        var (unused, forgettable) = (CacheLedger.Unused(entries, Ttl, Now.AddDays(3)), CacheLedger.Forgettable(entries, Ttl, Now.AddDays(3)));

        unused.ShouldBe(entries.Keys.Take(unused.Count));
        Bytes(unused).ShouldBeLessThanOrEqualTo(CacheLedger.RoomForUse);
        Bytes(unused.SkipLast(1)).ShouldBeGreaterThan(CacheLedger.RoomForUse);
        forgettable.ShouldBe(entries.Keys.Take(forgettable.Count));
        Bytes(forgettable).ShouldBeLessThanOrEqualTo(CacheLedger.Room);
        forgettable.Count.ShouldBeLessThan(unused.Count, "they are deleted before they are forgotten");

        int Bytes(IEnumerable<string> gone) => entries.ExceptBy(gone, entry => entry.Key).Sum(entry => entry.Key.Length + CacheLedger.Write(entry.Value).Length);
    }

    /// <summary>Whether or not somebody could delete them.</summary>
    [Fact]
    public void Forgettable_OfWhatNobodyHasUsedForTwiceItsTime_HoldsIt()
    {
        var entries = new Dictionary<string, CacheEntry> { ["a"] = CacheLedger.After(null, Use, Ttl)! };
        CacheLedger.Forgettable(entries, Ttl, Now + (Ttl * 2)).ShouldBeEmpty();
        CacheLedger.Forgettable(entries, Ttl, Now + ((Ttl + CacheLedger.Grain(Ttl)) * 2)).ShouldBe(["a"]);
    }

    /// <summary>A Job of an older build that runs on, or comes late, tells nothing of the last one.</summary>
    [Fact]
    public void After_AnOlderBuildsRatio_KeepsTheNewerOnes()
    {
        var entry = CacheLedger.After(null, Use with { Ratio = 0.2 }, Ttl);
        CacheLedger.After(entry, Use with { Ratio = 0.9, At = Now.AddMinutes(-5) }, Ttl).ShouldBeNull();
        CacheLedger.After(entry, Use with { Ratio = 0.9, At = Now.AddMinutes(5) }, Ttl)!.Ratio.ShouldBe("0.90");
    }
}
