#!/usr/bin/env bash
# tests/soak.sh ROUNDS: the restart tests of e2e, again and again; ends at the first failure.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=$1
dotnet build tests/E2E --nologo -v quiet
for ((round = 1; round <= rounds; round++)); do
  echo "== round $round of $rounds"
  tests/E2E/bin/Debug/net10.0/Slipway.Tests.E2E -noLogo -noColor -class Slipway.Tests.E2E.RestartTests
done
