#!/usr/bin/env bash
# What the services take from Debian 13: radosgw (S3), lighttpd and git (git over
# HTTP), htpasswd. OUT is a layer on the trixie tree; lib/in-trixie.sh runs its programs.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
source "$CLUSTER_SCRIPTS/lib/built.sh"
source "$CLUSTER_SCRIPTS/lib/rootfs.sh"

build_services() { rootfs_layer "$(built_path trixie)/amd64" "$1" amd64 radosgw lighttpd git apache2-utils; }

"$CLUSTER_SCRIPTS/build/trixie.sh"
ARTIFACT_HINT="about 1 min" artifact services "$(built_key services)" build_services
