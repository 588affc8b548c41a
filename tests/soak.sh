#!/usr/bin/env bash
# tests/soak.sh: what `make test` takes a part of, in full: every seed of the chaos tests, every crash point, every kill, the
# farm's faults at full length, 200 builds with the operator killed among them.
# The line before the last is "bench: chaos_builds_ok=N builds". The last line sums it up: "soak: N seeds, N crash points, N kills, N differences".
set -euo pipefail
cd "$(dirname "$0")/.."
export SLIPWAY_SOAK=1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

# soak SUITE CLASS: the tests of that class; what they tell stays to be summed up.
soak() {
  echo "== $1: building"
  dotnet build "tests/$1" --nologo -v quiet
  echo "== $1: running"
  "tests/$1/bin/Debug/net10.0/Slipway.Tests.$1" -noLogo -noColor -class "$2" | tee -a "$log" || failed=1
}

# tally WHAT: how many of them there were in all.
tally() { awk -v what="$1" '/^tally: / && index($0, " " what ",") { sum += $2 } END { print sum + 0 }' "$log"; }

soak Unit '*.ChaosTests'
soak CrashPoints 'Slipway.Tests.CrashPoints.*'
soak E2E 'Slipway.Tests.E2E.Farm.*'
soak E2E 'Slipway.Tests.E2E.Faults.ChaosTests'

differences=$(awk '/^tally: / { sum += $(NF - 1) } END { print sum + 0 }' "$log")
# What fails without a difference has failed all the same.
[[ $failed == 0 || $differences != 0 ]] || echo "soak: a test failed, see above"
grep '^bench: chaos_builds_ok=' "$log" || echo "soak: the chaos test did not come to its count"
echo "soak: $(tally seeds) seeds, $(tally 'crash points') crash points, $(tally kills) kills, $differences differences"
[[ $failed == 0 ]]
