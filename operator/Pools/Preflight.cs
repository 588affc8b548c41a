using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>
/// What runs in a builder's pod before buildkitd: it makes the state folder and leaves BuilderFacts as JSON in its termination
/// message. It never fails the pod: what is wrong with a node, buildkitd itself says best.
/// </summary>
internal static class Preflight
{
    public const string ContainerName = BuilderFacts.ContainerName;
    public const string Report = "/dev/termination-log";
    private const string MaxUserNamespaces = "/proc/sys/user/max_user_namespaces";
    private const string AppArmorRestriction = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

    /// <summary>
    /// Fixed text for any POSIX shell: nothing of a user's goes into it, and nothing that a file says goes out unfiltered. Arguments are
    /// those of <see cref="EmulationProbe"/>, or none. buildkitd brings its own emulator along where the image has one; else the node's runs.
    /// </summary>
    public const string Script =
        $$"""
        mkdir -p {{BuilderPaths.Root}} && chmod u=rwx,go=,ug-s {{BuilderPaths.Root}}
        version=$(buildkitd --version 2>/dev/null | head -n 1 | cut -d ' ' -f 3 | tr -cd 'A-Za-z0-9.+_-')
        if [ -n "$version" ]; then version="\"$version\""; else version=null; fi
        namespaces=$(cat {{MaxUserNamespaces}} 2>/dev/null | tr -cd '0-9')
        case $(cat {{AppArmorRestriction}} 2>/dev/null) in
          0) restricts=false ;;
          1) restricts=true ;;
          *) restricts=null ;;
        esac
        emulates=null
        if command -v "buildkit-qemu-${1:-none}" > /dev/null; then
          emulates=true
        elif [ -n "$2" ] && probe=$(mktemp); then
          printf "$2" > "$probe"
          chmod u+x "$probe"
          if "$probe" < /dev/null > /dev/null 2>&1; then emulates=true; else emulates=false; fi
          rm -f "$probe"
        fi
        printf '{"version":%s,"maxUserNamespaces":%s,"apparmorRestrictsUserNamespaces":%s,"emulates":%s}' "$version" "${namespaces:-null}" "$restricts" "$emulates" > {{Report}}
        exit 0
        """;
}
