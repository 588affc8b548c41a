#!/usr/bin/env bash
# cluster image NAME:TAG CONTEXT [--file F] [--target T] [--build-arg K=V]… [--platform LIST]
#
# Builds an image with a buildkitd on the host and pushes it to the registry that
# stands in for Docker Hub, as docker.io/NAME:TAG. Prints the digest of the index.
# The daemon runs only as long as this; its cache stays, so that an unchanged image
# takes seconds. RUN steps have no network.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$CLUSTER_SCRIPTS/lib/built.sh"
source "$CLUSTER_SCRIPTS/lib/host-buildkit.sh"

usage() { sed -n '2s/^# /usage: /p' "${BASH_SOURCE[0]}" >&2; exit 2; }

name='' context='' file='' platforms=linux/amd64,linux/arm64
options=()
while (($#)); do
    [[ $1 != --* || $# -ge 2 ]] || usage
    case $1 in
        --file) file=$2; shift 2 ;;
        --platform) platforms=$2; shift 2 ;;
        --target) options+=(--opt "target=$2"); shift 2 ;;
        --build-arg) options+=(--opt "build-arg:$2"); shift 2 ;;
        --*) usage ;;
        *) if [[ -z $name ]]; then name=$1; elif [[ -z $context ]]; then context=$1; else usage; fi; shift ;;
    esac
done
[[ -n $context ]] || usage
[[ -d $context ]] || fail "no such folder: $context"
# The output option is a list separated by commas, so a name must not hold any.
[[ $name =~ ^[a-z0-9._/-]+:[A-Za-z0-9._-]+$ ]] || fail "not an image name with a tag: $name"
file=${file:-$context/Dockerfile}
[[ -f $file ]] || fail "no such file: $file"
service_running hub || fail "the registry is not running: tests/cluster/cluster up comes first"

host_buildkit_start
# Steps have no network: what an image needs comes in by its context and its base images.
metadata=$(mktemp "$STATE/run/image.XXXXXX")
trap 'rm -f "$metadata"; host_buildkit_stop' EXIT
host_buildctl build --progress plain --frontend dockerfile.v0 \
    --local "context=$context" --local "dockerfile=$(dirname "$file")" --opt "filename=$(basename "$file")" \
    --opt "platform=$platforms" --opt multi-platform=true --opt force-network-mode=none "${options[@]}" \
    --output "type=image,name=$HOST_ADDRESS:$HUB_PORT/$name,push=true,oci-mediatypes=true" \
    --metadata-file "$metadata" >&2
printf 'docker.io/%s@%s\n' "$name" "$(sed -n 's/.*"containerimage.digest": "\(.*\)".*/\1/p' "$metadata")"
