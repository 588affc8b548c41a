using System.Net;
using System.Text.Json.Nodes;
using NSubstitute;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Writing;

namespace Slipway.Tests.Unit.Kube.Writing;

[Requirement("R18")]
public sealed class StatusWriterTests
{
    private readonly IKubeClient _client = Substitute.For<IKubeClient>();
    private readonly StatusWriter _writer;
    private JsonNode? _sent;

    public StatusWriterTests()
    {
        _writer = new StatusWriter(_client);
        _client.PatchStatusAsync<Widget>(default, null, null, null!, Token)
            .ReturnsForAnyArgs(call =>
            {
                _sent = call.Arg<JsonNode>();
                return Widget.Named("a", 2);
            });
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WriteAsync_WhenTheStatusIsEqual_SendsNothing()
    {
        var before = With(new WidgetStatus { Phase = "Ready", Parts = ["x"], Progress = new WidgetProgress { Done = 1 } });
        var after = With(new WidgetStatus { Phase = "Ready", Parts = ["x"], Progress = new WidgetProgress { Done = 1 } });
        (await _writer.WriteAsync(before, after, Token)).ShouldBeSameAs(before);
        _client.ReceivedCalls().ShouldBeEmpty();
    }

    [Requirement("R16")]
    [Fact]
    public async Task WriteAsync_WhenItDiffers_SendsTheDifferenceBoundToTheVersion()
    {
        var before = With(new WidgetStatus { Phase = "Ready", Message = "m", Parts = ["x"], Progress = new WidgetProgress { Done = 1, Total = 3 } });
        var after = With(new WidgetStatus { Phase = "Ready", Parts = ["x", "y"], Progress = new WidgetProgress { Done = 2, Total = 3 } });
        var written = await _writer.WriteAsync(before, after, Token);

        written.Metadata.ResourceVersion.ShouldBe("2");
        await _client.Received(1).PatchStatusAsync<Widget>(new NamespacedName("ns", "a"), "uid-a", "1", Arg.Any<JsonNode>(), Token);
        JsonNode.DeepEquals(_sent, JsonNode.Parse("""{"parts":["x","y"],"progress":{"done":2},"message":null}""")).ShouldBeTrue(_sent!.ToJsonString());
    }

    // The models leave nulls out, so a patch made from one could never clear a field.
    [Requirement("R17", "kc: nulls left out")]
    [Fact]
    public async Task WriteAsync_WhenAFieldIsCleared_SendsANull()
    {
        await _writer.WriteAsync(
            With(new WidgetStatus { Phase = "Ready", Progress = new WidgetProgress { Done = 1 } }), With(new WidgetStatus { Phase = "Ready" }), Token);
        _sent!.ToJsonString().ShouldBe("""{"progress":null}""");
    }

    [Fact]
    public async Task WriteAsync_WhenThereWasNoStatus_SendsItAll()
    {
        await _writer.WriteAsync(With(null), With(new WidgetStatus { Phase = "Pending" }), Token);
        _sent!.ToJsonString().ShouldBe("""{"phase":"Pending"}""");
    }

    [Requirement("R16", "cr#2209")]
    [Fact]
    public async Task WriteAsync_WhenTheObjectHasChangedSince_SurfacesTheConflict()
    {
        _client.PatchStatusAsync<Widget>(default, null, null, null!, Token)
            .ReturnsForAnyArgs<Widget>(_ => throw new KubeApiException(HttpStatusCode.Conflict, "Conflict", "changed"));
        var exception = await Should.ThrowAsync<KubeApiException>(
            _writer.WriteAsync(With(null), With(new WidgetStatus { Phase = "Pending" }), Token));
        exception.IsConflict.ShouldBeTrue();
    }

    private static Widget With(WidgetStatus? status) => Widget.Named("a") with { Status = status };
}
