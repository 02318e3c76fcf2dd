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
"$(dirname -- "$0")/install_package.sh" chromium "set MINUET_CHROMIUM to one"
find_chromium
