#!/usr/bin/env bash
# Kubernetes from Debian 12's source package: the control plane, kubelet and
# kube-proxy, and the pause program of every pod.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# Debian's own Go for this tree, unpacked beside it: nothing installed on the host.
fetch_go() {
    unpack_debs bookworm "$SCRATCH/go-toolchain" golang-1.19-go golang-1.19-src
    export GOROOT=$SCRATCH/go-toolchain/usr/lib/go-1.19
    export PATH=$GOROOT/bin:$PATH
}

# The tree's go.mod and its vendor folder disagree in module mode, hence GOPATH mode.
fetch_source() {
    download_source bookworm "$SCRATCH" kubernetes
    export GOPATH=$SCRATCH/gopath GO111MODULE=off CGO_ENABLED=0 GOFLAGS='' GOCACHE=$SCRATCH/go-cache
    mkdir -p "$GOPATH/src/k8s.io"
    dpkg-source --no-check -x "$SCRATCH"/kubernetes_*.dsc "$GOPATH/src/k8s.io/kubernetes"
    cd "$GOPATH/src/k8s.io/kubernetes"
}

# Since Go 1.18 a map's iterator is larger than reflect2 1.0.1 thinks: reading a custom
# resource as JSON would overwrite memory, and kube-apiserver dies now and then. Debian
# has 1.0.2, which asks the runtime.
update_reflect2() {
    local vendored=vendor/github.com/modern-go/reflect2
    unpack_debs bookworm "$SCRATCH/reflect2" golang-github-modern-go-reflect2-dev
    rm -r "$vendored"
    cp -r "$SCRATCH/reflect2/usr/share/gocode/src/github.com/modern-go/reflect2" "$vendored"
    grep -q 'go1.18' "$vendored"/*.go
}

# A pod that runs as a plain user must be able to write to its volume, as with the
# provisioners that people use; the old host-path one makes folders for root alone.
open_hostpath_folders() {
    grep -q 'os.MkdirAll(pv.Spec.HostPath.Path, 0750)' pkg/volume/hostpath/host_path.go
    sed -i 's/os.MkdirAll(pv.Spec.HostPath.Path, 0750)/os.MkdirAll(pv.Spec.HostPath.Path, 0777)/' \
        pkg/volume/hostpath/host_path.go
}

# The source package lacks this one generated file.
generate_openapi() {
    local packages
    go build -o "$SCRATCH/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    packages=$(
        grep -rl --include='*.go' '+k8s:openapi-gen' staging/src/k8s.io pkg | grep -v /testdata/ |
            xargs -n1 dirname | sort -u |
            sed -e 's#^staging/src/#k8s.io/kubernetes/vendor/#' -e 's#^pkg/#k8s.io/kubernetes/pkg/#' | paste -sd,
    )
    "$SCRATCH/openapi-gen" -i "$packages" -p k8s.io/kubernetes/pkg/generated/openapi \
        -O zz_generated.openapi --go-header-file hack/boilerplate/boilerplate.generatego.txt \
        --output-base "$GOPATH/src" -r "$SCRATCH/violations"
}

# Clients compare major and minor, so those are set too.
version_flags() {
    local package major=${KUBERNETES_VERSION%%.*} minor=${KUBERNETES_VERSION#*.}
    minor=${minor%%.*}
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version \
        k8s.io/kubernetes/vendor/k8s.io/component-base/version k8s.io/kubernetes/vendor/k8s.io/client-go/pkg/version; do
        printf -- '-X %s.gitVersion=v%s -X %s.gitMajor=%s -X %s.gitMinor=%s -X %s.gitTreeState=archive ' \
            "$package" "$KUBERNETES_VERSION" "$package" "$major" "$package" "$minor" "$package"
    done
}

build_kubernetes() {
    local out=$1
    host_needs gcc dpkg-source:dpkg-dev xz:xz-utils /usr/include/stdlib.h:libc6-dev
    fetch_go
    fetch_source
    update_reflect2
    open_hostpath_folders
    generate_openapi
    go build -v -o "$out/" -ldflags "-s -w $(version_flags)" \
        ./cmd/kube-apiserver ./cmd/kube-controller-manager ./cmd/kube-scheduler ./cmd/kube-proxy ./cmd/kubelet
    gcc -Os -static -Wall -o "$out/pause" build/pause/linux/pause.c
}

ARTIFACT_HINT="about 5 min on 2 cores" artifact kubernetes "$(recipe_key kubernetes)" build_kubernetes
