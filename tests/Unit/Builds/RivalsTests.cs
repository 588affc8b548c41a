using Slipway.Api;
using Slipway.Builds;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>What builds with a tag in common mean for each other.</summary>
public sealed class RivalsTests
{
    [Fact]
    public void Unaware_WhenAnOlderBuildRunsWhoseTagsItHasPut_IsThatBuild()
    {
        Of(Newer(), Older()).Unaware.ShouldBe("older");
        Of(Newer(), Older(knows: "latest")).Unaware.ShouldBeNull();
    }

    [Fact]
    public void Unaware_WhenTheOtherBuildHasEndedOrIsNewer_IsNobody()
    {
        var older = Older();

        Of(Newer(), older with { Status = older.Status! with { CompletedAt = Now.UtcDateTime } }).Unaware.ShouldBeNull();
        Of(Newer(), older with { Status = older.Status! with { RequestedAt = Now.UtcDateTime.AddSeconds(1) } }).Unaware.ShouldBeNull();
    }

    [Fact]
    public void Unaware_WhenItHasPutNone_IsNobody() =>
        Of(Newer() with { Status = new ImageBuildStatus { Phase = Phases.Failed, RequestedAt = Now.UtcDateTime, CompletedAt = Now.UtcDateTime } }, Older()).Unaware.ShouldBeNull();

    [Fact]
    public void TagsOfNewer_WhenTheNewerBuildPutOthersThanItNames_AreThoseThatItPut() =>
        Of(Older(), Newer()).TagsOfNewer.ShouldBe(["latest"]);

    private static Rivals Of(V1Alpha1ImageBuild build, V1Alpha1ImageBuild other) =>
        Rivals.Of(build, Rivals.RequestedAt(build), [], [build, other], publishes: _ => false);

    private static V1Alpha1ImageBuild Newer() => Named("newer") with
    {
        Status = new ImageBuildStatus
        {
            Phase = Phases.Succeeded,
            RequestedAt = Now.UtcDateTime,
            CompletedAt = Now.UtcDateTime.AddSeconds(9),
            Image = $"registry.example.com/team-a/hello@{Digest("index")}",
            Tags = ["latest"],
        },
    };

    private static V1Alpha1ImageBuild Older(params string[] knows) => Named("older") with
    {
        Status = new ImageBuildStatus { Phase = Phases.Queued, RequestedAt = Now.UtcDateTime.AddMinutes(-1), SupersededTags = knows },
    };

    private static V1Alpha1ImageBuild Named(string name)
    {
        var build = Build();
        (build.Metadata.Name, build.Metadata.Uid) = (name, name);
        return build;
    }
}
