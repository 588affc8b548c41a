# shellcheck shell=bash
# Certificates and kubeconfigs of the cluster, made once per cluster life.

PKI=$STATE/pki

# pki_ca NAME: a certificate authority.
pki_ca() {
    mkdir -p "$PKI"
    [[ -e $PKI/$1.crt ]] && return 0
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$1" \
        -keyout "$PKI/$1.key" -out "$PKI/$1.crt.new" 2>/dev/null
    mv "$PKI/$1.crt.new" "$PKI/$1.crt"
}

# pki_cert NAME CA SUBJECT [SAN]: a certificate for clients, and for servers with a SAN.
pki_cert() {
    local name=$1 ca=$2 subject=$3 san=${4:-}
    [[ -e $PKI/$name.crt ]] && return 0
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject" \
        -keyout "$PKI/$name.key" -out "$PKI/$name.csr" 2>/dev/null
    openssl x509 -req -in "$PKI/$name.csr" -CA "$PKI/$ca.crt" -CAkey "$PKI/$ca.key" -days 3650 -sha256 \
        -set_serial "0x$(openssl rand -hex 12)" -out "$PKI/$name.crt.new" -extfile <(
            echo 'extendedKeyUsage=clientAuth,serverAuth'
            if [[ -n $san ]]; then echo "subjectAltName=$san"; fi
        ) 2>/dev/null
    rm "$PKI/$name.csr"
    mv "$PKI/$name.crt.new" "$PKI/$name.crt"
}

# pki_kubeconfig FILE NAME: holds everything itself, so that it can be copied.
pki_kubeconfig() {
    [[ -e $1 ]] && return 0
    cat >"$1.new" <<YAML
apiVersion: v1
kind: Config
clusters:
  - name: slipway
    cluster:
      server: https://$HOST_ADDRESS:$API_PORT
      certificate-authority-data: $(base64 -w0 "$PKI/cluster-ca.crt")
users:
  - name: $2
    user:
      client-certificate-data: $(base64 -w0 "$PKI/$2.crt")
      client-key-data: $(base64 -w0 "$PKI/$2.key")
contexts:
  - name: slipway
    context: {cluster: slipway, user: $2}
current-context: slipway
YAML
    chmod 600 "$1.new"
    mv "$1.new" "$1"
}

# pki_identity NAME SUBJECT: a client certificate and its kubeconfig.
pki_identity() {
    pki_cert "$1" cluster-ca "$2"
    pki_kubeconfig "$STATE/$1.kubeconfig" "$1"
}
