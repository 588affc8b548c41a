#!/usr/bin/env bash
# Formatting of the code, the shell scripts, and the chart.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/cluster/lib.sh

host_needs shellcheck
dotnet format Operator.sln --verify-no-changes
# As a warning it would have every project write its documentation.
dotnet format style Operator.sln --verify-no-changes --severity info --diagnostics IDE0005
git ls-files '*.sh' tests/cluster/cluster .ci/run | xargs shellcheck --severity=warning --external-sources --source-path=SCRIPTDIR
tests/cluster/build/kubectl-helm.sh
"$(artifact_path kubectl-helm)/helm" lint --strict charts/slipway
