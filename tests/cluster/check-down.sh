#!/usr/bin/env bash
# Is the machine as it was before the cluster?
#   check-down.sh remember   what is there before an up (only when no cluster is up)
#   check-down.sh check      compares, and fails on anything that is left
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

BEFORE=$SLIPWAY_CACHE/before-up

# One file a kind of thing, each line one thing.
snapshot() {
    local folder=$1
    mkdir -p "$folder"
    awk '{ print $5 " " $9 " " $10 }' /proc/self/mountinfo | sort >"$folder/mounts"
    # The ones at the top: those below are their maker's, and some come and go by themselves.
    find /sys/fs/cgroup -mindepth 2 -maxdepth 2 -type d | sort >"$folder/cgroups"
    ls /sys/class/net >"$folder/links"
    { ls /run/netns /var/run/netns 2>/dev/null || true; } >"$folder/network-namespaces"
    { ls /proc/sys/fs/binfmt_misc 2>/dev/null || true; } >"$folder/binfmt"
    ip -4 route show table all | sort >"$folder/routes"
    { iptables_rules iptables; iptables_rules ip6tables; } >"$folder/iptables"
    sysctls >"$folder/sysctls"
    { ls -d "$STATE" /tmp/hostpath_pv /run/containerd /var/lib/cni /var/log/pods /var/log/containers 2>/dev/null || true; } >"$folder/folders"
    cluster_processes >"$folder/processes"
}

# Rules and chains; the empty tables that nf_tables keeps once asked are nothing.
iptables_rules() {
    command -v "$1-save" >/dev/null || return 0
    "$1-save" 2>/dev/null | sed -n -E "s/^:([^ ]+) ([^ ]+).*/$1 chain \1 \2/p; s/^-A/$1 rule -A/p" |
        grep -vE 'chain [A-Z]+ ACCEPT$' || true
}

# Settings, without counters and what changes by itself.
sysctls() {
    (
        cd /proc/sys
        find net/ipv4 net/ipv6/conf net/bridge net/netfilter vm kernel -type f -perm -u+r 2>/dev/null |
            grep -vE 'random/|ns_last_pid|nf_conntrack_count|/pty/nr|neigh/|route/flush|stat_refresh|compact_memory|drop_caches|nf_conntrack_buckets|sched_domain|dentry|numa|nf_log|ipv[46]/conf/(veth|slw-)' |
            sort | xargs -r grep -sH '' 2>/dev/null || true
    )
}

# Our services' and pods' programs are in the cgroups above, which cannot go while one
# lives; here is whoever else works on the cluster's folder.
cluster_processes() {
    local process arguments
    for process in /proc/[0-9]*; do
        process=${process#/proc/}
        [[ $process != "$$" && $process != "$BASHPID" ]] || continue
        arguments=$(tr '\0' ' ' 2>/dev/null <"/proc/$process/cmdline") || continue
        [[ $arguments != *"$STATE/"* ]] || printf '%s %s\n' "$process" "${arguments:0:120}"
    done
}

# Of what others on the machine make and remove too, only what is new counts; in the
# settings that all share, every difference.
differences() {
    local kind
    for kind in mounts cgroups network-namespaces folders processes; do
        comm -13 <(sort "$BEFORE/$kind") <(sort "$1/$kind") | sed "s#^#left in $kind: #"
    done
    for kind in links routes iptables binfmt sysctls; do
        diff "$BEFORE/$kind" "$1/$kind" | sed -n "s#^<#was in $kind: #p; s#^>#now in $kind: #p" || true
    done
}

case ${1:-} in
    remember)
        [[ ! -d $STATE ]] || exit 0
        rm -rf "$BEFORE"
        snapshot "$BEFORE"
        ;;
    check)
        [[ -d $BEFORE ]] || fail "nothing remembered: no cluster was started from $SLIPWAY_CACHE"
        now=$(mktemp -d)
        trap 'rm -rf "$now"' EXIT
        # The kernel takes the links of the last pods away a moment after their processes.
        for ((look = 0; look < 10; look++)); do
            ((look == 0)) || sleep 1
            snapshot "$now"
            differences "$now" >"$now/all"
            [[ -s $now/all ]] || break
        done
        cat "$now/all"
        [[ ! -s $now/all ]] || fail "the machine is not as it was before the cluster"
        say "nothing is left of the cluster"
        ;;
    *) echo "usage: check-down.sh remember|check" >&2; exit 2 ;;
esac
