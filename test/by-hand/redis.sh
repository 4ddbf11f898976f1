#!/bin/sh
# A Redis cluster of three as somebody who knows how makes it by hand on one machine, in the quickest order: a primary, and
# as soon as it answers two replicas side by side, which are sent their copies without waiting for more to come. Nothing
# fails it over.
# Usage: redis.sh template|create|destroy FOLDER BIN FIRST_PORT
set -eu
action=$1 folder=$2 bin=$3 port=$4

server() {
  name=$1 own=$2
  shift 2
  mkdir "$folder/$name"
  "$bin/redis-server" --daemonize yes --dir "$folder/$name" --pidfile "$folder/$name/pid" --logfile "$folder/$name.log" \
    --bind 127.0.0.1 --port "$own" --appendonly yes --save '' --repl-diskless-sync-delay 0 "$@"
  until [ "$("$bin/redis-cli" -p "$own" ping 2>/dev/null)" = PONG ]; do sleep 0.01; done
}

case $action in
template) ;;
create)
  server m1 "$port" --min-replicas-to-write 1
  server m2 $((port + 1)) --replicaof 127.0.0.1 "$port" &
  second=$!
  server m3 $((port + 2)) --replicaof 127.0.0.1 "$port" &
  wait $second
  wait $!
  until [ "$("$bin/redis-cli" -p "$port" info replication | grep -c state=online)" = 2 ]; do sleep 0.02; done
  [ "$("$bin/redis-cli" -p "$port" set written 1)" = OK ]
  ;;
destroy)
  for member in m1 m2 m3; do
    if [ -e "$folder/$member/pid" ]; then kill -9 "$(cat "$folder/$member/pid")" || true; fi
    rm -rf "${folder:?}/$member" "$folder/$member.log"
  done
  ;;
esac
