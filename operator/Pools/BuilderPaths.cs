using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>Where things are inside a builder's pod; the rootless images of BuildKit run as user 1000 with this home.</summary>
internal static class BuilderPaths
{
    public const int User = 1000;

    /// <summary>The volume. Given explicitly: the image's own is mounted nosuid and nodev on some nodes (moby/buildkit#879).</summary>
    public const string State = "/home/user/.local/share/buildkit";

    /// <summary>
    /// A folder within the volume, made by the preflight container. The volume's own has the setgid bit, which fsGroup brings along;
    /// layers below it would inherit the bit and carry it into the images.
    /// </summary>
    public const string Root = State + "/state";

    public const string ConfigFolder = "/home/user/.config/buildkit";
    public const string ConfigFile = "buildkitd.toml";
    public const string Socket = "/run/user/1000/buildkit/buildkitd.sock";
    public const string SocketAddress = "unix://" + Socket;
    public static readonly string TcpAddress = $"tcp://0.0.0.0:{Builder.Port}";

    public const string CertificateFolder = "/certs";
    public const string Authority = CertificateFolder + "/ca.crt";
    public const string ServerCertificate = CertificateFolder + "/tls.crt";
    public const string ServerKey = CertificateFolder + "/tls.key";
}
