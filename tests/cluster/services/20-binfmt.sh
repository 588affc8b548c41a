# shellcheck shell=bash
# Lets this kernel run arm64 programs under qemu, in every container too: with flag
# F the kernel keeps the interpreter open, so no container needs a copy. With P a
# program sees its own argv[0], without which busybox does not know what it is.

BINFMT=/proc/sys/fs/binfmt_misc
BINFMT_NAME=slipway-aarch64

binfmt_up() {
    mkdir -p "$STATE/made"
    if [[ ! -e $BINFMT/register ]]; then
        mount -t binfmt_misc binfmt_misc $BINFMT
        touch "$STATE/made/binfmt-mount"
    fi
    arm64_registered && return 0
    binfmt_unregister               # ours of an older version of this file
    local magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    local mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf ':%s:M::%s:%s:%s:POCF' $BINFMT_NAME "$magic" "$mask" \
        "$(artifact_path packages)/usr/bin/qemu-aarch64-static" >$BINFMT/register
    touch "$STATE/made/binfmt"
}

# Any enabled registration for arm64 that works inside containers will do.
arm64_registered() {
    local entry
    for entry in "$BINFMT"/*; do
        [[ $entry == */register || $entry == */status ]] && continue
        grep -q '^enabled' "$entry" && grep -q '^flags:.*P.*F' "$entry" &&
            grep -q '^magic 7f454c460201.*b700$' "$entry" && return 0
    done
    return 1
}

binfmt_unregister() { [[ ! -e $BINFMT/$BINFMT_NAME ]] || echo -1 >"$BINFMT/$BINFMT_NAME"; }

binfmt_down() {
    if [[ -e $STATE/made/binfmt ]]; then
        binfmt_unregister
        rm "$STATE/made/binfmt"
    fi
    if [[ -e $STATE/made/binfmt-mount ]]; then
        mountpoint -q $BINFMT && umount $BINFMT
        rm "$STATE/made/binfmt-mount"
    fi
}
