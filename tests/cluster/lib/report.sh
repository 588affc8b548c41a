# shellcheck shell=bash
# What a person sees: one line per step, and a failure that names the step and the log.

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }

# fail STEP [LOG]: names the step and the log, shows the log's end, and exits.
fail() {
    local step=$1 log=${2:-}
    {
        printf '%s  FAILED: %s\n' "$(date +%H:%M:%S)" "$step"
        if [[ -n $log && -f $log ]]; then
            printf '  log: %s\n' "$log"
            tail -n 25 "$log" | sed 's/^/  | /'
        elif [[ -n $log ]]; then
            printf '  logs: %s\n' "$log"
        fi
    } >&2
    exit "${FAIL_STATUS:-1}"
}

# wait_for DESCRIPTION TIMEOUT COMMAND…: tries until it succeeds; a failure names the folder of all logs.
wait_for() {
    local description=$1 timeout=$2 deadline
    shift 2
    deadline=$((SECONDS + timeout))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || fail "$description (not so after $timeout s)" "$STATE/log"
        sleep 0.2
    done
}

# put_env NAME VALUE: adds a variable to what `cluster env` prints.
put_env() {
    mkdir -p "$STATE/env"
    printf '%s=%q\n' "$1" "$2" >"$STATE/env/$1"
}

# Gathers them into the one file that people and tests read.
write_env() {
    cat "$STATE"/env/* >"$STATE/cluster.env.new"
    mv "$STATE/cluster.env.new" "$STATE/cluster.env"
}
