#!/usr/bin/env bash
# BuildKit from Debian 13: buildctl, buildkitd and the Dockerfile frontend, and the
# SBOM scanner of our own, with Debian's Go. Everything is a static program, so
# nothing of Debian 13 is needed to run them.
#
# OUT/amd64: buildctl buildkitd dockerfile-frontend scanner
# OUT/arm64: buildctl dockerfile-frontend scanner (buildkitd runs on amd64 only, see README.md)
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
source "$CLUSTER_SCRIPTS/lib/built.sh"

# Beyond what golang-github-docker-docker-dev depends on, buildctl and buildkitd import these.
IMPORTED=(
    containerd-stargz-snapshotter containerd-nydus-snapshotter containerd-go-cni containerd-imgcrypt
    containerd-go-runc coreos-go-systemd gofrs-flock google-shlex aws-aws-sdk-go-v2 urfave-cli
    pelletier-go-toml tonistiigi-vt100 agext-levenshtein mitchellh-hashstructure dimchansky-utfbom
    golang-jwt-jwt hashicorp-go-immutable-radix
)

# Go and every Go library that the packages depend on. They are sources and static
# programs, so unpacking is enough, which is far quicker than installing 400 packages.
fetch_go_packages() {
    local -a packages names
    packages=("${IMPORTED[@]/#/golang-github-}")
    packages=(golang-go golang-github-docker-docker-dev "${packages[@]/%/-dev}")
    suite_apt trixie install -y --print-uris --no-install-recommends "${packages[@]}" >"$SCRATCH/uris"
    mapfile -t names < <(awk '$2 ~ /^golang-/ && /^.http/ { sub(/_.*/, "", $2); print $2 }' "$SCRATCH/uris")
    download_debs trixie "$SCRATCH/debs" "${names[@]}"
    mkdir "$SCRATCH/trixie"
    # shellcheck disable=SC2016  # the inner shell expands these
    find "$SCRATCH/debs" -name '*.deb' -print0 |
        xargs -0 -n 8 -P 2 bash -o pipefail -ec 'for deb; do dpkg-deb --fsys-tarfile "$deb" |
            tar -xf - -C "$0" --exclude=testdata --exclude="*_test.go" --exclude=./usr/share/doc; done' "$SCRATCH/trixie"
    rm -rf "$SCRATCH/debs"
}

# The package has the whole tree but its vendor folder, which only the source has.
# The mirror may lack the rest of the source package, hence one file by its address.
fetch_vendor() {
    local uri name sum
    suite_apt trixie source --print-uris docker.io >"$SCRATCH/uris"
    read -r uri name _ sum < <(tr -d "'" <"$SCRATCH/uris" | grep orig-buildkit)
    /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$uri" "$SCRATCH/$name" "$sum"
    tar -xf "$SCRATCH/$name" -C "$GOPATH_OWN/github.com/moby" --wildcards '*buildkit/vendor/*'
}

# A GOPATH of our own before Debian's. Debian has one unversioned copy of modules
# that are imported by their major version.
arrange_gopath() {
    local debian=$SCRATCH/trixie/usr/share/gocode/src/github.com link
    GOPATH_OWN=$SCRATCH/gopath/src
    mkdir -p "$GOPATH_OWN/github.com/moby"
    cp -a "$debian/moby/buildkit" "$GOPATH_OWN/github.com/moby/"
    for link in coreos/go-systemd/v22 mitchellh/hashstructure/v2 golang-jwt/jwt/v4; do
        mkdir -p "$GOPATH_OWN/github.com/${link%/*}"
        ln -s "$debian/${link%/*}" "$GOPATH_OWN/github.com/$link"
    done
}

# compile ARCH OUT COMMAND…
compile() {
    local out=$2
    export GOARCH=$1
    shift 2
    mkdir -p "$out"
    (cd "$GOPATH_OWN/github.com/moby/buildkit" && go build -v -trimpath -tags 'osusergo netgo no_containerd_worker' \
        -ldflags "-s -w -X github.com/moby/buildkit/version.Version=v$BUILDKIT_VERSION" -o "$out/" "$@")
    (cd "$CLUSTER_SCRIPTS/scanner" && go build -trimpath -ldflags '-s -w' -o "$out/scanner" main.go)
}

build_buildkit() {
    local out=$1 frontend=./frontend/dockerfile/cmd/dockerfile-frontend
    host_needs xz:xz-utils
    fetch_go_packages
    arrange_gopath
    fetch_vendor
    export GOROOT=$SCRATCH/trixie/usr/lib/go PATH=$SCRATCH/trixie/usr/lib/go/bin:$PATH
    export GOPATH=$SCRATCH/gopath:$SCRATCH/trixie/usr/share/gocode GOCACHE=$SCRATCH/go-cache
    export GO111MODULE=off CGO_ENABLED=0 GOFLAGS='' GOTOOLCHAIN=local
    compile amd64 "$out/amd64" ./cmd/buildctl ./cmd/buildkitd $frontend
    compile arm64 "$out/arm64" ./cmd/buildctl $frontend
    # Checked by running it: a misspelt -X would be ignored in silence.
    [[ $("$out/amd64/buildkitd" --version) == *" v$BUILDKIT_VERSION "* ]]
}

ARTIFACT_HINT="3 to 5 min on 2 cores" artifact buildkit "$(built_key buildkit)" build_buildkit
