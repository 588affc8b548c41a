# shellcheck shell=bash
# kube-apiserver, on the address that pods can reach. Everybody's certificates are
# made here, since nobody needs one before.

apiserver_up() {
    make_pki
    audit_policy >"$STATE/audit-policy.yaml"
    service_start apiserver -- "$(artifact_path kubernetes)/kube-apiserver" \
        --etcd-servers="http://127.0.0.1:$ETCD_PORT" \
        --bind-address="$HOST_ADDRESS" --advertise-address="$HOST_ADDRESS" --secure-port="$API_PORT" \
        --service-cluster-ip-range="$SERVICE_RANGE" --allow-privileged --authorization-mode=Node,RBAC \
        --client-ca-file="$PKI/cluster-ca.crt" --token-auth-file="$STATE/tokens.csv" \
        --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" --cert-dir="$STATE/pki" \
        --kubelet-client-certificate="$PKI/kubelet-client.crt" --kubelet-client-key="$PKI/kubelet-client.key" \
        --kubelet-preferred-address-types=InternalIP \
        --service-account-issuer="https://$HOST_ADDRESS:$API_PORT" \
        --service-account-signing-key-file="$PKI/service-accounts.key" \
        --service-account-key-file="$PKI/service-accounts.key" \
        --requestheader-client-ca-file="$PKI/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy \
        --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
        --requestheader-extra-headers-prefix=X-Remote-Extra- \
        --proxy-client-cert-file="$PKI/front-proxy.crt" --proxy-client-key-file="$PKI/front-proxy.key" \
        --audit-policy-file="$STATE/audit-policy.yaml" --audit-log-path="$STATE/audit.log" \
        --audit-log-maxsize=500 --audit-log-maxbackup=1
    service_ready apiserver 60 cluster_kubectl get --raw /readyz
    put_env KUBECONFIG "$STATE/admin.kubeconfig"
    put_env API_SERVER "https://$HOST_ADDRESS:$API_PORT"
    put_env API_TOKEN "$(cut -d, -f1 "$STATE/tokens.csv")"
    put_env AUDIT_LOG "$STATE/audit.log"
}

apiserver_down() { service_stop apiserver 3; }

cluster_kubectl() {
    "$(artifact_path kubectl-helm)/kubectl" --kubeconfig "$STATE/admin.kubeconfig" "$@"
}

make_pki() {
    pki_ca cluster-ca
    pki_ca front-proxy-ca
    pki_cert front-proxy front-proxy-ca /CN=front-proxy
    pki_cert apiserver cluster-ca /CN=kube-apiserver \
        "IP:$HOST_ADDRESS,IP:$API_SERVICE_ADDRESS,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
    pki_cert kubelet-client cluster-ca /O=system:masters/CN=kubelet-client
    [[ -e $PKI/service-accounts.key ]] || openssl genrsa -out "$PKI/service-accounts.key" 2048 2>/dev/null
    [[ -e $STATE/tokens.csv ]] || (
        umask 077
        printf '%s,admin-token,admin-token,system:masters\n' "$(openssl rand -hex 20)" >"$STATE/tokens.csv"
    )
    pki_identity admin /O=system:masters/CN=admin
    pki_identity controller-manager /CN=system:kube-controller-manager
    pki_identity scheduler /CN=system:kube-scheduler
    pki_identity kube-proxy /CN=system:kube-proxy
    pki_identity node-amd64 /O=system:nodes/CN=system:node:node-amd64
    pki_identity node-arm64 /O=system:nodes/CN=system:node:node-arm64
}

# Who did what to which object, without bodies; the tests count requests in it. One
# line a request: RequestReceived would make it two.
audit_policy() {
    cat <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
YAML
}
