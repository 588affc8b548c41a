using System.Text.Json.Nodes;
using Slipway.Kube.Writing;

namespace Slipway.Tests.Unit.Kube.Writing;

[Requirement("R17")]
public sealed class SubsetTests
{
    [Theory]
    [InlineData("""{}""", """{"a":1}""", true)]
    [InlineData("""{"a":1}""", """{"a":1,"b":2}""", true)]
    [InlineData("""{"a":1}""", """{"b":2}""", false)]
    [InlineData("""{"a":1}""", """{"a":"1"}""", false)]
    [InlineData("""{"a":{"b":1}}""", """{"a":{"b":1,"c":2}}""", true)]
    [InlineData("""{"a":{"b":1}}""", """{"a":null}""", false)]
    [InlineData("""[1,2]""", """[1,2]""", true)]
    [InlineData("""[1,2]""", """[2,1]""", false)]
    [InlineData("""[1]""", """[1,2]""", false)]
    [InlineData("""[{"a":1}]""", """[{"a":1,"default":2}]""", true)]
    public void Of_Always_ComparesWhatThePartHolds(string part, string whole, bool expected) =>
        Subset.Of(JsonNode.Parse(part), JsonNode.Parse(whole)).ShouldBe(expected);
}
