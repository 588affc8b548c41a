# shellcheck shell=bash
# What every script of the local cluster shares. Source it first:
#     source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
set -euo pipefail

CLUSTER_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SLIPWAY_CACHE=${SLIPWAY_CACHE:-$HOME/.cache/slipway}
# Unix socket paths end after 107 bytes, so this one stays short.
STATE=${SLIPWAY_CLUSTER_DIR:-/var/lib/slipway-cluster}
export SLIPWAY_CACHE STATE

# shellcheck source=versions.sh
source "$CLUSTER_SCRIPTS/versions.sh"
# shellcheck source=lib/report.sh
source "$CLUSTER_SCRIPTS/lib/report.sh"
# shellcheck source=lib/artifact.sh
source "$CLUSTER_SCRIPTS/lib/artifact.sh"
# shellcheck source=lib/apt.sh
source "$CLUSTER_SCRIPTS/lib/apt.sh"
# shellcheck source=lib/process.sh
source "$CLUSTER_SCRIPTS/lib/process.sh"
# shellcheck source=lib/service.sh
source "$CLUSTER_SCRIPTS/lib/service.sh"
# shellcheck source=lib/pki.sh
source "$CLUSTER_SCRIPTS/lib/pki.sh"
# shellcheck source=lib/node.sh
source "$CLUSTER_SCRIPTS/lib/node.sh"
