# shellcheck shell=bash
# kube-controller-manager, with the host-path provisioner behind the default
# StorageClass. It keeps volumes in /tmp/hostpath_pv, a path fixed in its source.
# Node pod ranges (allocate-node-cidrs) stay off: the CNI configuration of each node is
# fixed, and nothing reads them.

HOSTPATH_FOLDER=/tmp/hostpath_pv

controller_manager_up() {
    hostpath_folder_up
    service_start controller-manager -- \
        sh -c 'umask 0; exec "$@"' sh "$(artifact_path kubernetes)/kube-controller-manager" \
        --kubeconfig="$STATE/controller-manager.kubeconfig" --leader-elect=false \
        --bind-address=127.0.0.1 --secure-port="$CONTROLLER_MANAGER_PORT" --port=0 --cert-dir="$PKI" \
        --use-service-account-credentials --service-account-private-key-file="$PKI/service-accounts.key" \
        --root-ca-file="$PKI/cluster-ca.crt" \
        --cluster-signing-cert-file="$PKI/cluster-ca.crt" --cluster-signing-key-file="$PKI/cluster-ca.key" \
        --enable-hostpath-provisioner
    service_ready controller-manager 60 curl -fsk "https://127.0.0.1:$CONTROLLER_MANAGER_PORT/healthz"
    storage_class | cluster_kubectl apply -f - >/dev/null
}

controller_manager_down() {
    service_stop controller-manager 3
    hostpath_folder_down
}

hostpath_folder_down() {
    [[ -e $STATE/made/hostpath ]] || return 0
    rm -rf "$HOSTPATH_FOLDER"
    rm "$STATE/made/hostpath"
}

hostpath_folder_up() {
    [[ -e $STATE/made/hostpath ]] && return 0
    [[ ! -e $HOSTPATH_FOLDER ]] || fail "$HOSTPATH_FOLDER exists and is not of this cluster: it would be deleted by down"
    mkdir -p "$STATE/made"
    touch "$STATE/made/hostpath"
    mkdir "$HOSTPATH_FOLDER"
}

storage_class() {
    cat <<'YAML'
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: hostpath
  annotations:
    storageclass.kubernetes.io/is-default-class: "true"
provisioner: kubernetes.io/host-path
reclaimPolicy: Delete
volumeBindingMode: Immediate
YAML
}
