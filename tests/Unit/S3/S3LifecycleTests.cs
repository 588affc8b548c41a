using Amazon.S3;
using Amazon.S3.Model;
using CsCheck;
using Slipway.S3;
using Slipway.Tests.S3;

namespace Slipway.Tests.Unit.S3;

public class S3LifecycleTests
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 10, 30, 0, TimeSpan.Zero);

    private static readonly S3Retention Retention = new() { Owner = "11-22", Prefix = "team/", Ttl = TimeSpan.FromDays(14), TouchRefresh = TimeSpan.FromHours(24) };

    [Fact]
    public void Rules_OfFourteenDays_KeepBlobsLongerThanManifests()
    {
        var rules = S3Lifecycle.Rules(Retention, versioned: false);

        rules.Select(Words).ShouldBe(["slipway-11-22-75c910ca-manifests team/manifests/ 14 abort 2", "slipway-11-22-75c910ca-blobs team/blobs/ 18 abort 2"]);
        S3Lifecycle.Rules(Retention, versioned: true).ShouldAllBe(rule => rule.NoncurrentVersionExpiration.NoncurrentDays == 1);
    }

    [Theory]
    [InlineData(72, 24, 3, 7)]
    [InlineData(73, 25, 4, 9)]
    [InlineData(8760, 1, 365, 369)]
    public void Rules_WhateverTheTimes_CountWholeDays(int ttl, int touchRefresh, int manifests, int blobs)
    {
        var retention = Retention with { Ttl = TimeSpan.FromHours(ttl), TouchRefresh = TimeSpan.FromHours(touchRefresh) };
        (retention.ManifestDays, retention.BlobDays).ShouldBe((manifests, blobs));
    }

    [Fact]
    public void Merge_WhenThereAreNone_AddsOurs() => Ids(Merge([])).ShouldBe(["slipway-11-22-75c910ca-manifests", "slipway-11-22-75c910ca-blobs"]);

    [Fact]
    public void Merge_WhenForeignRulesAreAround_KeepsThemAndTheirOrder()
    {
        var (before, between, after) = (Foreign("a"), Foreign("b"), Foreign("c"));
        var old = S3Lifecycle.Rules(Retention with { Ttl = TimeSpan.FromDays(3) }, versioned: false);

        var merge = S3Lifecycle.Merge([before, old[1], between, old[0], after], Ours, Retention);

        merge.Rules.Select(rule => rule.Id).ShouldBe(["a", "slipway-11-22-75c910ca-blobs", "b", "slipway-11-22-75c910ca-manifests", "c"]);
        merge.Changed.ShouldBeTrue();
        new[] { merge.Rules[0], merge.Rules[2], merge.Rules[4] }.ShouldBe([before, between, after], "the very objects that were read");
        merge.Rules[1].Expiration.Days.ShouldBe(18);
    }

    [Fact]
    public void Merge_WhenAnotherPoolHasRules_LeavesThem() =>
        Ids(Merge(S3Lifecycle.Rules(Retention with { Owner = "11-2" }, versioned: false)))
            .ShouldBe(["slipway-11-2-75c910ca-manifests", "slipway-11-2-75c910ca-blobs", "slipway-11-22-75c910ca-manifests", "slipway-11-22-75c910ca-blobs"]);

    // What lies under the old prefix would have stayed for ever.
    [Fact]
    public void Merge_WhenThePoolHasAnotherPrefixNow_LeavesTheRulesOfTheOldOne()
    {
        var old = S3Lifecycle.Rules(Retention with { Prefix = "old/" }, versioned: false);

        var merge = Merge(old);

        merge.Rules.Take(2).ShouldBe(old);
        merge.Rules.Count.ShouldBe(4);
        S3Lifecycle.Conflicts(merge.Rules, Retention).ShouldBeEmpty();
    }

    [Fact]
    public void Merge_WhenOursAreThereTwiceOrOneTooMany_LeavesOneOfEach() =>
        Ids(Merge([.. Ours, .. Ours, Foreign("slipway-11-22-75c910ca-older")])).ShouldBe(["slipway-11-22-75c910ca-manifests", "slipway-11-22-75c910ca-blobs"]);

    [Fact]
    public void Merge_WhenNothingDiffers_ChangesNothing() => Merge([Foreign("a"), .. Ours, Foreign("b")]).Changed.ShouldBeFalse();

    // radosgw gives rules back by id, others give the prefix in its older form, and lists that are empty for such that are absent.
    [Fact]
    public void Merge_WhenTheServerSaysTheSameInAnotherForm_ChangesNothing()
    {
        var older = S3Lifecycle.Rules(Retention, versioned: false);
        foreach (var rule in older)
        {
            var prefix = S3RuleScope.Of(rule).Prefix;
            rule.Filter = null;
#pragma warning disable CS0618 // The older form is what this is about.
            rule.Prefix = prefix;
#pragma warning restore CS0618
            rule.Transitions = [];
            rule.NoncurrentVersionTransitions = [];
        }

        Merge(older.Reverse()).Changed.ShouldBeFalse();
        S3Lifecycle.Holds([.. older], Ours).ShouldBeTrue();
    }

    public static TheoryData<string, Action<LifecycleRule>> Changes => new()
    {
        { "disabled", rule => rule.Status = LifecycleRuleStatus.Disabled },
        { "shorter", rule => rule.Expiration.Days = 1 },
        { "another prefix", rule => rule.Filter = new LifecycleFilter { Prefix = "other/" } },
        { "narrower", rule => rule.Filter = new LifecycleFilter { And = new LifecycleRuleAndOperator { Prefix = "team/blobs/", ObjectSizeGreaterThan = 7 } } },
        { "no expiration", rule => rule.Expiration = null },
    };

    [Theory, MemberData(nameof(Changes), DisableDiscoveryEnumeration = true)]
    public void Merge_WhenSomebodyChangedOurs_PutsThemBack(string what, Action<LifecycleRule> change)
    {
        var changed = S3Lifecycle.Rules(Retention, versioned: false);
        change(changed[1]);

        S3Lifecycle.Holds(changed, Ours).ShouldBeFalse(what);
        var merge = S3Lifecycle.Merge(changed, Ours, Retention);
        merge.Changed.ShouldBeTrue(what);
        merge.Rules.ShouldBe(Ours);
    }

    [Fact]
    public void Merge_WhatItHasMerged_ChangesNothingAnyMore()
    {
        var rule = Gen.Select(Gen.Int[0, 4], Gen.Int[1, 30], Gen.Bool, (name, days, ours) => ours
            ? Foreign($"slipway-11-22-75c910ca-{(name % 2 == 0 ? "blobs" : "manifests")}", days)
            : Foreign($"r{name}", days));
        rule.List[0, 8].Sample(existing =>
        {
            var once = S3Lifecycle.Merge(existing, Ours, Retention);
            S3Lifecycle.Merge(once.Rules, Ours, Retention).Changed.ShouldBeFalse();
            once.Rules.Where(IsForeign).ShouldBe(existing.Where(IsForeign));
            once.Rules.Count(rule => !IsForeign(rule)).ShouldBe(2);
            S3Lifecycle.Holds(once.Rules, Ours).ShouldBeTrue();
        });

        static bool IsForeign(LifecycleRule rule) => !rule.Id.StartsWith("slipway-11-22-75c910ca-", StringComparison.Ordinal);
    }

    public static TheoryData<string, LifecycleRule, string?> Rivals => new()
    {
        { "whole bucket, early", Foreign("clean", 7), "rule \"clean\" deletes everything after 7 days, blobs of the cache have to stay 18" },
        { "whole bucket, a day", Foreign("clean", 1), "rule \"clean\" deletes everything after 1 day, blobs of the cache have to stay 18" },
        { "whole bucket, in time", Foreign("clean", 18), null },
        { "longer prefix", Foreign("x", 5, "team/blobs/sha256:0"), "rule \"x\" deletes what begins with \"team/blobs/sha256:0\" after 5 days, blobs of the cache have to stay 18" },
        { "shorter prefix", Foreign("x", 5, "te"), "rule \"x\" deletes what begins with \"te\" after 5 days, blobs of the cache have to stay 18" },
        { "another prefix", Foreign("x", 5, "teams/"), null },
        { "manifests alone", Foreign("x", 13, "team/manifests/"), "rule \"x\" deletes what begins with \"team/manifests/\" after 13 days, manifests of the cache have to stay 14" },
        { "manifests alone, in time", Foreign("x", 14, "team/manifests/"), null },
        { "disabled", Change(Foreign("x", 5), rule => rule.Status = LifecycleRuleStatus.Disabled), null },
        { "tags", Change(Foreign("x", 5), rule => rule.Filter = new LifecycleFilter { LifecycleFilterPredicate = new LifecycleTagPredicate { Tag = new Tag { Key = "k", Value = "v" } } }), null },
        { "prefix and tags", Change(Foreign("x", 5), rule => rule.Filter = And(new LifecyclePrefixPredicate { Prefix = "team/" }, new LifecycleTagPredicate { Tag = new Tag { Key = "k", Value = "v" } })), null },
        { "prefix and size", Change(Foreign("x", 5), rule => rule.Filter = And(new LifecyclePrefixPredicate { Prefix = "team/" }, new LifecycleObjectSizeGreaterThanPredicate { ObjectSizeGreaterThan = 9 })), "rule \"x\" deletes what begins with \"team/\" of some size after 5 days, blobs of the cache have to stay 18" },
        { "size", Change(Foreign("x", 5), rule => rule.Filter = new LifecycleFilter { ObjectSizeLessThan = 9 }), "rule \"x\" deletes everything of some size after 5 days, blobs of the cache have to stay 18" },
        { "new form of tags", Change(Foreign("x", 5), rule => rule.Filter = new LifecycleFilter { And = new LifecycleRuleAndOperator { Prefix = "team/", Tags = [new Tag { Key = "k", Value = "v" }] } }), null },
        { "date", Change(Foreign("x", 5), rule => rule.Expiration = new LifecycleRuleExpiration { Date = new DateTime(2027, 1, 31, 0, 0, 0, DateTimeKind.Utc) }), "rule \"x\" deletes everything on 2027-01-31, blobs of the cache have to stay 18 days" },
        { "delete markers", Change(Foreign("x", 5), rule => rule.Expiration = new LifecycleRuleExpiration { ExpiredObjectDeleteMarker = true }), null },
        { "old versions", Change(Foreign("x", 5), rule => (rule.Expiration, rule.NoncurrentVersionExpiration) = (null, new LifecycleRuleNoncurrentVersionExpiration { NoncurrentDays = 1 })), null },
        { "archive", Change(Foreign("x", 5), rule => (rule.Expiration, rule.Transitions) = (null, [new LifecycleTransition { Days = 3, StorageClass = S3StorageClass.DeepArchive }])), "rule \"x\" archives everything after 3 days, blobs of the cache have to stay 18" },
        { "archive on a day", Change(Foreign("x", 30), rule => rule.Transitions = [new LifecycleTransition { Date = new DateTime(2027, 1, 31, 0, 0, 0, DateTimeKind.Utc), StorageClass = S3StorageClass.Glacier }]), "rule \"x\" archives everything on 2027-01-31, blobs of the cache have to stay 18 days" },
        { "archive, late", Change(Foreign("x", 30), rule => rule.Transitions = [new LifecycleTransition { Days = 18, StorageClass = S3StorageClass.Glacier }]), null },
        { "classes that can be read", Change(Foreign("x", 30), rule => rule.Transitions = [new LifecycleTransition { Days = 1, StorageClass = S3StorageClass.GlacierInstantRetrieval }, new LifecycleTransition { Days = 1, StorageClass = S3StorageClass.StandardInfrequentAccess }]), null },
        { "another pool", Foreign("slipway-33-blobs", 6, "team/blobs/"), "rule \"slipway-33-blobs\" deletes what begins with \"team/blobs/\" after 6 days, blobs of the cache have to stay 18" },
        { "ours", Foreign("slipway-11-22-75c910ca-blobs", 1), null },
    };

    [Theory, MemberData(nameof(Rivals), DisableDiscoveryEnumeration = true)]
    public void Conflicts_OfOneRule_AreThoseThatLetTheCacheGoEarly(string what, LifecycleRule rule, string? expected) =>
        S3Lifecycle.Conflicts([rule, .. Ours], Retention).ShouldBe(expected is null ? [] : [expected], what);

    [Fact]
    public void Conflicts_WhenNamesAreLong_FitInTheResult()
    {
        var rule = Foreign(new string('i', 255), 1000, "team/blobs/" + new string('p', 900));
        var text = S3Lifecycle.Conflicts([rule], Retention with { Ttl = TimeSpan.FromDays(1001) }).ShouldHaveSingleItem();
        text.Length.ShouldBeLessThanOrEqualTo(200);
        text.ShouldNotContain('\n');
    }

    [Fact]
    public void Rules_WhenTheCacheIsWrittenDaily_NeverLeaveAManifestWithoutABlob()
    {
        // Each export comes an hour before the blobs are old enough to be touched.
        var exports = Enumerable.Range(0, 60).Select(day => new Export(Start.AddHours(23 * day), TimeSpan.FromHours(1), "main", [0, 1, day / 10 + 2]));
        Model(Retention, Latest).Violation(exports, Start.AddDays(200)).ShouldBeNull();
    }

    [Fact]
    public void Rules_WhateverIsExportedWhen_NeverLeaveAManifestWithoutABlob() =>
        Cases.Sample(
            one =>
            {
                foreach (var lateness in new[] { Latest, None, ByHash })
                {
                    var model = Model(one.Retention, lateness);
                    model.Violation(one.Exports, Start.AddDays(200)).ShouldBeNull();
                    model.Objects.ShouldBeEmpty("all goes in the end");
                }
            },
            iter: 400);

    // What the rules are for: with one age for both, a young manifest names a blob that was not touched for it.
    [Fact]
    public void OneRuleForBoth_WhenABlobIsNotYetToBeTouched_LeavesAManifestWithoutIt()
    {
        Export[] exports = [new(Start, TimeSpan.Zero, "main", [0]), new(Start.AddHours(23), TimeSpan.Zero, "main", [0])];
        Naive(Retention, None).Violation(exports, Start.AddDays(60)).ShouldBe("team/manifests/main when team/blobs/sha256:0 had gone");
        Model(Retention, None).Violation(exports, Start.AddDays(60)).ShouldBeNull();
    }

    [Fact]
    public void OneRuleForBoth_WhateverIsExportedWhen_IsFoundOut() =>
        Should.Throw<CsCheckException>(() => Cases.Sample(one => Naive(one.Retention, ByHash).Violation(one.Exports, Start.AddDays(200)).ShouldBeNull(), iter: 400));

    /// <summary>Each day of the distance counts: with one less, somebody finds a manifest without its blob.</summary>
    [Fact]
    public void Rules_WithOneDayLessForBlobs_AreFoundOut()
    {
        var rules = S3Lifecycle.Rules(Retention, versioned: false);
        rules[1].Expiration.Days--;
        // The blob is as old as can be when the export looks at it, the build takes all its time, and the manifest goes late.
        Export[] exports = [new(Start, TimeSpan.Zero, "other", [0]), new(Start.AddHours(24), TimeSpan.FromHours(24), "main", [0])];
        new S3ExpiryModel(rules, Retention.Prefix, Retention.TouchRefresh, Latest).Violation(exports, Start.AddDays(60)).ShouldNotBeNull();
        Model(Retention, Latest).Violation(exports, Start.AddDays(60)).ShouldBeNull();
    }

    [Fact]
    public void Due_OfAnObject_IsTheMidnightAfterItsDays()
    {
        var model = Model(Retention, None);
        model.Due("team/manifests/a", Start).ShouldBe(new DateTimeOffset(2026, 3, 16, 0, 0, 0, TimeSpan.Zero));
        model.Due("team/other", Start).ShouldBeNull();
    }

    private static Gen<(S3Retention Retention, List<Export> Exports)> Cases
    {
        get
        {
            var retention = Gen.Select(Gen.Int[72, 400], Gen.Int[1, 72], Gen.OneOf(Gen.Const(""), Gen.Const("team/")), (ttl, touch, prefix) => Retention with { Prefix = prefix, Ttl = TimeSpan.FromHours(ttl), TouchRefresh = TimeSpan.FromHours(touch) });
            var export = Gen.Select(Gen.Int[0, 60 * 24 * 60], Gen.Int[0, 24 * 60], Gen.OneOf(Gen.Const("main"), Gen.Const("dev"), Gen.Const("old")), Gen.Int[0, 5].List[1, 4],
                (at, takes, name, blobs) => new Export(Start.AddMinutes(at), TimeSpan.FromMinutes(takes), name, blobs));
            return Gen.Select(retention, export.List[1, 40], (kept, exports) => (kept, exports));
        }
    }

    private static TimeSpan None(string key, DateTimeOffset modified) => TimeSpan.Zero;

    /// <summary>As bad as it can be: manifests go in the last minute of two days, blobs at once.</summary>
    private static TimeSpan Latest(string key, DateTimeOffset modified) => key.Contains("manifests/", StringComparison.Ordinal) ? TimeSpan.FromDays(2) - TimeSpan.FromMinutes(1) : TimeSpan.Zero;

    private static TimeSpan ByHash(string key, DateTimeOffset modified) => TimeSpan.FromMinutes((uint)(key.Length * 7919 + modified.Minute * 104729 + modified.Hour * 31) % (48 * 60));

    private static S3ExpiryModel Model(S3Retention retention, Func<string, DateTimeOffset, TimeSpan> lateness) =>
        new([.. S3Lifecycle.Rules(retention, versioned: false)], retention.Prefix, retention.TouchRefresh, lateness);

    private static S3ExpiryModel Naive(S3Retention retention, Func<string, DateTimeOffset, TimeSpan> lateness) =>
        new([Foreign("one", retention.ManifestDays, retention.Prefix)], retention.Prefix, retention.TouchRefresh, lateness);

    private static IReadOnlyList<LifecycleRule> Ours { get; } = S3Lifecycle.Rules(Retention, versioned: false);

    private static S3Merge Merge(IEnumerable<LifecycleRule> existing) => S3Lifecycle.Merge([.. existing], Ours, Retention);

    private static IEnumerable<string> Ids(S3Merge merge)
    {
        merge.Changed.ShouldBeTrue();
        return merge.Rules.Select(rule => rule.Id);
    }

    private static LifecycleRule Foreign(string id, int days = 30, string prefix = "") => new()
    {
        Id = id,
        Status = LifecycleRuleStatus.Enabled,
        Filter = new LifecycleFilter { LifecycleFilterPredicate = new LifecyclePrefixPredicate { Prefix = prefix } },
        Expiration = new LifecycleRuleExpiration { Days = days },
    };

    private static LifecycleRule Change(LifecycleRule rule, Action<LifecycleRule> change)
    {
        change(rule);
        return rule;
    }

    private static LifecycleFilter And(params LifecycleFilterPredicate[] parts) => new() { LifecycleFilterPredicate = new LifecycleAndOperator { Operands = [.. parts] } };

    private static string Words(LifecycleRule rule) =>
        $"{rule.Id} {S3RuleScope.Of(rule).Prefix} {rule.Expiration.Days} abort {rule.AbortIncompleteMultipartUpload.DaysAfterInitiation}{(rule.NoncurrentVersionExpiration is null ? "" : " versions")}";
}
