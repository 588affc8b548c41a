using k8s.Models;
using Slipway.Kube.Events;

namespace Slipway.Tests.Unit.Kube.Events;

public sealed class ReadyTransitionTests
{
    [Theory]
    [InlineData(null, "True", "Normal")]
    [InlineData("Unknown", "True", "Normal")]
    [InlineData("True", "False", "Warning")]
    [InlineData("False", "False", "Warning")]
    public void Of_WhenReadyIsCertainAndNew_TellsIt(string? before, string after, string type)
    {
        var told = ReadyTransition.Of(Widget.Named("a"), before is null ? null : [Ready(before, "Old")], [Ready(after, "New")])!;
        (told.Type.ToString(), told.Reason, told.Message, told.Regarding.Uid).ShouldBe((type, "New", "Because.", "uid-a"));
    }

    [Theory]
    [InlineData("True", "Same", "True", "Same")]
    [InlineData("False", "Same", "False", "Same")]
    [InlineData("True", "Old", "Unknown", "New")]
    public void Of_WhenItIsNoNews_IsNothing(string before, string oldReason, string after, string newReason) =>
        ReadyTransition.Of(Widget.Named("a"), [Ready(before, oldReason)], [Ready(after, newReason)]).ShouldBeNull();

    private static V1Condition Ready(string status, string reason) => new() { Type = "Ready", Status = status, Reason = reason, Message = "Because." };
}
