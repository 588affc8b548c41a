#!/usr/bin/env bash
# crd-server.sh up|down: a current apiextensions-apiserver beside the cluster's etcd and
# API server. It serves CRDs and their objects alone, without /api: kubectl's discovery
# stumbles over that, so talk plain REST to $CRD_SERVER/apis/... . It asks the cluster's
# API server who a token or client certificate is and what it may: use $API_TOKEN as
# bearer token. Its serving certificate is signed by $CRD_SERVER_CA.
# Exit code 75: it cannot be had today (sid's packages); the reason is printed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

crd_server_up() {
    service_running apiserver || fail "crd-server needs the cluster: run 'cluster up' first"
    "$CLUSTER_SCRIPTS/build/crd-server.sh" || cannot_be_had $?
    pki_cert crd-server cluster-ca /CN=crd-server "IP:127.0.0.1,DNS:localhost"
    local url=https://127.0.0.1:$CRD_SERVER_PORT
    # The disabled plugins and priority-and-fairness wait for API kinds that 1.20 lacks,
    # and everything would be refused as "not yet ready" until then.
    service_start crd-server -- "$(artifact_path crd-server)/apiextensions-apiserver" \
        --etcd-servers="http://127.0.0.1:$ETCD_PORT" --etcd-prefix=/crd-server \
        --bind-address=127.0.0.1 --secure-port="$CRD_SERVER_PORT" --cert-dir="$PKI" \
        --tls-cert-file="$PKI/crd-server.crt" --tls-private-key-file="$PKI/crd-server.key" \
        --kubeconfig="$STATE/admin.kubeconfig" --authentication-kubeconfig="$STATE/admin.kubeconfig" \
        --authorization-kubeconfig="$STATE/admin.kubeconfig" --authentication-skip-lookup \
        --client-ca-file="$PKI/cluster-ca.crt" \
        --disable-admission-plugins=NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,MutatingAdmissionPolicy \
        --enable-priority-and-fairness=false
    service_ready crd-server 60 curl -fs --cacert "$PKI/cluster-ca.crt" \
        -H "Authorization: Bearer $(cut -d, -f1 "$STATE/tokens.csv")" "$url/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    put_env CRD_SERVER "$url"
    put_env CRD_SERVER_CA "$PKI/cluster-ca.crt"
    put_env CRD_SERVER_VERSION "$(cat "$(artifact_path crd-server)/version")"
    write_env
    say "crd-server $(cat "$(artifact_path crd-server)/version") is up at $url"
}

cannot_be_had() {
    (($1 != 75)) || say "no CRD server: the packages of Debian sid cannot be had today"
    exit "$1"
}

crd_server_down() {
    service_stop crd-server 3
    rm -f "$STATE"/env/CRD_SERVER*
    [[ ! -d $STATE/env ]] || write_env
}

case ${1:-} in
    up) lock_cluster; crd_server_up ;;
    down) lock_cluster; crd_server_down ;;
    *) echo "usage: cluster crd-server up|down" >&2; exit 2 ;;
esac
