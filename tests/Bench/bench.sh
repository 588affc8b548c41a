#!/usr/bin/env bash
# Figures of the running demo, one a line: bench: NAME=VALUE UNIT. `make demo` comes first.
# docs/benchmarks.md says how each is counted.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/cluster/lib.sh
[[ $(tests/cluster/cluster env) == *KUBECTL=* ]] || fail "there is no cluster here: make demo comes first"
set -a
# shellcheck source=/dev/null
source <(tests/cluster/cluster env)
set +a
host_needs jq

kube() { "$KUBECTL" --kubeconfig "$KUBECONFIG" "$@"; }
bench() { printf 'bench: %s=%s %s\n' "$1" "$2" "$3"; }
kube --namespace team-a get imagebuild hello >/dev/null || fail "there is no demo here: make demo comes first"

# Requests of the operator's service account in the audit log, after that line of it.
requests() {
  tail -n "+$(($1 + 1))" "$AUDIT_LOG" | jq -c 'select(.stage == "ResponseComplete" and .user.username == "system:serviceaccount:slipway-system:slipway")'
}

rerun() {
  kube --namespace team-a patch imagebuild hello --type merge --patch "{\"spec\":{\"rerun\":\"bench-$(date +%s)\"}}" >/dev/null
  kube --namespace team-a wait --for=condition=Ready=Unknown imagebuild/hello --timeout 60s >/dev/null
  kube --namespace team-a wait --for=condition=Ready=True imagebuild/hello --timeout 300s >/dev/null
}

operator_rss() {
  local uid
  uid=$(kube --namespace slipway-system get pods -l app.kubernetes.io/component=operator -o jsonpath='{.items[0].metadata.uid}')
  grep -l "pod$uid" /proc/[0-9]*/cgroup 2>/dev/null | while read -r file; do
    awk '/^Name:\tslipway$/ { ours = 1 } /^VmRSS:/ && ours { print int($2 / 1024) }' "${file%cgroup}status" 2>/dev/null || true
  done | sort -n | tail -n 1
}

bench operator_rss_mb "$(operator_rss)" MB
before=$(wc -l <"$AUDIT_LOG")
started=$(date +%s%N)
rerun
bench rerun_two_platforms_s "$(awk -v ns=$(($(date +%s%N) - started)) 'BEGIN { printf "%.1f", ns / 1e9 }')" s
after=$(requests "$before")
bench api_writes_two_platforms "$(jq -s '[.[] | select(.verb | IN("create", "update", "patch", "delete"))] | length' <<<"$after")" requests
bench api_reads_two_platforms "$(jq -s '[.[] | select(.verb | IN("get", "list"))] | length' <<<"$after")" requests
