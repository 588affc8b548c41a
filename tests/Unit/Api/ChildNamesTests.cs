using CsCheck;
using Slipway.Api;
using Slipway.Api.Validation;

namespace Slipway.Tests.Unit.Api;

public sealed class ChildNamesTests
{
    private static readonly Platform Arm = new("linux", "arm", "v7");

    private static readonly Gen<string> Names = Gen.Char["abcxyz019.-"].Array[0, 61].Select(middle => $"a{new string(middle)}z");

    [Fact]
    public void StatefulSet_WhenNameIsShort_IsPlain() => ChildNames.StatefulSet("farm", Arm).ShouldBe("farm-linux-arm-v7");

    [Fact]
    public void StatefulSet_WhenNamesDifferOnlyBeyondTheLimit_StayApart() =>
        ChildNames.StatefulSet(new string('a', 60) + "b", Arm).ShouldNotBe(ChildNames.StatefulSet(new string('a', 60) + "c", Arm));

    [Fact]
    public void StatefulSet_WhenADotBecomesADash_StaysApartFromTheDash() =>
        ChildNames.StatefulSet("a.b", Arm).ShouldNotBe(ChildNames.StatefulSet("a-b", Arm));

    [Requirement("R16")]
    [Fact]
    public void Children_WhenNameIsAnyThatTheCrdsTake_AreLabelsOfAtMost63Characters() => Names.Sample(name =>
    {
        var set = ChildNames.StatefulSet(name, Arm);
        string[] children =
        [
            set, ChildNames.BuilderPod(set, 99), ChildNames.PoolConfig(set), ChildNames.ServerCertificate(set, "0123456789ab"),
            ChildNames.PrepareJob(name, "uid", "key", 3), ChildNames.PlatformJob(name, "uid", "key", Arm, 3), ChildNames.PublishJob(name, "uid", "key", 3),
            ChildNames.InlineSource(name, "uid", "key"), ChildNames.ClientCertificate(name, "uid", "key", null), ChildNames.ClientCertificate(name, "uid", "key", "0a1b2c3d"),
        ];
        return children.All(child => child.Length <= 63 && Patterns.Matches(child, Patterns.DnsLabel));
    });

    [Theory]
    [InlineData("app-1.2_x", "app-1.2_x")]
    [InlineData("arm-1.example.com:1234", "arm-1-example-com-1234-859b7c78")]
    [InlineData("[2001:db8::7]:1234", "2001-db8--7--1234-92f5fcc1")]
    public void LabelValue_OfWhatIsNone_IsOneThatPeopleRecognise(string name, string label) => ChildNames.LabelValue(name).ShouldBe(label);

    [Requirement("R16")]
    [Requirement("R17")]
    [Fact]
    public void BuildChildren_WhenUidOrKeyChange_AreOthers()
    {
        string[] names =
        [
            ChildNames.PrepareJob("app", "1", "key", 1), ChildNames.PrepareJob("app", "1", "key", 2), ChildNames.PrepareJob("app", "2", "key", 1), ChildNames.PrepareJob("app", "1", "other", 1),
            ChildNames.PlatformJob("app", "1", "key", Arm, 1), ChildNames.PlatformJob("app", "1", "key", Arm, 2), ChildNames.PublishJob("app", "1", "key", 1),
        ];
        names.Distinct().Count().ShouldBe(names.Length);
    }

    [Fact]
    public void BuilderServerName_WhenAsked_IsUnderTheServiceOfThePoolsNamespace() =>
        ChildNames.BuilderServerName("farm-linux-arm64-0", "farm-linux-arm64", "builders").ShouldBe("farm-linux-arm64-0.farm-linux-arm64.builders.svc");
}
