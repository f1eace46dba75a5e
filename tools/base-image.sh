#!/usr/bin/env bash
# Make a base image for BASE= from Debian's packages alone, where no image registry is reached.
# Usage, as root, with debootstrap and buildah installed: tools/base-image.sh [TAG]
set -euo pipefail
tag=${1:-localhost/sluiceway-base:bookworm}

work=$(mktemp -d)
container=
clean_up() {
    [[ -z $container ]] || buildah rm "$container" >/dev/null
    # debootstrap unmounts these itself, unless it was interrupted
    for mount in proc sys; do
        ! mountpoint -q "$work/root/$mount" || umount "$work/root/$mount"
    done
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# python3-venv is for the build stage alone; the last stage removes the pip that comes with it.
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$work/root"
rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/* "$work"/root/dev/*

container=$(buildah from scratch)
buildah add --quiet "$container" "$work/root" / >/dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd python3 "$container"
buildah commit --quiet "$container" "$tag" >/dev/null
echo "built $tag"
