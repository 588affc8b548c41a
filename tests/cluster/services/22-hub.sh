# shellcheck shell=bash
# The registry that stands in for Docker Hub, plain HTTP.
#
# It runs on a copy, because tests push to it too. Blobs are hard links: the registry
# writes a blob elsewhere and renames it into place, and never touches one that is
# there. What it does rewrite in place are the small link files (a tag's current
# digest), and those are copied.

source "$CLUSTER_SCRIPTS/lib/built.sh"
source "$CLUSTER_SCRIPTS/lib/registry.sh"
source "$CLUSTER_SCRIPTS/lib/host-buildkit.sh"

hub_up() {
    local from to=$STATE/hub/docker/registry/v2
    from=$(built_path hub)/docker/registry/v2
    if [[ ! -d $to ]]; then
        rm -rf "$STATE/hub.new"
        mkdir -p "$STATE/hub.new"
        cp -al "$from/blobs" "$STATE/hub.new/" 2>/dev/null || cp -a "$from/blobs" "$STATE/hub.new/"
        cp -a "$from/repositories" "$STATE/hub.new/"
        mkdir -p "${to%/*}"
        mv "$STATE/hub.new" "$to"
    fi
    registry_config hub "$HUB_PORT"
    service_start hub -- "$(registry_program)" serve "$STATE/hub.yml"
    service_ready hub 20 curl -sf "http://$HOST_ADDRESS:$HUB_PORT/v2/"
    put_env HUB "$HOST_ADDRESS:$HUB_PORT"
}

hub_down() {
    host_buildkit_clean     # there is none, unless an image.sh was killed
    service_stop hub
    rm -rf "$STATE/hub" "$STATE/hub.new" "$STATE/hub.yml"
}
