# shellcheck shell=bash
# An S3 server: Ceph's radosgw, alone on its sqlite store.

s3_up() {
    local data=$STATE/s3
    if [[ ! -e $data/keys ]]; then
        rm -rf "$data"
        mkdir -p "$data"
        s3_config
        printf '%s %s\n' "SLIPWAY$(openssl rand -hex 6 | tr a-f A-F)" "$(openssl rand -hex 20)" >"$data/keys.new"
        s3_user_create
        mv "$data/keys.new" "$data/keys"
    fi
    service_running s3 || s3_config     # the far time is far from this start
    service_start s3 -- "$CLUSTER_SCRIPTS/lib/in-trixie.sh" "$data" \
        radosgw -d --no-mon-config -c "$data/radosgw.conf" -n client.rgw.x
    service_ready s3 60 curl -s -o /dev/null "http://$HOST_ADDRESS:$S3_PORT/"
    local access secret
    read -r access secret <"$data/keys"
    put_env S3_ENDPOINT "http://$HOST_ADDRESS:$S3_PORT"
    put_env S3_ACCESS_KEY "$access"
    put_env S3_SECRET_KEY "$secret"
}

# The server keeps lifecycle rules but must not run them: with this store its
# lifecycle worker crashes, hence a work time twelve hours from now.
s3_config() {
    local far
    far=$(date -d '+12 hours' +%H:%M)
    cat >"$STATE/s3/radosgw.conf" <<CONF
[client]
rgw_backend_store = dbstore
rgw_config_store = dbstore
dbstore_db_dir = $STATE/s3
dbstore_config_uri = file:$STATE/s3/config.db
rgw_frontends = beast endpoint=$HOST_ADDRESS:$S3_PORT
rgw_lifecycle_work_time = $far-$far
rgw_lc_max_worker = 1
rgw_lc_max_wp_worker = 1
rgw_data = $STATE/s3
CONF
}

# radosgw-admin now and then does its work and then hangs at its end: it is given a
# time, and what counts is whether the user is there.
s3_user_create() {
    local access secret attempt
    read -r access secret <"$STATE/s3/keys.new"
    for attempt in 1 2 3; do
        s3_admin user create --uid=slipway --display-name=slipway "--access-key=$access" "--secret-key=$secret" && return 0
        s3_admin user info --uid=slipway && return 0
        say "radosgw-admin did not make the S3 user (attempt $attempt)"
    done
    fail "making the S3 user" "$STATE/log/s3-user.log"
}

s3_admin() {
    timeout --kill-after=2 15 "$CLUSTER_SCRIPTS/lib/in-trixie.sh" "$STATE/s3" \
        radosgw-admin --no-mon-config -c "$STATE/s3/radosgw.conf" -n client.rgw.x "$@" >>"$STATE/log/s3-user.log" 2>&1
}

s3_down() {
    service_stop s3
    rm -rf "$STATE/s3"
}
