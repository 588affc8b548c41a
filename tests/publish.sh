#!/usr/bin/env bash
# tests/publish.sh ARCHITECTURE…: publishes the program as its image has it, into artifacts/image. Over a minute of a core for each;
# what is there already from the same sources is not made again.
set -euo pipefail
cd "$(dirname "$0")/.."

for architecture in "$@"; do
  stage=artifacts/image/$architecture/app
  rm -rf "$stage"
  dotnet publish operator/Slipway.csproj -c Release -r "linux-${architecture/amd64/x64}" --self-contained --nologo -v quiet \
    -p:DebugType=none -o "$stage"
done
