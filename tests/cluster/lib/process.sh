# shellcheck shell=bash
# Processes by id, never by name. A pid alone may come back as another process, so
# a record is "pid starttime"; and every process that a service of ours forks stays
# in a cgroup that we made, so whatever is in there is ours by construction.

# start_time PID: field 22 of its stat (the name in field 2 may hold spaces).
start_time() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    # shellcheck disable=SC2086  # split on purpose
    set -- $stat
    printf '%s\n' "${20}"
}

# is_process PID STARTTIME: the process we recorded, alive (a zombie is not).
is_process() {
    local now state
    now=$(start_time "$1") || return 1
    [[ $now == "$2" ]] || return 1
    state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 1
    [[ $state != Z ]]
}

# cgroup_root: the hierarchy that keeps track of our processes.
cgroup_root() {
    if [[ -d /sys/fs/cgroup/pids ]]; then echo /sys/fs/cgroup/pids; else echo /sys/fs/cgroup; fi
}

# cgroup_hierarchies: where each is mounted: one a controller with v1, a single one with v2.
cgroup_hierarchies() { awk '$3 ~ /^cgroup2?$/ && $2 ~ "^/sys/fs/cgroup" { print $2 }' /proc/mounts; }

# cgroup_pids DIR: every process in a cgroup of ours and below it.
cgroup_pids() {
    [[ -d $1 ]] || return 0
    find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null || true
}

# cgroup_kill DIR: ends all of them, however often they fork.
cgroup_kill() {
    local pids deadline=$((SECONDS + 20))
    while pids=$(cgroup_pids "$1"); [[ -n $pids ]]; do
        # shellcheck disable=SC2086  # one word per pid
        kill -KILL $pids 2>/dev/null || true
        ((SECONDS < deadline)) || fail "ending the processes in $1: $pids"
        sleep 0.1
    done
}

# cgroup_remove DIR: the cgroup and those below, deepest first.
cgroup_remove() {
    [[ -d $1 ]] || return 0
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
    if [[ -d $1 ]]; then sleep 0.3; find "$1" -depth -type d -exec rmdir {} +; fi
}

# cgroups_down NAME: ends what is in this cgroup of ours, and removes it everywhere.
cgroups_down() {
    local hierarchy
    cgroup_kill "$(cgroup_root)/$1"
    for hierarchy in $(cgroup_hierarchies); do
        cgroup_remove "$hierarchy/$1"
    done
}
