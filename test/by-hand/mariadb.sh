#!/bin/sh
# A MariaDB cluster of three as somebody who knows how makes it by hand on one machine, in the quickest order: three copies of
# a data directory made beforehand, three servers side by side, replication by GTID, a commit that waits for one replica.
# Usage: mariadb.sh template|create|destroy FOLDER TREE FIRST_PORT; not as root.
set -eu
action=$1 folder=$2 tree=$3 port=$4

server() {
  "$tree/sbin/mariadbd" --no-defaults --basedir="$tree" --datadir="$folder/$1" --socket="$folder/$1.sock" \
    --pid-file="$folder/$1.pid" --log-error="$folder/$1.log" --bind-address=127.0.0.1 --port="$2" --server-id="$2" \
    --log-bin=binlog --log-slave-updates --gtid-strict-mode --sync-binlog=1 --skip-name-resolve --skip-slave-start \
    --performance-schema=OFF --innodb-buffer-pool-size=24M --innodb-log-file-size=8M --rpl-semi-sync-slave-enabled=ON &
  until ask "$1" 'select 1' >/dev/null 2>&1; do sleep 0.02; done
}

ask() { "$tree/bin/mariadb" --no-defaults --user=root --socket="$folder/$1.sock" --skip-column-names --execute "$2"; }

follow() {
  ask "$1" "change master to master_host = '127.0.0.1', master_port = $port, master_user = 'copier',
    master_password = 'by hand', master_use_gtid = slave_pos; set global read_only = on; start slave"
}

stop() {
  if [ -e "$folder/$1.pid" ]; then
    process=$(cat "$folder/$1.pid")
    kill "-$2" "$process" || true
    while kill -0 "$process" 2>/dev/null; do sleep 0.02; done
    rm -f "$folder/$1.pid" "$folder/$1.sock"
  fi
}

case $action in
template)
  "$tree/bin/mariadb-install-db" --no-defaults --basedir="$tree" --datadir="$folder/template" --skip-test-db \
    --auth-root-authentication-method=normal --skip-name-resolve --cross-bootstrap --innodb-log-file-size=8M \
    >"$folder/install.log" 2>&1
  server template "$port"
  ask template "create user copier@'127.0.0.1' identified by 'by hand'; grant replication slave on *.* to
    copier@'127.0.0.1'; reset master"
  stop template TERM
  ;;
create)
  for member in m1 m2 m3; do
    cp -a "$folder/template" "$folder/$member" &
  done
  wait
  server m1 "$port" &
  first=$!
  server m2 $((port + 1)) &
  second=$!
  server m3 $((port + 2)) &
  wait $first $second $!
  ask m1 'set global rpl_semi_sync_master_timeout = 10000000; set global rpl_semi_sync_master_enabled = on'
  follow m2 &
  second=$!
  follow m3 &
  wait $second $!
  until [ "$(ask m1 "show status like 'Rpl_semi_sync_master_clients'" | cut -f 2)" = 2 ]; do sleep 0.02; done
  ask m1 'create database app; create table app.written (number int primary key); insert into app.written values (1)'
  ;;
destroy)
  for member in m1 m2 m3; do
    stop "$member" KILL
    rm -rf "${folder:?}/$member" "$folder/$member.log"
  done
  ;;
esac
