#!/bin/sh
# Stands for a guest's init: starts the agent again when it dies, until it ends by itself with 0. A SIGTERM is the
# guest's shutdown: it is passed on to the agent, which stops the database first.
# Usage: guest.sh [MAIN.js]; the agent is bundled, or MAIN.js. Its environment is passed through. ARGOSY_NODE names another
# node program.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
main=${1:-$here/dist/bundle/agent.cjs}
node=${ARGOSY_NODE:-node}
agent=
stopping=

stop() {
  stopping=yes
  if [ -n "$agent" ]; then kill -TERM "$agent" 2>/dev/null; fi
}
trap stop TERM INT HUP

while [ -z "$stopping" ]; do
  "$node" "$main" &
  agent=$!
  # A signal that came before the process id was known has not been passed on.
  if [ -n "$stopping" ]; then kill -TERM "$agent" 2>/dev/null; fi
  wait "$agent"
  code=$?
  # A signal ends `wait` early: the agent may still be stopping its database.
  while kill -0 "$agent" 2>/dev/null; do
    wait "$agent"
    code=$?
  done
  agent=
  if [ "$code" -eq 0 ]; then exit 0; fi
  if [ -n "$stopping" ]; then exit "$code"; fi
  # 79: this image has not got the engine that the member is to run. It is fetched, once for all guests of this machine.
  if [ "$code" -eq 79 ]; then
    engines=$(dirname -- "$ARGOSY_ENGINES_FILE")
    flock "$engines/.preparing" "$node" "$here/dist/engines/main.js" \
      --user-data "$ARGOSY_USER_DATA" --directory "$engines" >/dev/null &
    agent=$!
    wait "$agent"
    code=$?
    agent=
    if [ "$code" -eq 0 ]; then continue; fi
  fi
  # 78 (EX_CONFIG): what it was started with, or the volume, is wrong, and a restart will hardly help.
  case $code in 78 | 79) pause=10 ;; *) pause=0.5 ;; esac
  sleep "$pause" &
  wait $!
done
exit 0
