#!/usr/bin/env bash
# Make a base image for BASE= from Debian's packages alone, where no image registry is reached.
# Usage, as root, with debootstrap and buildah installed: tools/base-image.sh [TAG]
set -euo pipefail
tag=${1:-localhost/sluiceway-base:bookworm}

scratch=$(mktemp -d)
container=
clean_up() {
    [[ -z $container ]] || buildah rm "$container" >/dev/null
    # debootstrap unmounts these itself, unless it was interrupted
    for mount in proc sys; do
        ! mountpoint -q "$scratch/root/$mount" || umount "$scratch/root/$mount"
    done
    rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT

# python3-venv is for the build stage alone; the last stage removes the pip that comes with it.
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$scratch/root"
rm -rf "$scratch"/root/var/cache/apt/archives/*.deb "$scratch"/root/var/lib/apt/lists/* "$scratch"/root/dev/*

container=$(buildah from scratch)
buildah add --quiet "$container" "$scratch/root" / >/dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd python3 "$container"
buildah commit --quiet "$container" "$tag" >/dev/null
echo "built $tag"
