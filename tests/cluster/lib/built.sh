# shellcheck shell=bash
# Where the artefacts around BuildKit are, and what each is built from beside its own
# script. Not in rootfs.sh, whose every change builds all of them anew.

_sources() {
    case $1 in
        buildkit) echo scanner/main.go ;;
        trixie) echo lib/rootfs.sh ;;
        services) echo build/trixie.sh lib/rootfs.sh lib/rootfs-layer.sh ;;
        hub) echo build/{hub-fill,trixie,buildkit}.sh lib/rootfs.sh lib/rootfs-layer.sh scanner/main.go
            (cd "$CLUSTER_SCRIPTS" && echo images/*/Dockerfile) ;;
    esac
}

# built_key NAME, built_path NAME: its version in the cache, and its folder there.
built_key() {
    local -a sources
    read -r -d '' -a sources < <(_sources "$1") || true
    recipe_key "$1" "${sources[@]/#/$CLUSTER_SCRIPTS/}"
}
built_path() { printf '%s/%s/%s\n' "$SLIPWAY_CACHE" "$1" "$(built_key "$1")"; }
