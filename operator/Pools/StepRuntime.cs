namespace Slipway.Pools;

/// <summary>
/// What buildkitd calls in place of runc. A builder's steps share its PID namespace, and there runc kills a step's first process alone:
/// what that has started would run on after a build that was cancelled, for hours. They share a mount namespace too, and by that this
/// finds them.
/// </summary>
internal static class StepRuntime
{
    public const string File = "oci-runtime";
    public const string Path = BuilderPaths.ConfigFolder + "/" + File;

    /// <summary>
    /// Fixed text for any POSIX shell. Everything goes on to runc as it came. After a kill it goes through all processes until the
    /// step has none any more; its first one is asked for before, while it is there.
    /// </summary>
    public const string Script =
        """
        #!/bin/sh
        for runtime in buildkit-runc runc; do
          if command -v "$runtime" >/dev/null 2>&1; then break; fi
        done

        # mounts_of "$@": the mount namespace of the container that a kill is for; nothing for any other command.
        mounts_of() {
          count=$# killing='' id=''
          while [ "$count" -gt 0 ]; do
            argument=$1 count=$((count - 1))
            shift
            if [ -z "$killing" ]; then
              if [ "$argument" = kill ]; then killing=1; else set -- "$@" "$argument"; fi
            elif [ -z "$id" ] && [ "${argument#-}" = "$argument" ]; then
              id=$argument
            fi
          done
          [ -n "$id" ] || return 0
          pid=$("$runtime" "$@" state "$id" 2>/dev/null | sed -n 's/.*"pid": *\([0-9][0-9]*\).*/\1/p')
          [ "${pid:-0}" -gt 0 ] && readlink "/proc/$pid/ns/mnt"
        }

        mounts=$(mounts_of "$@")
        if [ -z "$mounts" ] || [ "$mounts" = "$(readlink /proc/$$/ns/mnt)" ]; then exec "$runtime" "$@"; fi
        "$runtime" "$@"
        code=$?
        # Its number between the brackets. One look at all processes at once: on a machine that is busy, one for each takes longer
        # than buildkitd waits for this.
        number=${mounts#*[} rounds=0
        number=${number%]}
        while [ "$rounds" -lt 20 ]; do
          rounds=$((rounds + 1))
          left=$(ls -l /proc/[0-9]*/ns/mnt 2>/dev/null | sed -n "s|.*/proc/\([0-9]*\)/ns/mnt -> mnt:.$number.\$|\1|p")
          [ -n "$left" ] || break
          kill -9 $left 2>/dev/null
        done
        exit "$code"
        """;
}
