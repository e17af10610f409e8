#!/bin/sh
# Install the servers and the browser that some tests start, and promtool, which reads what watches them.
set -eu

missing=""
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$missing postgresql"
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing="$missing chromium"
command -v promtool >/dev/null && command -v prometheus >/dev/null || missing="$missing prometheus"
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
packages="${missing% prometheus}"
if [ "$packages" != "$missing" ]; then
    # Its programs only: the package would start a server on this machine.
    folder=$(mktemp -d)
    (cd "$folder" && apt-get -o APT::Sandbox::User=root download -qq prometheus && dpkg-deb --extract prometheus_*.deb .)
    install "$folder/usr/bin/prometheus" "$folder/usr/bin/promtool" /usr/local/bin/
    rm -r "$folder"
fi
# shellcheck disable=SC2086 - one word per package
[ -z "$packages" ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
