#!/usr/bin/env bash
# Prove what the image promises on a real worker: no build tools, non-root, read-only, healthy, drains on SIGTERM.
# Usage: tools/image-proof.sh IMAGE PIPELINE [NAME=VALUE ...]
#   PIPELINE's folder is mounted at /pipelines; NAME=VALUE goes into the worker's environment.
#   The worker shares the host's network, so that it reaches an emulator on 127.0.0.1.
set -euo pipefail
(($# >= 2)) || { sed -n '3,5s/^# //p' "$0"; exit 2; }
image=$1 pipeline=$(realpath "$2")
shift 2

# The health check is run by hand below: its timer would need systemd.
export DISABLE_HC_SYSTEMD=true
worker=$(podman create --network host \
    --read-only --read-only-tmpfs=false --cap-drop all --security-opt no-new-privileges \
    --volume "$(dirname "$pipeline"):/pipelines:ro" "${@/#/--env=}" \
    "$image" run "$(basename "$pipeline")")
trap 'podman rm --force --time 0 "$worker" >/dev/null' EXIT
podman start "$worker" >/dev/null

is_ready() {
    podman exec "$worker" python3 -ISc '
import http.client, os, sys
worker = http.client.HTTPConnection("127.0.0.1", int(os.environ["SLUICEWAY_HEALTH_PORT"]), timeout=2)
worker.request("GET", "/readyz")
sys.exit(worker.getresponse().status != 200)' 2>/dev/null
}
deadline=$((SECONDS + 30))
until is_ready; do
    if ((SECONDS > deadline)) || [[ $(podman inspect --format '{{.State.Running}}' "$worker") != true ]]; then
        podman logs "$worker"
        echo "the worker stopped, or was not ready within 30 s" >&2
        exit 1
    fi
    sleep 0.2
done
echo "ready: /readyz answers 200"
podman healthcheck run "$worker"
echo "healthy: the image's HEALTHCHECK exits 0"

podman exec "$worker" sh -euc '
    must_fail() {
        if "$@" >/dev/null 2>&1; then echo "worked, and should not: $*"; exit 1; fi
    }
    echo "process 1: $(tr "\0" " " </proc/1/cmdline)"
    grep -E "^(Uid|CapEff):" /proc/1/status
    must_fail test "$(id -u)" -eq 0
    for folder in / /tmp /opt/sluiceway /pipelines; do must_fail touch "$folder/written"; done
    echo "non-root, nothing can be written"
    for tool in pip pip3 gcc cc ld make; do must_fail command -v "$tool"; done
    for module in pip setuptools ensurepip hatchling; do
        for python in /opt/sluiceway/bin/python /usr/bin/python3 /usr/local/bin/python3; do
            must_fail "$python" -c "import $module"
        done
    done
    echo "no pip, setuptools, hatchling, compiler or make"'

podman stop --time 30 "$worker" >/dev/null
podman logs "$worker"
code=$(podman inspect --format '{{.State.ExitCode}}' "$worker")
echo "exit code after SIGTERM: $code"
exit "$code"
