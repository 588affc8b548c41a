#!/usr/bin/env bash
# tests/run.sh SUITE…: builds the suites, runs them one after the other, prints each one's seconds and, alone on the
# last line, the sum over all: "N passed, N failed" (and ", N skipped" where some were).
set -euo pipefail
cd "$(dirname "$0")/.."

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
passed=0 failed=0 skipped=0
failures=$results/failures
touch "$failures"

# attribute FILE NAME: of the one <assembly> in an xUnit result file.
attribute() { sed -n "0,/<assembly /s/.*<assembly [^>]*[[:space:]]$2=\"\([0-9.]*\)\".*/\1/p" "$1" | head -n 1; }

# failures_in FILE: a line for each failed test in the runner's output, with the beginning of what it says.
failures_in() {
  awk '
    / \[FAIL\]$/ { flush(); sub(/^ */, ""); sub(/ \[FAIL\]$/, ""); name = $0; said = ""; telling = 1; next }
    telling && /^ *(Stack Trace|Difference |Output):?/ { telling = 0 }
    telling { sub(/^ */, ""); said = said " " $0 }
    function flush() { if (name != "") print "failed: " name ":" substr(said, 1, 300); name = "" }
    END { flush() }' "$1"
}

run() {
  local suite=$1 start=$SECONDS status=0 file=$results/$1.xml log=$results/$1.log
  echo "== $suite"
  "tests/$suite/bin/Debug/net10.0/Slipway.Tests.$suite" -noLogo -noColor -result-xml "$file" |& tee "$log" || status=$?
  if [[ ! -s $file ]]; then
    echo "== $suite: ended without a result (exit code $status)"
    failed=$((failed + 1))
    echo "failed: $suite ended without a result (exit code $status)" >>"$failures"
    return
  fi
  local suite_failed=$(($(attribute "$file" failed) + $(attribute "$file" errors)))
  # A runner that fails without a failed test (a fixture, a crash) has failed all the same.
  [[ $status == 0 || $suite_failed != 0 ]] || suite_failed=1
  passed=$((passed + $(attribute "$file" passed)))
  failed=$((failed + suite_failed))
  skipped=$((skipped + $(attribute "$file" skipped)))
  failures_in "$log" >>"$failures"
  echo "== $suite: $((SECONDS - start)) s"
}

echo "== building"
for suite in "$@"; do dotnet build "tests/$suite" --nologo -v quiet; done
echo "== built: $SECONDS s"

# The e2e suite begins with the operator's image. The program for it is made while other suites, which wait half of their time, run
# before it. If that fails it fails there again, and is seen.
publishing=
if (($# > 1)) && [[ " $* " == *" E2E "* ]]; then
  nice -n 19 tests/publish.sh amd64 >/dev/null 2>&1 &
  publishing=$!
fi

for suite in "$@"; do
  if [[ $suite == E2E && -n $publishing ]]; then wait "$publishing" || true; fi
  run "$suite"
done

# Once more at the end, where it is seen even if only the end is kept.
head -n 40 "$failures"
line="$passed passed, $failed failed"
[[ $skipped == 0 ]] || line+=", $skipped skipped"
echo "$line"
[[ $failed == 0 && $passed != 0 ]]
