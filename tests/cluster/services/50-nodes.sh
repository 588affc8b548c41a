# shellcheck shell=bash
# The two nodes. See lib/node.sh for what one is made of.

nodes_up() {
    registry_hosts_up
    local arch bridge subnet address pids=() pid
    while read -r arch bridge subnet address; do
        [[ -n $arch ]] || continue
        node_up "node-$arch" "$bridge" "$subnet" "$address" &
        pids+=($!)
    done <<<"$NODES"
    for pid in "${pids[@]}"; do wait "$pid"; done
}

# A node whose namespace is gone (a crash) starts afresh: what its pods had mounted
# is gone too, and the kubelet makes its pods anew.
node_up() {
    service_running "$1-mounts" || node_down "$1"
    node_namespace_up "$1"
    node_cgroups_up "$1"
    node_containerd_up "$1" "$2" "$3"
    node_kubelet_up "$1" "$4"
}

nodes_down() {
    local arch rest pids=() pid
    while read -r arch rest; do
        [[ -n $arch ]] || continue
        node_down "node-$arch" &
        pids+=($!)
    done <<<"$NODES"
    for pid in "${pids[@]}"; do wait "$pid"; done
    host_folders_down
    rm -rf "$STATE/certs.d"
}

# The kubelet first, or it would start its pods again. Then the pods: their processes
# are the ones in the node's cgroup. The shims go with containerd's own cgroup.
node_down() {
    service_stop "$1-kubelet" 3
    cgroups_down "$1"
    service_stop "$1-containerd" 3
    service_stop "$1-mounts" 1
    rm -rf --one-file-system "${STATE:?}/$1"
}
