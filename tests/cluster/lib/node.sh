# shellcheck shell=bash
# One node: a mount namespace, containerd and kubelet. All mounts of a node (volumes,
# root filesystems, network namespaces) live in its mount namespace alone, so they
# are gone when its last process is.

# Paths fixed in the sources of kubelet, containerd and CNI. Each node has its own
# behind them: a kubelet deletes log folders of pods that it does not know.
NODE_PRIVATE_PATHS="/var/log/pods /var/log/containers /var/lib/cni /run/containerd"

_node_root() { printf '%s/%s\n' "$STATE" "$1"; }

# in_node NODE COMMAND…: inside its mount namespace.
in_node() {
    local holder
    holder=$(service_pid "$1-mounts") || fail "entering $1: it is not up"
    shift
    nsenter --mount="/proc/$holder/ns/mnt" -- "$@"
}

# A process that does nothing but keep the namespace. Inside, mounts are shared with
# containers (mountPropagation works). Nothing of it is seen outside; what is unmounted
# outside is unmounted here too, so that the node keeps nothing busy.
node_namespace_up() {
    local node=$1 root path
    root=$(_node_root "$node")
    service_running "$node-mounts" && return 0
    for path in $NODE_PRIVATE_PATHS; do
        host_folder_up "$path"
        mkdir -p "$root/private$path"
    done
    # shellcheck disable=SC2016,SC2086  # expanded inside; one word per path
    service_start "$node-mounts" -- unshare --mount --propagation slave sh -euc '
        root=$1; shift
        mount --make-rshared /
        for path; do mount --bind "$root/private$path" "$path"; done
        touch "$root/mounted"
        exec sleep infinity
    ' sh "$root" $NODE_PRIVATE_PATHS
    service_ready "$node-mounts" 10 test -e "$root/mounted"
}

# host_folder_up PATH: an empty folder to mount over; down removes those we made.
host_folder_up() {
    [[ -d $1 ]] && return 0
    mkdir -p "$1" "$STATE/made"
    echo "$1" >>"$STATE/made/folders"
}

host_folders_down() {
    [[ -e $STATE/made/folders ]] || return 0
    local folder
    while read -r folder; do
        rmdir "$folder" 2>/dev/null || true
    done <"$STATE/made/folders"
    rm "$STATE/made/folders"
}

# The node's cgroup, in every hierarchy: the kubelet wants it there beforehand.
node_cgroups_up() {
    local hierarchy controller controllers
    for hierarchy in $(cgroup_hierarchies); do
        mkdir -p "$hierarchy/$1"
        # A cpuset starts without CPUs, and nothing can run in it.
        if [[ -e $hierarchy/cpuset.mems ]]; then
            cat "$hierarchy/cpuset.cpus" >"$hierarchy/$1/cpuset.cpus"
            cat "$hierarchy/cpuset.mems" >"$hierarchy/$1/cpuset.mems"
        fi
        # cgroup v2 (not tried): a controller works below only where it is passed on.
        read -ra controllers 2>/dev/null <"$hierarchy/cgroup.controllers" || controllers=()
        for controller in "${controllers[@]}"; do
            echo "+$controller" >"$hierarchy/cgroup.subtree_control"
        done
    done
}

node_containerd_up() {
    local node=$1 bridge=$2 subnet=$3 root packages
    root=$(_node_root "$node")
    packages=$(artifact_path packages)
    mkdir -p "$root/cni"
    containerd_config "$root" "$packages" >"$root/containerd.toml"
    cni_config "$root" "$bridge" "$subnet" >"$root/cni/10-slipway.conflist"
    service_start "$node-containerd" -- nsenter --mount="/proc/$(service_pid "$node-mounts")/ns/mnt" -- \
        env PATH="$packages/usr/bin:$packages/usr/sbin:$PATH" containerd -c "$root/containerd.toml"
    service_ready "$node-containerd" 30 node_ctr "$node" version
    [[ $(node_ctr "$node" images list -q) == *"$PAUSE_IMAGE"* ]] ||
        node_ctr "$node" images import "$(artifact_path pause-image)/pause.tar" >>"$STATE/log/$node-containerd.log"
}

node_ctr() {
    local node=$1
    shift
    in_node "$node" "$(artifact_path packages)/usr/bin/ctr" \
        --address "$(_node_root "$node")/containerd.sock" --namespace k8s.io "$@"
}

# restrict_oom_score_adj: without CAP_SYS_RESOURCE runc cannot lower it, and every
# sandbox would fail. The hugetlb controller is not mounted here.
containerd_config() {
    cat <<TOML
version = 2
root = "$1/containerd"
state = "$1/run"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$1/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$1/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$2/usr/lib/cni"
    conf_dir = "$1/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$STATE/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "$2/usr/sbin/runc"
TOML
}

# No masquerading: pods talk to the cluster and to this machine, and both know them.
cni_config() {
    cat <<JSON
{
  "cniVersion": "0.4.0",
  "name": "slipway",
  "plugins": [
    {
      "type": "bridge", "bridge": "$2", "isGateway": true, "isDefaultGateway": true, "hairpinMode": true,
      "ipam": {"type": "host-local", "dataDir": "$1/addresses", "ranges": [[{"subnet": "$3"}]]}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
JSON
}

# The Docker Hub stand-in answers for every name, so that no pull leaves the machine;
# the registry that builds push to answers for itself, with its private CA.
registry_hosts_up() {
    local hub=http://$HOST_ADDRESS:$HUB_PORT registry=$HOST_ADDRESS:$REGISTRY_PORT
    registry_host docker.io "$hub"
    registry_host _default "$hub"
    registry_host "$registry" "https://$registry" "ca = \"$PKI/registry-ca.crt\""
}

# registry_host NAME URL [LINE]: `server` too, or a failed pull would go on to NAME itself.
registry_host() {
    mkdir -p "$STATE/certs.d/$1"
    cat >"$STATE/certs.d/$1/hosts.toml" <<TOML
server = "$2"
[host."$2"]
  capabilities = ["pull", "resolve"]
  ${3:-}
TOML
}

# A node's own labels win over what the kubelet finds, so node-arm64 is arm64 from its
# first second, also after a restart. Its CPU is emulated: status.nodeInfo still says
# amd64, containers are amd64, and arm64 programs in them run under qemu.
node_kubelet_up() {
    local node=$1 address=$2 root
    root=$(_node_root "$node")
    mkdir -p "$root/kubelet" "$root/plugins"
    echo 'nameserver 127.0.0.1' >"$root/resolv.conf"
    kubelet_config "$node" "$address" "$root" >"$root/kubelet.yaml"
    service_start "$node-kubelet" -- nsenter --mount="/proc/$(service_pid "$node-mounts")/ns/mnt" -- \
        "$(artifact_path kubernetes)/kubelet" --config="$root/kubelet.yaml" --root-dir="$root/kubelet" \
        --kubeconfig="$STATE/$node.kubeconfig" --cert-dir="$root/kubelet/pki" \
        --hostname-override="$node" --node-ip="$address" --node-labels="kubernetes.io/arch=${node#node-}" \
        --container-runtime=remote --container-runtime-endpoint="unix://$root/containerd.sock"
    service_ready "$node-kubelet" 60 curl -fs "http://$address:$KUBELET_HEALTH_PORT/healthz"
    service_ready "$node-kubelet" 60 node_is_ready "$node"
}

node_is_ready() {
    [[ $(cluster_kubectl get node "$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

# There is no cluster DNS: with loopback as its server, a look-up in a pod fails at once.
# eventRecordQPS: 0 means 5 a second and not no limit (kubernetes#117101), so that what kubelet did was told late.
# nodeStatusUpdateFrequency: a new node says Ready with its next update, 10 s by default.
# DevicePlugins: their socket's path is fixed, and two kubelets would fight for it.
kubelet_config() {
    cat <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $2
port: $KUBELET_PORT
healthzBindAddress: $2
healthzPort: $KUBELET_HEALTH_PORT
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/cluster-ca.crt}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: /$1
failSwapOn: false
resolvConf: $3/resolv.conf
clusterDNS: [127.0.0.1]
clusterDomain: cluster.local
volumePluginDir: $3/plugins
oomScoreAdj: 0
maxPods: 200
nodeStatusUpdateFrequency: 2s
serializeImagePulls: false
kubeAPIQPS: 50
kubeAPIBurst: 100
eventRecordQPS: 200
eventBurst: 1000
registryPullQPS: 0
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 99
imageGCLowThresholdPercent: 98
featureGates: {DevicePlugins: false}
YAML
}
