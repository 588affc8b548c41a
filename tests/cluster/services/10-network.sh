# shellcheck shell=bash
# The node bridges, the kernel settings that nodes need, and a guard that keeps
# every pod's traffic inside CLUSTER_RANGE.

# What we, the kubelet, kube-proxy and the CNI plugins set; down puts it back.
NETWORK_SYSCTLS="
net/ipv4/ip_forward
net/ipv4/conf/all/route_localnet
net/bridge/bridge-nf-call-iptables
net/bridge/bridge-nf-call-ip6tables
net/netfilter/nf_conntrack_max
net/netfilter/nf_conntrack_tcp_timeout_established
net/netfilter/nf_conntrack_tcp_timeout_close_wait
vm/overcommit_memory
vm/panic_on_oom
kernel/panic
kernel/panic_on_oops
kernel/keys/root_maxkeys
kernel/keys/root_maxbytes
"

network_up() {
    refuse_second_kubernetes
    save_sysctls
    local name bridge subnet gateway
    while read -r name bridge subnet gateway; do
        [[ -n $name ]] || continue
        [[ -d /sys/class/net/$bridge ]] || ip link add "$bridge" type bridge
        # A bridge that was given no address takes that of one of its ports, and another with
        # every pod that comes or goes: who has talked to it before then waits for seconds.
        ip link set "$bridge" address "$(<"/sys/class/net/$bridge/address")"
        ip address replace "$gateway/${subnet#*/}" dev "$bridge"
        ip link set "$bridge" up
    done <<<"$NODES"
    # An address that nobody has must not be looked for beyond this machine. For the host's
    # own connections to Services some route must be there before they are translated.
    ip route replace unreachable "$CLUSTER_RANGE"
    ip route replace "$SERVICE_RANGE" dev slw-amd64
    echo 1 >/proc/sys/net/ipv4/ip_forward
    # Without it, a pod's answer to a pod on the same bridge would bypass the
    # Service's address translation.
    if [[ ! -e /proc/sys/net/bridge ]]; then
        host_needs modprobe:kmod
        modprobe br_netfilter
    fi
    echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
    guard_up
}

# Nothing of a pod leaves this machine: what is not for the cluster is refused at
# once, so that a forgotten public address fails fast.
guard_up() {
    iptables -w -n -L SLIPWAY-GUARD >/dev/null 2>&1 && return 0
    iptables -w -N SLIPWAY-GUARD
    iptables -w -A SLIPWAY-GUARD -s "$CLUSTER_RANGE" -d "$CLUSTER_RANGE" -j ACCEPT
    iptables -w -A SLIPWAY-GUARD -s "$CLUSTER_RANGE" -j REJECT
    iptables -w -I FORWARD -j SLIPWAY-GUARD
}

# The chains KUBE-* and CNI-* are removed by down, so they must be ours.
refuse_second_kubernetes() {
    [[ -e $STATE/made/iptables ]] && return 0
    if iptables-save 2>/dev/null | grep -qE '^:(KUBE|CNI|SLIPWAY)-'; then
        fail "this machine has iptables chains KUBE-*, CNI-* or SLIPWAY-* already: another cluster runs here, or $STATE was deleted under a running one"
    fi
    mkdir -p "$STATE/made"
    touch "$STATE/made/iptables"
}

save_sysctls() {
    [[ -e $STATE/made/sysctls ]] && return 0
    local key
    for key in $NETWORK_SYSCTLS; do
        [[ -e /proc/sys/$key ]] && printf '%s %s\n' "$key" "$(cat "/proc/sys/$key")"
    done >"$STATE/made/sysctls"
}

restore_sysctls() {
    [[ -e $STATE/made/sysctls ]] || return 0
    local key value
    while read -r key value; do
        [[ $(cat "/proc/sys/$key") == "$value" ]] || echo "$value" >"/proc/sys/$key"
    done <"$STATE/made/sysctls"
    rm "$STATE/made/sysctls"
}

network_down() {
    local name bridge rest
    ip route delete unreachable "$CLUSTER_RANGE" 2>/dev/null || true
    while read -r name bridge rest; do
        [[ -n $name && -d /sys/class/net/$bridge ]] || continue
        ip link delete "$bridge"
    done <<<"$NODES"
    if [[ -e $STATE/made/iptables ]]; then
        remove_chains iptables
        remove_chains ip6tables
        rm "$STATE/made/iptables"
    fi
    restore_sysctls
}

# remove_chains iptables|ip6tables: our chains and every rule that jumps to them,
# in one transaction a table.
remove_chains() {
    "$1-save" 2>/dev/null | awk '
        function flush_table(  i) {
            if (chains > 0) {
                print "*" table
                for (i = 0; i < rules; i++) print rule[i]
                for (i = 0; i < chains; i++) print "-F " chain[i]
                for (i = 0; i < chains; i++) print "-X " chain[i]
                print "COMMIT"
            }
            chains = rules = 0
        }
        /^\*/ { flush_table(); table = substr($1, 2) }
        /^:(KUBE|CNI|SLIPWAY)-/ { chain[chains++] = substr($1, 2) }
        /^-A / && $2 !~ /^(KUBE|CNI|SLIPWAY)-/ && / -j (KUBE|CNI|SLIPWAY)-/ { rule[rules++] = "-D" substr($0, 3) }
        END { flush_table() }
    ' | "$1-restore" -w --noflush
}
