#!/usr/bin/env bash
# tests/bench.sh [CHAPTER…]: publishes the operator as its image has it, and measures it. Chapters: requests steady
# starts burst placing farm cache growth, of which farm and cache bring the local cluster up; all of them where none is named.
set -euo pipefail
cd "$(dirname "$0")/.."

rm -rf artifacts/bench/app
dotnet publish operator/Slipway.csproj -c Release -r linux-x64 --self-contained --nologo -v quiet -p:DebugType=none -o artifacts/bench/app
dotnet build tests/Bench -c Release --nologo -v quiet
exec tests/Bench/bin/Release/net10.0/Slipway.Bench "$@"
