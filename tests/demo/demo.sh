#!/usr/bin/env bash
# From nothing to an image: a cluster, the operator from its chart, a pool, a build of a Git repository for two
# platforms, and the same build again. Everything that it prints at the end is read back. Cluster, pool and build stay.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/cluster/lib.sh

VERSION_TAG=1.0.0
started=$SECONDS

kube() { "$KUBECTL" --kubeconfig "$KUBECONFIG" "$@"; }

install_operator() {
  say "installing Slipway from charts/slipway"
  # Kubernetes 1.20 does not know x-kubernetes-validations; a current server needs neither of the last two options.
  "$HELM" --kubeconfig "$KUBECONFIG" upgrade --install slipway charts/slipway --namespace slipway-system --create-namespace --server-side=false --disable-openapi-validation \
    --values tests/demo/values.yaml --set "image.digest=${IMAGE##*@}" >"$STATE/log/helm.log" 2>&1 ||
    fail "helm upgrade --install" "$STATE/log/helm.log"
  kube --namespace slipway-system rollout status deployment/slipway --timeout 180s >/dev/null ||
    fail "the operator did not become ready" "$(operator_log)"
}

operator_log() {
  kube --namespace slipway-system logs deployment/slipway >"$STATE/log/operator.log" 2>&1 || true
  echo "$STATE/log/operator.log"
}

# The demo's C program as a Git repository. The dates are fixed, so that the commit is the same every time.
push_source() {
  local work
  work=$(mktemp -d)
  cp tests/demo/app/* "$work/"
  export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
  git -C "$work" init -q -b main
  git -C "$work" add .
  git -C "$work" -c user.name=demo -c user.email=demo@example.com -c commit.gpgsign=false commit -qm "Say hello"
  unset GIT_AUTHOR_DATE GIT_COMMITTER_DATE
  [[ -d $GIT_ROOT/hello.git ]] || git init -q --bare -b main "$GIT_ROOT/hello.git"
  git -C "$work" push -q --force "$GIT_ROOT/hello.git" main
  rm -rf "$work"
}

apply_objects() {
  local credentials
  for namespace in builders team-a; do kube create namespace "$namespace" --dry-run=client -o yaml | kube apply -f - >/dev/null; done
  credentials=$(kube create secret docker-registry push --dry-run=client -o yaml \
    --docker-server "$REGISTRY" --docker-username "$REGISTRY_USER" --docker-password "$REGISTRY_PASSWORD")
  kube --namespace team-a apply -f - <<<"$credentials" >/dev/null
  kube apply -f <(tests/demo/objects.sh pool) >/dev/null
  kube apply -f <(tests/demo/objects.sh build "$VERSION_TAG") >/dev/null
}

# A line whenever phase or a platform's phase changes, until the build has ended: the spec as it is now, not the one before.
follow() {
  local before='' now deadline=$((SECONDS + 900))
  until [[ $(observed) == current ]] && kube --namespace team-a wait --for=condition=Complete imagebuild/hello --timeout 1s >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "the build has not ended in 15 minutes" "$(operator_log)"
    now=$(kube --namespace team-a get imagebuild hello -o jsonpath='{.status.phase} {range .status.platforms[*]}{.platform}={.phase} {end}')
    [[ $now == "$before" ]] || say "ImageBuild team-a/hello: $now"
    before=$now
  done
  [[ $(kube --namespace team-a get imagebuild hello -o jsonpath='{.status.phase}') == Succeeded ]] || {
    kube --namespace team-a get imagebuild hello -o yaml
    fail "the build did not succeed" "$(operator_log)"
  }
}

# Does the status speak of the spec as it is?
observed() {
  kube --namespace team-a get imagebuild hello -o json | jq -r 'if .status.observedGeneration == .metadata.generation then "current" else "old" end'
}

registry() {
  curl --silent --show-error --fail --cacert "$REGISTRY_CA" --user "$REGISTRY_USER:$REGISTRY_PASSWORD" \
    --header 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' "$@"
}

# What the registry itself says of the tag.
read_back() {
  local repository=https://$REGISTRY/v2/team-a/hello index digest
  digest=$(registry --head "$repository/manifests/$VERSION_TAG" | tr -d '\r' | sed -n 's/^docker-content-digest: //Ip')
  echo "in the registry: $REGISTRY/team-a/hello:$VERSION_TAG is $digest"
  [[ $digest == "$(kube --namespace team-a get imagebuild hello -o jsonpath='{.status.indexDigest}')" ]] || fail "status.indexDigest is another"
  index=$(registry "$repository/manifests/$digest")
  jq -r '.manifests[] | select(.platform.os != "unknown") | "\(.platform.os)/\(.platform.architecture) \(.digest)"' <<<"$index" |
    while read -r platform image; do
      echo "  $platform  $image"
      jq -r --arg image "$image" '.manifests[] | select(.annotations["vnd.docker.reference.digest"] == $image) | .digest' <<<"$index" |
        while read -r attestation; do
          echo "    attestations in $attestation"
          registry "$repository/manifests/$attestation" |
            jq -r '.layers[] | "      \(.annotations["in-toto.io/predicate-type"])  \(.digest)  \(.size) bytes"'
        done
    done
}

again() {
  say "the same commit again (spec.rerun)"
  kube --namespace team-a patch imagebuild hello --type merge --patch "{\"spec\":{\"rerun\":\"$(date +%s)\"}}" >/dev/null
  follow
  kube --namespace team-a get imagebuild hello -o json |
    jq -r '"again: \(.status.duration) from the first Job to the end, cached steps \(.status.summary.cache)", (.status.platforms[] | "  \(.platform)  \(.duration), \(.cache.cached) of \(.cache.steps) steps cached, on \(.builder)")'
}

main() {
  tests/cluster/cluster up
  set -a
  # shellcheck source=/dev/null
  source <(tests/cluster/cluster env)
  set +a
  host_needs jq curl git
  IMAGE=$(tests/image.sh slipway/slipway:dev | tee /dev/stderr | tail -n 1)
  install_operator
  push_source
  say "applying a BuilderPool in namespace builders and an ImageBuild in namespace team-a"
  apply_objects
  follow
  say "Ready $((SECONDS - started)) s after the start"
  kube --namespace team-a get imagebuild hello -o json |
    jq -r '"built: \(.status.duration) from the first Job to the end, cached steps \(.status.summary.cache)"'
  again
  echo
  kube get builderpools,imagebuilds --all-namespaces
  echo
  echo "status.indexDigest: $(kube --namespace team-a get imagebuild hello -o jsonpath='{.status.indexDigest}')"
  read_back
  echo
  say "done in $((SECONDS - started)) s; the cluster stays: export KUBECONFIG=\$(make -s kubeconfig)"
}

main
