using System.Text;
using CsCheck;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class ResultFileTests
{
    private static readonly string Digest = "sha256:" + new string('a', 64);

    [Fact]
    public void Fit_WhenEverythingFits_ChangesNothing()
    {
        var result = new RunResult { Attestations = Attestations(4), IndexDigest = Digest };
        ResultFile.Fit(result).ShouldBe(RunnerJson.Serialize(result));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("ü")]
    [InlineData("\"")]
    [InlineData("\u0001")]
    [InlineData("😀")]
    public void Fit_WhenMessageAndListsAreLong_StaysWithin4096BytesAndReadable(string letter)
    {
        var result = new RunResult
        {
            Commit = new string('c', 64),
            IndexDigest = Digest,
            ImageDigest = Digest,
            Attestations = Attestations(20),
            Cache = new CacheResult { Steps = 1000, Cached = 999 },
            Failure = new RunFailure
            {
                Class = FailureClass.User,
                Reason = FailureReasons.RunStepFailed,
                Message = string.Concat(Enumerable.Repeat(letter, 1000)),
                Step = string.Concat(Enumerable.Repeat(letter, 3000)),
                ExitCode = 1,
            },
        };
        var json = ResultFile.Fit(result);
        Encoding.UTF8.GetByteCount(json).ShouldBeLessThanOrEqualTo(ResultFile.MaxBytes);
        var read = RunnerJson.Deserialize<RunResult>(json);
        read.Failure!.Reason.ShouldBe(FailureReasons.RunStepFailed);
        read.Attestations!.Count.ShouldBeGreaterThan(0);
        (read.Attestations.Count + read.AttestationsOmitted).ShouldBe(20);
        read.Failure.Message.ShouldNotContain("\uFFFD");
    }

    [Fact]
    public void Fit_WhenOnlyTheMessageIsLong_KeepsTheAttestations()
    {
        var failure = new RunFailure { Class = FailureClass.User, Reason = "R", Message = new string('x', 5000) };
        var read = RunnerJson.Deserialize<RunResult>(ResultFile.Fit(new RunResult { Attestations = Attestations(4), Failure = failure }));
        read.Attestations!.Count.ShouldBe(4);
        read.AttestationsOmitted.ShouldBeNull();
        read.Failure!.Message.Length.ShouldBe(800);
    }

    /// <summary>Whatever a sound result may hold (ResultCheck), characters that JSON escapes and halves of characters included.</summary>
    [Fact]
    public void Fit_WhateverTheResult_StaysWithin4096BytesAndKeepsWhatMatters()
    {
        var letter = Gen.Char["xü€\"\\\u0001\n\u007f\u2028\ud83d\ude00<"];
        Gen<string> Text(int most) => Gen.OneOf(letter.Select(c => new string(c, most)), Gen.Select(letter, letter, (a, b) => string.Concat(Enumerable.Repeat($"{a}{b}", most / 2))), Gen.String[letter, 1, most]);
        var attestation = Gen.Select(Text(1024), Gen.Long[0, long.MaxValue], (predicate, size) => new AttestationResult(Digest, predicate, Digest, size));
        var failure = Gen.Select(
            Gen.Enum<FailureClass>(), Text(20_000), Gen.OneOf(Gen.Const((string?)null), Text(20_000).Select(text => (string?)text)), Gen.Int,
            (kind, message, step, code) => new RunFailure { Class = kind, Reason = new string('R', 64), Message = message, Step = step, ExitCode = code });
        var results = Gen.Select(
            attestation.List[0, 16], Gen.OneOf(Gen.Const((RunFailure?)null), failure.Select(one => (RunFailure?)one)), Gen.Bool, Gen.Int[0, 100_000], Text(2000),
            (attestations, failed, flag, steps, message) => new RunResult
            {
                Commit = new string('c', 64),
                IndexDigest = Digest,
                ImageDigest = Digest,
                Attestations = attestations,
                Cache = new CacheResult { Steps = steps, Cached = steps, Imported = flag, Problem = flag ? new CacheProblem(CacheProblemKind.Broken, message) : null },
                Published = flag,
                DurationSeconds = int.MaxValue,
                Failure = failed,
            });

        results.Sample(
            result =>
            {
                var json = ResultFile.Fit(result);
                Encoding.UTF8.GetByteCount(json).ShouldBeLessThanOrEqualTo(ResultFile.MaxBytes);
                var read = RunnerJson.Deserialize<RunResult>(json);
                (read.Commit, read.IndexDigest, read.ImageDigest, read.Published).ShouldBe((result.Commit, result.IndexDigest, result.ImageDigest, result.Published));
                (read.Cache! with { Problem = null }, read.Cache!.Problem?.Kind).ShouldBe((result.Cache! with { Problem = null }, result.Cache.Problem?.Kind));
                (read.Failure?.Class, read.Failure?.Reason, read.Failure?.ExitCode).ShouldBe((result.Failure?.Class, result.Failure?.Reason, result.Failure?.ExitCode));
                (read.Attestations!.Count + (read.AttestationsOmitted ?? 0)).ShouldBe(result.Attestations!.Count);
            },
            iter: 2000);
    }

    [Theory]
    [InlineData("x", 5)]
    [InlineData("€", 5)]
    [InlineData("😀", 1)]
    public void Fit_WhenConflictsAreLong_KeepsAsManyAsThereIsRoomFor(string letter, int least)
    {
        var text = string.Concat(Enumerable.Repeat(letter, 200 / letter.Length));
        var result = new RunResult
        {
            Expiry = new ExpiryResult { Means = ExpiryResult.Sweep, Why = ExpiryResult.LifecycleDenied, Conflicts = [.. Enumerable.Repeat(text, ExpiryResult.MaxConflicts)], Blobs = new ExpiredObjects(long.MaxValue, long.MaxValue) },
            Failure = new RunFailure { Class = FailureClass.Infrastructure, Reason = FailureReasons.CacheBucketUnavailable, Message = string.Concat(Enumerable.Repeat(letter, 2000)) },
        };

        var json = ResultFile.Fit(result);

        Encoding.UTF8.GetByteCount(json).ShouldBeLessThanOrEqualTo(ResultFile.MaxBytes);
        var read = RunnerJson.Deserialize<RunResult>(json).Expiry!;
        read.Conflicts.Count.ShouldBeGreaterThanOrEqualTo(least);
        read.Conflicts.ShouldAllBe(conflict => conflict == text);
        read.Blobs.ShouldBe(result.Expiry.Blobs);
    }

    private static List<AttestationResult> Attestations(int count) =>
        [.. Enumerable.Range(0, count).Select(number => new AttestationResult(Digest, "https://slsa.dev/provenance/v1", Digest, number))];
}
