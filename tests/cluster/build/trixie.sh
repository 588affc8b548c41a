#!/usr/bin/env bash
# The smallest Debian 13 that has apt, for amd64 and arm64: OUT/amd64 and OUT/arm64.
# Everything else of Debian 13 here is this and a few packages more.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
source "$CLUSTER_SCRIPTS/lib/built.sh"
source "$CLUSTER_SCRIPTS/lib/rootfs.sh"

install_amd64() {
    local root=$1 mirror path
    local -a exclude=(--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright')
    for path in "${EXCLUDED[@]}"; do exclude+=("--dpkgopt=path-exclude=$path/*"); done
    mirror=$(debian_mirror)
    unpack_debs bookworm "$SCRATCH/tools" mmdebstrap
    PATH=$SCRATCH/tools/usr/bin:$PATH mmdebstrap --mode=root --variant=minbase --architectures=amd64 \
        --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io "${exclude[@]}" \
        trixie "$root" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main"
}

# The same packages, unpacked (rootfs.sh says why).
unpack_arm64() {
    local root=$1 amd64=$2
    local -a names
    mapfile -t names < <(dpkg-query --admindir="$amd64/var/lib/dpkg" -W -f '${Package}\n')
    mkdir -p "$root/var/lib/dpkg" "$root/var/lib/apt"
    : >"$root/var/lib/dpkg/status"
    rootfs_apt "$root" arm64 --download-only install "${names[@]}"
    # base-files first: it makes /bin and /lib the links that they are.
    rootfs_unpack "$root" "$root"/var/cache/apt/archives/base-files_*.deb
    mv "$root"/var/cache/apt/archives/base-files_*.deb "$SCRATCH/"
    rootfs_unpack "$root" "$root"/var/cache/apt/archives/*.deb
    rootfs_carry "$amd64" "$root"
    echo arm64 >"$root/var/lib/dpkg/arch-native"
    "$QEMU" "$root/usr/sbin/ldconfig" -r "$root"
}

build_trixie() {
    local out=$1 root
    host_needs prove:perl unshare:util-linux    # prove: perl-base, which is everywhere, lacks the modules
    install_amd64 "$out/amd64"
    # The machine's mirror, name and resolver are nobody else's business.
    : >"$out/amd64/etc/apt/sources.list"
    rm -f "$out"/amd64/etc/{hostname,resolv.conf}
    unpack_arm64 "$out/arm64" "$out/amd64"
    for root in "$out"/*; do rootfs_clean "$root"; done
}

"$CLUSTER_SCRIPTS/build/packages.sh"    # for qemu
ARTIFACT_HINT="about 30 s" artifact trixie "$(built_key trixie)" build_trixie
