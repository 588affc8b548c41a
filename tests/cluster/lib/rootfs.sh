# shellcheck shell=bash
# Root file systems of Debian 13 without installing anything on the host.
#
# amd64 is installed as usual, in a chroot. arm64 is unpacked: its files and its dpkg
# database come from the arm64 packages, and what maintainer scripts would have made
# (/etc/passwd, alternatives, the certificate bundle) is carried over from the amd64
# tree, where they ran: none of it depends on the architecture. Running them under
# an emulated CPU takes minutes instead of seconds.

# Left out, as Debian's slim images leave it out; copyright files stay.
EXCLUDED=(/usr/share/man /usr/share/locale /usr/share/info /usr/share/groff /usr/share/lintian)

# shellcheck disable=SC2034  # used by those who source this
# An arm64 program now and then, without registering anything in binfmt_misc.
QEMU=$(artifact_path packages)/usr/bin/qemu-aarch64-static

# rootfs_apt ROOT ARCH ARGS…: apt-get for the packages of ROOT, run by the host's apt
# with our own lists; only dpkg runs inside.
rootfs_apt() {
    local root=$1 arch=$2
    shift 2
    mkdir -p "$root/var/cache/apt/archives/partial"
    DEBIAN_FRONTEND=noninteractive suite_apt trixie -y --no-install-recommends -o "APT::Architecture=$arch" \
        -o "Dir::State=$root/var/lib/apt" -o "Dir::State::status=$root/var/lib/dpkg/status" \
        -o "Dir::Cache::archives=$root/var/cache/apt/archives" -o "DPkg::Chroot-Directory=$root" \
        -o Dir::Log=/dev/null -o DPkg::Use-Pty=false "$@"
}

# rootfs_clean ROOT: what installing leaves and no image needs.
rootfs_clean() {
    local path
    for path in "${EXCLUDED[@]}"; do rm -rf "$1${path:?}"; done
    find "$1/usr/share/doc" -mindepth 2 ! -type d ! -name copyright -delete 2>/dev/null || true
    find "$1/usr/share/doc" -mindepth 1 -type d -empty -delete 2>/dev/null || true
    find "$1"/var/{cache/apt,lib/apt/lists,log} -type f -delete
    rm -rf "$1"/tmp/* "$1"/run/* "$1"/var/lib/dpkg/*-old "$1"/var/cache/{debconf/*-old,ldconfig}
}

# rootfs_unpack ROOT DEB…: files and dpkg database, no scripts.
rootfs_unpack() {
    local root=$1 deb control name arch
    shift
    control=$(mktemp -d "$SCRATCH/control.XXXXXX")
    mkdir -p "$root"/var/lib/dpkg/{info,triggers,updates}
    printf '1\n' >"$root/var/lib/dpkg/info/format"
    for deb; do
        rm -rf "${control:?}"/*
        dpkg-deb -e "$deb" "$control"
        name=$(dpkg-deb -f "$deb" Package)
        arch=$(dpkg-deb -f "$deb" Architecture)
        # dpkg names the files of packages that may be installed for two architectures so.
        [[ $(dpkg-deb -f "$deb" Multi-Arch) == same ]] && name+=:$arch
        sed '/^Package:/a Status: install ok installed' "$control/control" >>"$root/var/lib/dpkg/status"
        printf '\n' >>"$root/var/lib/dpkg/status"
        rm "$control/control"
        find "$control" -type f -printf '%f\n' | while read -r file; do
            cp "$control/$file" "$root/var/lib/dpkg/info/$name.$file"
        done
        dpkg-deb --fsys-tarfile "$deb" | tar -tf - | sed 's#^\.##; s#\(.\)/$#\1#; s#^/$#/.#' >"$root/var/lib/dpkg/info/$name.list"
        dpkg-deb -x "$deb" "$root"
    done
    rm -rf "$control"
}

# rootfs_carry FROM TO: copies from FROM what no package of FROM owns.
rootfs_carry() {
    local from=$1 to=$2 path
    cat "$from"/var/lib/dpkg/info/*.list | sort -u >"$SCRATCH/owned"
    (cd "$from" && find . \( -path ./dev -o -path ./proc -o -path ./sys -o -path ./run -o -path ./var/lib/dpkg/info \
        -o -path ./var/lib/apt -o -path ./var/cache \) -prune -o \( -type f -o -type l \) -print) |
        sed 's#^\.##' | sort -u | comm -13 "$SCRATCH/owned" - |
        grep -vE '^/var/lib/dpkg/(status|arch|lock|available|triggers)|^/etc/ld.so.cache$|x86_64' >"$SCRATCH/carried" || true
    while read -r path; do
        [[ -L $from$path || $(head -c 4 "$from$path" | tr -d '\0') != $'\x7fELF' ]] || fail "carrying $path: it is a program"
    done <"$SCRATCH/carried"
    sed 's#^/##' "$SCRATCH/carried" | tar -C "$from" -cf - --no-recursion -T - | tar -C "$to" -xpf -
}

# rootfs_layer LOWER UPPER ARCH [-c CONFIGURED] PACKAGE…: UPPER becomes what these
# packages add to LOWER. For arm64, CONFIGURED is the amd64 layer of the same packages.
# In a mount namespace of its own, so that no mount is left behind however it ends.
rootfs_layer() { unshare --mount --propagation private "$CLUSTER_SCRIPTS/lib/rootfs-layer.sh" "$@"; }

# rootfs_tar ROOT FILE: with file capabilities, which BuildKit's COPY would lose.
rootfs_tar() {
    tar -C "$1" --format=pax --sort=name --xattrs --xattrs-include=security.capability \
        --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -cf "$2" .
}
