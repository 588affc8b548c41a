namespace Slipway.Kube.Controllers;

/// <summary>
/// Trying again cannot help until the object or something that it depends on changes. The pass is not retried; set the
/// object's condition Stalled before throwing.
/// </summary>
internal sealed class TerminalException(string message, Exception? innerException = null) : Exception(message, innerException);
