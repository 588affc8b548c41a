#!/usr/bin/env bash
# objects.sh pool | build TAG: the demo's objects, with the addresses of the local cluster filled in.
set -euo pipefail
: "${HUB:?}" "${REGISTRY:?}" "${REGISTRY_CA:?}" "${GIT_URL:?}"

# The certificate authority as a YAML block of that indentation.
ca() { sed "s/^/$(printf '%*s' "$1" '')/" "$REGISTRY_CA"; }

pool() {
  cat <<YAML
apiVersion: slipway.dev/v1alpha1
kind: BuilderPool
metadata:
  name: farm
  namespace: builders
spec:
  image: moby/buildkit:v0.13.2-rootless
  platforms:
  - platform: linux/amd64
    storage: {size: 10Gi}
  - platform: linux/arm64
    storage: {size: 10Gi}
  registries:
  - host: docker.io
    mirrors: ["$HUB"]
  - host: $HUB
    plainHTTP: true
  - host: $REGISTRY
    ca: |
$(ca 6)
  cache:
    registry:
      repository: $REGISTRY/cache
      credentialsSecretRef: {name: push}
  allowedNamespaces: {from: All}
YAML
}

build() {
  cat <<YAML
apiVersion: slipway.dev/v1alpha1
kind: ImageBuild
metadata:
  name: hello
  namespace: team-a
spec:
  poolRef: {name: farm, namespace: builders}
  source:
    git: {url: $GIT_URL/hello.git, revision: main}
  buildArgs:
  - {name: VERSION, value: "$1"}
  platforms: [linux/amd64, linux/arm64]
  output:
    image: $REGISTRY/team-a/hello
    tags: ["$1"]
    credentialsSecretRef: {name: push}
    ca: |
$(ca 6)
YAML
}

"$@"
