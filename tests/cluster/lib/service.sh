# shellcheck shell=bash
# Services: processes in a session, a log and a cgroup of their own.
# $STATE/run/NAME holds "pid starttime", $STATE/log/NAME.log what it prints.

_service_cgroup() { printf '%s/slipway/%s\n' "$(cgroup_root)" "$1"; }

# service_pid NAME: the recorded process's id, if that very process lives.
service_pid() {
    local pid started
    read -r pid started 2>/dev/null <"$STATE/run/$1" || return 1
    is_process "$pid" "$started" || return 1
    printf '%s\n' "$pid"
}

service_running() { service_pid "$1" >/dev/null; }

# A service must not keep our locks, nor a pipe that somebody reads to its end.
close_inherited() {
    local fd
    for fd in "/proc/$BASHPID/fd"/*; do
        fd=${fd##*/}
        if ((fd > 2 && fd != 255)); then eval "exec $fd>&-"; fi
    done
}

# service_start NAME -- ARGV…: does nothing when it runs. ARGV must not fork away:
# the process started is the one recorded.
service_start() {
    local name=$1 group pid
    [[ $2 == -- ]] || fail "service_start $name: no -- before its arguments"
    shift 2
    service_running "$name" && return 0
    mkdir -p "$STATE/run" "$STATE/log"
    group=$(_service_cgroup "$name")
    mkdir -p "$group"
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        close_inherited
        exec setsid "$@"
    ) >>"$STATE/log/$name.log" 2>&1 </dev/null &
    pid=$!
    printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$STATE/run/$name"
}

# service_ready NAME TIMEOUT COMMAND…: waits until COMMAND succeeds, and gives up at
# once when the service has ended.
service_ready() {
    local name=$1 timeout=$2 deadline
    shift 2
    deadline=$((SECONDS + timeout))
    until "$@" >/dev/null 2>&1; do
        service_running "$name" || fail "starting $name (it ended)" "$STATE/log/$name.log"
        ((SECONDS < deadline)) || fail "starting $name (not ready after $timeout s)" "$STATE/log/$name.log"
        sleep 0.2
    done
}

# service_stop NAME [GRACE]: SIGTERM, then SIGKILL after GRACE seconds (10); then
# whatever it left in its cgroup (a containerd's shims outlive it).
service_stop() {
    local name=$1 grace=${2:-10} pid deadline
    if pid=$(service_pid "$name"); then
        kill -TERM "$pid" 2>/dev/null || true
        deadline=$((SECONDS + grace))
        while service_running "$name"; do
            ((SECONDS < deadline)) || { kill -KILL "$pid" 2>/dev/null || true; }
            sleep 0.1
        done
    fi
    cgroup_kill "$(_service_cgroup "$name")"
    cgroup_remove "$(_service_cgroup "$name")"
    rm -f "$STATE/run/$name"
}

# One up or down at a time. What we start does not inherit the lock: service_start
# closes everything but its log.
lock_cluster() {
    mkdir -p "$SLIPWAY_CACHE"
    exec 9>"$SLIPWAY_CACHE/cluster.lock"
    flock -n 9 || { say "another cluster command is running; waiting …"; flock 9; }
}
