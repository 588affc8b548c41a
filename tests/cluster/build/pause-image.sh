#!/usr/bin/env bash
# The pause image as an OCI tar that `ctr images import` takes: one layer with one
# program, written by hand because no image builder exists yet at this point.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# add_blob LAYOUT FILE: stores it by digest, prints "sha256:… size".
add_blob() {
    local sum
    sum=$(sha256sum "$2" | cut -d' ' -f1)
    mv "$2" "$1/blobs/sha256/$sum"
    printf 'sha256:%s %s\n' "$sum" "$(stat -c %s "$1/blobs/sha256/$sum")"
}

build_pause_image() {
    local layout=$SCRATCH/layout layer diff_id config manifest type=application/vnd.oci.image
    mkdir -p "$layout/blobs/sha256"
    cd "$SCRATCH"
    tar --owner=0 --group=0 --mtime=@0 -cf layer -C "$(artifact_path kubernetes)" pause
    diff_id=sha256:$(sha256sum layer | cut -d' ' -f1)
    layer=$(add_blob "$layout" layer)
    printf '{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/pause"],"User":"65535:65535"},"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
        "$diff_id" >config
    config=$(add_blob "$layout" config)
    printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"%s","size":%s},"layers":[{"mediaType":"%s.layer.v1.tar","digest":"%s","size":%s}]}' \
        $type $type "${config% *}" "${config#* }" $type "${layer% *}" "${layer#* }" >manifest
    manifest=$(add_blob "$layout" manifest)
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"%s","size":%s,"annotations":{"io.containerd.image.name":"%s"}}]}' \
        $type "${manifest% *}" "${manifest#* }" "$PAUSE_IMAGE" >"$layout/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
    tar -cf "$1/pause.tar" -C "$layout" .
}

"$CLUSTER_SCRIPTS/build/kubernetes.sh"
ARTIFACT_HINT="seconds" artifact pause-image "$(recipe_key pause-image)" build_pause_image
