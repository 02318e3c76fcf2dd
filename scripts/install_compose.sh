#!/bin/sh
# Print each Compose that is here, one command a line: the plugin of docker (version 2) and
# docker-compose (either version). Install Debian's if there is none and this is root. Fails
# otherwise.
set -eu

find_compose() {
  found=1
  for words in "docker compose" docker-compose; do
    # shellcheck disable=SC2086
    if $words version >/dev/null 2>&1; then
      echo "$words"
      found=0
    fi
  done
  return $found
}

find_compose && exit 0
"$(dirname -- "$0")/install_package.sh" docker-compose "docker with its plugin compose"
find_compose
