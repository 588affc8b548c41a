#!/usr/bin/env bash
# tests/image.sh NAME:TAG: publishes the program for both architectures and builds Slipway's image from it into the
# local cluster's registry. The public image is built by the same Dockerfile without the build arguments.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/cluster/lib.sh
source tests/cluster/lib/built.sh

name=$1
stage=artifacts/image

publish() {
  local arch=$1 runtime=$2
  rm -rf "$stage/$arch/app"
  dotnet publish operator/Slipway.csproj -c Release -r "$runtime" --self-contained --nologo -v quiet \
    -p:DebugType=none -o "$stage/$arch/app"
  install -m 755 "$(built_path buildkit)/$arch/buildctl" "$stage/$arch/buildctl"
}

say "publishing the program for amd64 and arm64"
publish amd64 linux-x64
publish arm64 linux-arm64
say "building docker.io/$name"
log=$STATE/log/image.log
tests/cluster/cluster image "$name" "$stage" --file Dockerfile --build-arg BASE=slipway/base:trixie --build-arg BUILDCTL=staged 2>"$log" ||
  fail "building the image failed; its log is $log"
