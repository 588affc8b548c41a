namespace Slipway.Kube;

/// <summary>The kubelet's words for an image that it cannot pull.</summary>
internal static class ImagePull
{
    public static bool Failed(string? waitingReason) =>
        waitingReason is "ErrImagePull" or "ImagePullBackOff" or "InvalidImageName" or "ErrImageNeverPull" or "RegistryUnavailable" or "ImageInspectError";
}
