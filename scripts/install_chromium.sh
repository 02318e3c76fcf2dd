#!/bin/sh
# Print where Chromium is; install Debian's if there is none and this is root. Fails otherwise.
set -eu

find_chromium() {
  for name in "${MINUET_CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$name" ] && command -v "$name"; then return 0; fi
  done
  return 1
}

find_chromium && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "no Chromium here: install the package chromium, or set MINUET_CHROMIUM to one" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install -qq -y --no-install-recommends chromium >&2
find_chromium
