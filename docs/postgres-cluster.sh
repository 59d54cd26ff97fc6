#!/bin/sh
# Three PostgreSQL servers on this machine, a primary and two standbys of which one has to have every commit: for trying
# what postgres.md says of losing one. For trials alone: one machine, one disk, a password that everybody knows.
#
#   postgres-cluster.sh start DIR [--async]   makes them in DIR, which must not be there; prints the journal's URL.
#                                             --async: no commit waits for a standby, and a lost server loses commits
#   postgres-cluster.sh status DIR            who is the primary, and how far each standby is
#   postgres-cluster.sh kill DIR              kills the primary as a machine that goes does
#   postgres-cluster.sh promote DIR           makes the standby that has the most the primary
#   postgres-cluster.sh rejoin DIR            makes those that are down standbys, from a new copy
#   postgres-cluster.sh stop DIR              stops them; DIR stays
#
# DAYBOOK_POSTGRES names the folder of PostgreSQL's programs, CLUSTER_PORTS three ports (5441 5442 5443).
set -eu
umask 077

die() { echo "$*" >&2; exit 1; }

[ $# -ge 2 ] || die "usage: postgres-cluster.sh start|status|kill|promote|rejoin|stop DIR [--async]"
[ "$(id -u)" != 0 ] || die "PostgreSQL does not run as root: run this as another user"
what=$1
# servers work in folders of their own
case $2 in /*) dir=$2 ;; *) dir=$PWD/$2 ;; esac
bin=${DAYBOOK_POSTGRES:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -n | tail -n 1)}
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb || echo /nowhere/initdb)")
[ -x "$bin/initdb" ] || die "PostgreSQL's programs are not found: name their folder in DAYBOOK_POSTGRES"
export PGUSER=daybook PGPASSWORD=daybook PGHOST=127.0.0.1 PGCONNECT_TIMEOUT=5 LC_ALL=C

port() { cut -d' ' -f"$1" "$dir/ports"; }
ask() { "$bin/psql" -AtXq -p "$(port "$1")" -d postgres -c "$2"; }
# Whether a process is there. One that was killed keeps its number until it was asked how it ended, and where PID 1 is no
# init nobody asks.
lives() {
    case $(ps -o stat= -p "$1" 2>/dev/null) in '' | Z*) return 1 ;; esac
}
up() { "$bin/pg_ctl" -D "$dir/$1" status >/dev/null 2>&1 && lives "$(head -n 1 "$dir/$1/postmaster.pid" 2>/dev/null)"; }
start() { "$bin/pg_ctl" -D "$dir/$1" -l "$dir/$1.log" -w -t 60 start >/dev/null || die "server $1 did not start: see $dir/$1.log"; }

primary() {
    for n in 1 2 3; do
        if up $n && [ "$(ask $n 'SELECT pg_is_in_recovery()')" = f ]; then echo $n; return; fi
    done
}

# a copy of server $2, that follows it as number $1
standby() {
    "$bin/pg_basebackup" -D "$dir/$1" -p "$(port "$2")" -X stream -c fast
    settle "$1"
    follow "$1" "$2"
    touch "$dir/$1/standby.signal"
    start "$1"
}

# what each server has of its own
settle() {
    sed -i -e '/^port/d' "$dir/$1/postgresql.auto.conf"
    echo "port = $(port "$1")" >>"$dir/$1/postgresql.auto.conf"
}

follow() {
    sed -i -e '/^primary_conninfo/d' "$dir/$1/postgresql.auto.conf"
    echo "primary_conninfo = 'host=127.0.0.1 port=$(port "$2") user=daybook password=daybook application_name=n$1'" \
        >>"$dir/$1/postgresql.auto.conf"
}

need_primary() {
    p=$(primary)
    [ -n "$p" ] || die "no server of $dir takes writes: promote one"
}

case $what in
start)
    [ ! -e "$dir" ] || die "$dir is there already: name a folder that is not"
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    echo "${CLUSTER_PORTS:-5441 5442 5443}" >"$dir/ports"
    echo daybook >"$dir/password"
    "$bin/initdb" -D "$dir/1" -U daybook -E UTF8 --locale=C --auth=scram-sha-256 --pwfile="$dir/password" >/dev/null
    # Each knows all names, so nothing has to be changed when another becomes the primary: none is a standby of itself.
    names="ANY 1 (n1, n2, n3)"
    [ "${3:-}" != --async ] || names=""
    cat >>"$dir/1/postgresql.auto.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 64MB
max_connections = 100
wal_keep_size = 512MB
synchronous_standby_names = '$names'
CONF
    settle 1
    start 1
    standby 2 1
    standby 3 1
    ask 1 "CREATE DATABASE daybook TEMPLATE template0 ENCODING 'UTF8'" >/dev/null
    echo "postgres://daybook:daybook@127.0.0.1:$(port 1),127.0.0.1:$(port 2),127.0.0.1:$(port 3)/daybook"
    ;;
status)
    p=$(primary)
    for n in 1 2 3; do
        if ! up $n; then
            echo "$n: down"
        elif [ "$n" = "$p" ]; then
            echo "$n: primary, port $(port $n)"
        else
            echo "$n: standby, port $(port $n), has $(ask $n 'SELECT pg_last_wal_receive_lsn()')"
        fi
    done
    [ -n "$p" ] && ask "$p" "SELECT application_name || ': ' || state || ', ' || sync_state FROM pg_stat_replication ORDER BY 1"
    ;;
kill)
    need_primary
    pid=$(head -n 1 "$dir/$p/postmaster.pid")
    # its children too: they would go on for a moment; some are gone by themselves by then
    children=$(ps -o pid= --ppid "$pid")
    kill -9 "$pid"
    kill -9 $children 2>/dev/null || true
    while lives "$pid"; do sleep 0.05; done
    echo "killed $p"
    ;;
promote)
    p=$(primary)
    [ -z "$p" ] || die "server $p takes writes: two primaries would be two histories"
    most=-1
    for n in 1 2 3; do
        if up $n; then
            has=$(ask $n "SELECT coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'")
            if [ "$has" -gt "$most" ]; then best=$n most=$has; fi
        fi
    done
    [ "$most" -ge 0 ] || die "no standby is up"
    "$bin/pg_ctl" -D "$dir/$best" -w -t 60 promote >/dev/null
    for n in 1 2 3; do
        if [ $n != "$best" ] && up $n; then
            follow $n "$best"
            "$bin/pg_ctl" -D "$dir/$n" reload >/dev/null
        fi
    done
    echo "promoted $best"
    ;;
rejoin)
    need_primary
    for n in 1 2 3; do
        if ! up $n; then
            rm -rf "${dir:?}/$n"
            standby $n "$p"
            echo "rejoined $n"
        fi
    done
    ;;
stop)
    for n in 1 2 3; do
        up $n && "$bin/pg_ctl" -D "$dir/$n" -m immediate -w stop >/dev/null
    done
    ;;
*) die "$what is not start, status, kill, promote, rejoin or stop" ;;
esac
exit 0
