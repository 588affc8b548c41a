using System.Text;
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

    private static List<AttestationResult> Attestations(int count) =>
        [.. Enumerable.Range(0, count).Select(number => new AttestationResult(Digest, "https://slsa.dev/provenance/v1", Digest, number))];
}
