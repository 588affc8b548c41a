#!/usr/bin/env bash
# tests/image.sh NAME:TAG [ARCHITECTURE…]: publishes the program for these architectures, amd64 and arm64 unless told
# otherwise, and builds Slipway's image from it into the local cluster's registry. The public image is built by the same
# Dockerfile without the build arguments.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/cluster/lib.sh
source tests/cluster/lib/built.sh

name=$1
shift
architectures=("$@")
(($#)) || architectures=(amd64 arm64)
stage=artifacts/image

platforms=$(printf 'linux/%s,' "${architectures[@]}")
say "publishing the program for ${architectures[*]}"
tests/publish.sh "${architectures[@]}"
for architecture in "${architectures[@]}"; do install -m 755 "$(built_path buildkit)/$architecture/buildctl" "$stage/$architecture/buildctl"; done
say "building docker.io/$name"
log=$STATE/log/image.log
tests/cluster/cluster image "$name" "$stage" --file Dockerfile --platform "${platforms%,}" --build-arg BASE=slipway/base:trixie --build-arg BUILDCTL=staged 2>"$log" ||
  fail "building the image failed; its log is $log"
