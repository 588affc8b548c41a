# shellcheck shell=bash
# The registry that builds push to: TLS by a private CA, and a password.

source "$CLUSTER_SCRIPTS/lib/registry.sh"

registry_up() {
    local user=slipway password
    pki_ca registry-ca
    pki_cert registry registry-ca /CN=registry "IP:$HOST_ADDRESS"
    if [[ ! -e $STATE/registry.htpasswd ]]; then
        password=$(openssl rand -hex 12)
        # The password goes in by standard input: arguments can be read by everybody.
        "$CLUSTER_SCRIPTS/lib/in-trixie.sh" "$STATE" htpasswd -niB "$user" <<<"$password" >"$STATE/registry.htpasswd.new"
        (umask 077; printf '%s' "$password" >"$STATE/registry.password")
        mv "$STATE/registry.htpasswd.new" "$STATE/registry.htpasswd"
    fi
    registry_config registry "$REGISTRY_PORT"
    cat >>"$STATE/registry.yml" <<YAML
  tls: {certificate: $PKI/registry.crt, key: $PKI/registry.key}
auth:
  htpasswd: {realm: slipway, path: $STATE/registry.htpasswd}
YAML
    mkdir -p "$STATE/registry"
    service_start registry -- "$(registry_program)" serve "$STATE/registry.yml"
    service_ready registry 20 registry_answers "$user"
    put_env REGISTRY "$HOST_ADDRESS:$REGISTRY_PORT"
    put_env REGISTRY_CA "$PKI/registry-ca.crt"
    put_env REGISTRY_USER "$user"
    put_env REGISTRY_PASSWORD "$(cat "$STATE/registry.password")"
}

registry_answers() {
    curl -sf --cacert "$PKI/registry-ca.crt" -K - "https://$HOST_ADDRESS:$REGISTRY_PORT/v2/" \
        <<<"user = \"$1:$(cat "$STATE/registry.password")\""
}

registry_down() {
    service_stop registry
    rm -rf "$STATE"/registry "$STATE"/registry.{yml,htpasswd,password}
}
