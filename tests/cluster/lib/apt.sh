# shellcheck shell=bash
# Debian packages without touching the machine's own apt: sources, lists and
# caches are private folders under the cache; the mirror is the machine's.

APT_HOME=$SLIPWAY_CACHE/apt

# Options for the machine's own suites, with lists of our own.
_host_apt_options() {
    mkdir -p "$APT_HOME/host/lists/partial" "$APT_HOME/host/cache/archives/partial"
    APT_OPTIONS=(-q -o "Dir::State::lists=$APT_HOME/host/lists" -o "Dir::Cache=$APT_HOME/host/cache"
        -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
}

# Lists older than six hours are fetched again. Serialised: several builds may ask at once.
_fresh_lists() {
    local folder=$1 stamp=$1/updated
    shift
    (
        flock 9
        [[ -n $(find "$stamp" -mmin -360 2>/dev/null) ]] && exit 0
        apt-get "$@" -o APT::Update::Error-Mode=any update && touch "$stamp"
    ) 9>"$folder/lock"
}

# debian_mirror: the address that the machine's own apt uses for Debian.
debian_mirror() {
    local -a APT_OPTIONS
    _host_apt_options
    _fresh_lists "$APT_HOME/host" "${APT_OPTIONS[@]}" >&2
    # No pipe into head: it would end apt-get by SIGPIPE, which pipefail reports.
    local uris
    # shellcheck disable=SC2016  # apt-get expands it
    uris=$(apt-get "${APT_OPTIONS[@]}" indextargets --format '$(REPO_URI)' 'Created-By: Packages')
    printf '%s\n' "${uris%%$'\n'*}"
}

# suite_apt SUITE ARGS…: apt-get for a Debian suite (bookworm, trixie, sid), with
# deb and deb-src, amd64 and arm64, and no package installed.
suite_apt() {
    local suite=$1 home=$APT_HOME/$1 mirror
    shift
    mkdir -p "$home"/{lists/partial,cache/archives/partial,sources,empty}
    : >>"$home/status"
    mirror=$(debian_mirror)
    printf 'Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
        "$mirror" "$suite" >"$home/.new.$BASHPID"
    mv "$home/.new.$BASHPID" "$home/sources/slipway.sources"
    local -a options=(-q -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$home/sources"
        -o "Dir::State::lists=$home/lists" -o "Dir::State::status=$home/status" -o "Dir::Cache=$home/cache"
        -o "Dir::Etc::preferencesparts=$home/empty" -o APT::Sandbox::User=root -o APT::Architecture=amd64
        -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o Acquire::Retries=3)
    _fresh_lists "$home" "${options[@]}" || return
    apt-get "${options[@]}" "$@"
}

# download_debs SUITE DIR PACKAGE[:ARCH]…: the .deb files, without their dependencies.
download_debs() {
    local suite=$1 folder=$2
    shift 2
    mkdir -p "$folder"
    suite_apt "$suite" --version >/dev/null     # lists first: the next command changes folder
    (cd "$folder" && suite_apt "$suite" download "$@")
}

# unpack_debs SUITE DIR PACKAGE[:ARCH]…: their files below DIR, nothing configured.
unpack_debs() {
    local suite=$1 folder=$2 debs deb
    shift 2
    debs=$(mktemp -d "${SCRATCH:-/tmp}/debs.XXXXXX")
    mkdir -p "$folder"
    download_debs "$suite" "$debs" "$@"
    for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" "$folder"; done
    rm -rf "$debs"
}

# download_source SUITE DIR PACKAGE: the source package's files (.dsc and tarballs).
download_source() {
    local suite=$1 folder=$2 package=$3
    mkdir -p "$folder"
    (cd "$folder" && suite_apt "$suite" source --download-only "$package")
}

# host_needs COMMAND[:PACKAGE]…: installs what has no such command; what is there
# stays as it is. A COMMAND with a slash is a file that must exist.
host_needs() {
    local item command missing=()
    for item in "$@"; do
        command=${item%%:*}
        if [[ $command == */* ]]; then [[ -e $command ]] || missing+=("${item#*:}")
        else command -v "$command" >/dev/null || missing+=("${item#*:}"); fi
    done
    ((${#missing[@]} == 0)) && return 0
    say "installing ${missing[*]} …"
    _install_quietly "${missing[@]}"
}

# Installs without starting any service (policy-rc.d, as images for containers have it).
_install_quietly() (
    mkdir -p "$APT_HOME"        # nothing else may have been cached yet
    exec 8>"$APT_HOME/install.lock"
    flock 8
    local -a APT_OPTIONS
    local log=$SLIPWAY_CACHE/logs/apt-install.log
    _host_apt_options
    mkdir -p "$SLIPWAY_CACHE/logs"
    if [[ ! -e /usr/sbin/policy-rc.d ]]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod +x /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    {
        _fresh_lists "$APT_HOME/host" "${APT_OPTIONS[@]}" &&
            DEBIAN_FRONTEND=noninteractive apt-get "${APT_OPTIONS[@]}" install -y --no-install-recommends "$@"
    } >"$log" 2>&1 8>&- </dev/null || fail "apt-get install $*" "$log"
)
