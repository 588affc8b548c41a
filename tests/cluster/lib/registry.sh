# shellcheck shell=bash
# Debian 12's docker-registry (distribution 2.8).

registry_program() { printf '%s/usr/bin/docker-registry\n' "$(artifact_path packages)"; }

# registry_config NAME PORT: $STATE/NAME.yml for storage in $STATE/NAME. Its last
# section is "http", so that more of it can be added at the end.
registry_config() {
    cat >"$STATE/$1.yml" <<YAML
version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: $STATE/$1}
  delete: {enabled: true}
http:
  addr: $HOST_ADDRESS:$2
  secret: $(printf '%s' "$STATE/$1" | sha256sum | cut -c1-32)
YAML
}
