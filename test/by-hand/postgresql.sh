#!/bin/sh
# A PostgreSQL cluster of three as somebody who knows how makes it by hand on one machine, in the quickest order: a copy of
# a data directory made beforehand, two base backups side by side, a commit quorum of one of two replicas.
# Usage: postgresql.sh template|create|destroy FOLDER BIN FIRST_PORT; not as root.
set -eu
action=$1 folder=$2 bin=$3 port=$4
export LC_ALL=C.UTF-8 PGUSER=postgres PGDATABASE=postgres PGHOST="$folder"

server() { "$bin/pg_ctl" --pgdata "$folder/$1" --log "$folder/$1.log" --wait --silent --options "-p $2" start; }
ask() { "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --port "$port" "$@"; }

replica() {
  "$bin/pg_basebackup" --pgdata "$folder/$1" --wal-method stream --checkpoint fast --no-sync --write-recovery-conf \
    --slot "$1" --dbname "host=127.0.0.1 port=$port application_name=$1"
  server "$1" "$2"
}

case $action in
template)
  "$bin/initdb" --pgdata "$folder/template" --username postgres --data-checksums --encoding UTF8 --locale C.UTF-8 \
    --auth trust --no-sync >"$folder/initdb.log"
  cat >>"$folder/template/postgresql.conf" <<CONFIGURATION
unix_socket_directories = '$folder'
listen_addresses = '127.0.0.1'
CONFIGURATION
  ;;
create)
  cp -a "$folder/template" "$folder/m1"
  server m1 "$port"
  ask --command "select pg_create_physical_replication_slot(name) from unnest('{m2,m3}'::text[]) name" >/dev/null
  replica m2 $((port + 1)) &
  second=$!
  replica m3 $((port + 2)) &
  wait $second
  wait $!
  ask --command "alter system set synchronous_standby_names = 'ANY 1 (m2, m3)'" --command 'select pg_reload_conf()' >/dev/null
  until [ "$(ask --command "select count(*) from pg_stat_replication where sync_state = 'quorum'")" = 2 ]; do
    sleep 0.02
  done
  ask --command 'create table written (number int primary key)' --command 'insert into written values (1)'
  ;;
destroy)
  for member in m1 m2 m3; do
    if [ -e "$folder/$member/postmaster.pid" ]; then
      "$bin/pg_ctl" --pgdata "$folder/$member" --mode immediate --silent stop || true
    fi
    rm -rf "${folder:?}/$member" "$folder/$member.log"
  done
  ;;
esac
