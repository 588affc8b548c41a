namespace Slipway.Tests.Unit.Kube;

internal static class Waiting
{
    /// <summary>The task's end, which ought to come at once. The limit only turns a hanging test into a failing one.</summary>
    public static Task Soon(this Task task) => task.WaitAsync(ScriptedApiServer.Patience, TestContext.Current.CancellationToken);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(ScriptedApiServer.Patience, TestContext.Current.CancellationToken);

    public static Task<T> Soon<T>(this ValueTask<T> task) => task.AsTask().Soon();

    /// <summary>Hangs until cancelled, as work does that heeds its token.</summary>
    public static Task CancelledAsync(this CancellationToken token) => new TaskCompletionSource().Task.WaitAsync(token);
}
