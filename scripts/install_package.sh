#!/bin/sh
# Install one of Debian's packages, if this is root; fails otherwise, and says what to do.
# Usage: install_package.sh PACKAGE "what to do elsewhere"
set -eu

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "no $1 here: install the package $1, or $2" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install -qq -y --no-install-recommends "$1" >&2
