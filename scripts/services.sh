#!/bin/sh
# Install the servers and the browser that some tests start.
set -eu

missing=""
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$missing postgresql"
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing="$missing chromium"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "make services knows Debian and Ubuntu only. Install with this system's own tools:$missing" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "make services installs system packages and needs root. Run: sudo make services   (missing:$missing)" >&2
    exit 1
fi
apt-get update -qq
# shellcheck disable=SC2086 - one word per package
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
