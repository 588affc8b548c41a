# shellcheck shell=bash
# kube-proxy: one for both nodes, which share the host's network. The conntrack
# options keep it from changing settings of the whole machine.

kube_proxy_up() {
    service_start kube-proxy -- "$(artifact_path kubernetes)/kube-proxy" \
        --kubeconfig="$STATE/kube-proxy.kubeconfig" --hostname-override=node-amd64 \
        --proxy-mode=iptables --cluster-cidr="$POD_RANGE" --oom-score-adj=0 \
        --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0 \
        --bind-address="$HOST_ADDRESS" --metrics-bind-address="$HOST_ADDRESS:10249" \
        --healthz-bind-address="$HOST_ADDRESS:$KUBE_PROXY_HEALTH_PORT"
    service_ready kube-proxy 60 curl -fs "http://$HOST_ADDRESS:$KUBE_PROXY_HEALTH_PORT/healthz"
}

kube_proxy_down() { service_stop kube-proxy 3; }
