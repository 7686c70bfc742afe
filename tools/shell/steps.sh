# How the project's commands speak: short lines, the details in build/*.log, shown where something fails.
# shellcheck shell=bash

say() { printf '== %s\n' "$*"; }

fail() {
  printf '== %s\n' "$*" >&2
  exit 1
}

# attempt TEXT LOG COMMAND…: runs COMMAND with its output in build/LOG.log; says TEXT and how it went.
attempt() {
  local text=$1 log=build/$2.log began=$SECONDS
  shift 2
  mkdir -p build
  printf -- '-- %s … ' "$text"
  if "$@" >"$log" 2>&1; then
    printf 'done (%s s)\n' $((SECONDS - began))
  else
    printf 'FAILED (%s s); the end of %s:\n' $((SECONDS - began)) "$log"
    tail -n 60 "$log"
    return 1
  fi
}

# Like attempt, but a failure is the end.
step() {
  attempt "$@" || fail "Stopped. The command was: ${*:3}"
}
