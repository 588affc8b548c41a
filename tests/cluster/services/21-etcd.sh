# shellcheck shell=bash
# etcd, on loopback. Its data lives as long as the cluster, so it never syncs to disk.

etcd_up() {
    service_start etcd -- "$(artifact_path packages)/usr/bin/etcd" \
        --name slipway --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn \
        --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
        --listen-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" \
        --initial-advertise-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" \
        --initial-cluster "slipway=http://127.0.0.1:$ETCD_PEER_PORT"
    service_ready etcd 30 curl -fs "http://127.0.0.1:$ETCD_PORT/health"
}

etcd_down() {
    service_stop etcd
    rm -rf "$STATE/etcd"
}
