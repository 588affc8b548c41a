# shellcheck shell=bash

scheduler_up() {
    service_start scheduler -- "$(artifact_path kubernetes)/kube-scheduler" \
        --kubeconfig="$STATE/scheduler.kubeconfig" --leader-elect=false \
        --bind-address=127.0.0.1 --secure-port="$SCHEDULER_PORT" --port=0 --cert-dir="$PKI"
    service_ready scheduler 60 curl -fsk "https://127.0.0.1:$SCHEDULER_PORT/healthz"
}

scheduler_down() { service_stop scheduler 3; }
