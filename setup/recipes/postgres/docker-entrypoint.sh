#!/bin/bash
# Prepares the data on the first start, then becomes PostgreSQL as its own user.
#
# Honours what the official image documents: POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB,
# POSTGRES_INITDB_ARGS (each also as …_FILE), POSTGRES_HOST_AUTH_METHOD, PGDATA, and
# /docker-entrypoint-initdb.d with *.sh, *.sql, *.sql.gz in the order of their names.
set -Eeuo pipefail
shopt -s nullglob

fail() { echo >&2 "error: $*"; exit 1; }

# from_file NAME [DEFAULT]: NAME takes its value from itself, from the file in NAME_FILE, or DEFAULT.
from_file() {
    local name=$1 file="${1}_FILE" value=${2:-}
    [ -n "${!name:-}" ] && [ -n "${!file:-}" ] && fail "$name and $file are both set"
    if [ -n "${!name:-}" ]; then value=${!name}
    elif [ -n "${!file:-}" ]; then value=$(<"${!file}"); fi
    export "$name=$value"
    unset "$file"
}

run_init_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        echo "running $file"
        case $file in
            *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) sql --dbname "$POSTGRES_DB" -f "$file" ;;
            *.sql.gz) gunzip -c "$file" | sql --dbname "$POSTGRES_DB" ;;
            *) echo "ignoring $file" ;;
        esac
    done
}

sql() { psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --no-password "$@"; }

first_start() {
    local method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$method" != trust ]; then
        fail "the database is new and has no superuser password: set POSTGRES_PASSWORD"
    fi
    # Word splitting is meant: the variable holds arguments.
    # shellcheck disable=SC2086
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") $POSTGRES_INITDB_ARGS
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

    # Not on the network yet: nobody may see a half-made database.
    PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -p 5432" -w start
    export PGPASSWORD=$POSTGRES_PASSWORD
    if [ "$POSTGRES_DB" != postgres ]; then
        sql --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
    fi
    run_init_files
    PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -m fast -w stop
    unset PGPASSWORD
    echo "PostgreSQL init process complete; ready for start up."
}

[ "${1:0:1}" = - ] && set -- postgres "$@"
if [ "${1:-}" = postgres ]; then
    mkdir -p "$PGDATA"
    if [ "$(id -u)" = 0 ]; then
        chmod 700 "$PGDATA" || :
        find "$PGDATA" /run/postgresql \! -user postgres -exec chown postgres {} +
        exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        from_file POSTGRES_PASSWORD
        from_file POSTGRES_USER postgres
        from_file POSTGRES_DB "$POSTGRES_USER"
        from_file POSTGRES_INITDB_ARGS
        first_start
    fi
fi
exec "$@"
