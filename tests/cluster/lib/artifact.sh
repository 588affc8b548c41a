# shellcheck shell=bash
# The cache of what is built: $SLIPWAY_CACHE/NAME/VERSION, complete or absent.

# recipe_key NAME [EXTRA…]: the version of NAME with a hash of build/NAME.sh (and
# of EXTRA files), so that an edited recipe builds anew.
recipe_key() {
    local name=$1 variable hash
    shift
    variable=${name^^}
    variable=${variable//-/_}_VERSION
    hash=$(cat "$CLUSTER_SCRIPTS/build/$name.sh" "$@" | sha256sum)
    printf '%s-%s\n' "${!variable}" "${hash:0:10}"
}

# artifact_path NAME [EXTRA…]: where `artifact NAME "$(recipe_key NAME EXTRA…)"` puts it.
artifact_path() { printf '%s/%s/%s\n' "$SLIPWAY_CACHE" "$1" "$(recipe_key "$@")"; }

# artifact NAME VERSION FUNCTION: unless it is in the cache, runs `FUNCTION DIR`
# (errexit on, $SCRATCH a folder that is thrown away) and moves DIR into place.
# ARTIFACT_HINT is shown with the first line, e.g. "about 5 min on 2 cores".
# Call it at the top level of a build/ script, never in an `if` or before `||`:
# bash would ignore errexit inside.
artifact() {
    local name=$1 version=$2 function=$3
    local target=$SLIPWAY_CACHE/$name/$version log=$SLIPWAY_CACHE/logs/$name.log lock
    [[ -d $target ]] && return 0
    mkdir -p "$SLIPWAY_CACHE/logs" "$SLIPWAY_CACHE/$name"
    exec {lock}>"$SLIPWAY_CACHE/$name/.lock"
    flock "$lock"                       # two callers at once: the second finds it done
    if [[ ! -d $target ]]; then
        rm -rf "$SLIPWAY_CACHE/$name"/.new-* "$SLIPWAY_CACHE/$name"/.scratch-*
        _build_artifact "$name" "$version" "$function" "$target" "$log" "$lock"
    fi
    exec {lock}>&-
}

_build_artifact() {
    local name=$1 version=$2 function=$3 target=$4 log=$5 lock=$6
    local new=$SLIPWAY_CACHE/$name/.new-$$ scratch=$SLIPWAY_CACHE/$name/.scratch-$$
    local start=$SECONDS status=0 pid
    say "building $name $version${ARTIFACT_HINT:+ ($ARTIFACT_HINT)} …"
    mkdir -p "$new" "$scratch"
    ( exec {lock}>&-; SCRATCH=$scratch; export SCRATCH; set -x; "$function" "$new" ) >"$log" 2>&1 </dev/null &
    pid=$!
    _show_life "$name" "$pid" "$log"
    wait "$pid" || status=$?
    rm -rf "$scratch"
    if ((status != 0)); then
        rm -rf "$new"
        FAIL_STATUS=$status fail "building $name $version (exit code $status after $((SECONDS - start)) s)" "$log"
    fi
    mv "$new" "$target"
    say "built $name in $((SECONDS - start)) s"
}

# A sign of life every 15 s while PID runs: seconds so far and the log's last line.
_show_life() {
    local name=$1 pid=$2 log=$3 start=$SECONDS next=$((SECONDS + 15)) last
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.3
        ((SECONDS >= next)) || continue
        last=$(tail -n 1 "$log" 2>/dev/null | tr -d '\r' | cut -c1-100) || last=
        say "  $name: $((SECONDS - start)) s: $last"
        next=$((SECONDS + 15))
    done
}
