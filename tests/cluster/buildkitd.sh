#!/usr/bin/env bash
# cluster buildkitd up|down: a buildkitd with mutual TLS outside the cluster. up prints the folder of its clients' certificate.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$CLUSTER_SCRIPTS/lib/built.sh"
source "$CLUSTER_SCRIPTS/lib/outside-buildkit.sh"

lock_cluster
case ${1:-} in
    up)
        service_running hub || fail "the registry is not running: tests/cluster/cluster up comes first"
        outside_buildkit_up
        echo "$OUTSIDE_BUILDKIT/client"
        ;;
    down) outside_buildkit_down ;;
    *) echo "Usage: tests/cluster/cluster buildkitd up|down" >&2; exit 2 ;;
esac
