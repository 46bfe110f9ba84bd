#!/bin/bash
# Prepares the data on the first start, then becomes MariaDB as its own user.
#
# Honours what the official image documents: MARIADB_ROOT_PASSWORD, MARIADB_DATABASE, MARIADB_USER,
# MARIADB_PASSWORD, MARIADB_ROOT_HOST (each also as MYSQL_… and …_FILE),
# MARIADB_ALLOW_EMPTY_ROOT_PASSWORD, and /docker-entrypoint-initdb.d with *.sh, *.sql, *.sql.gz.
set -eo pipefail
shopt -s nullglob

fail() { echo >&2 "error: $*"; exit 1; }

# take NAME [DEFAULT]: MARIADB_NAME takes its value from itself, from MYSQL_NAME, from the file that
# either names in …_FILE, or DEFAULT.
take() {
    local prefix name value=""
    for prefix in MARIADB MYSQL; do
        name=${prefix}_$1
        if [ -n "${!name:-}" ]; then value=${!name}; break; fi
        name=${name}_FILE
        if [ -n "${!name:-}" ]; then value=$(<"${!name}"); break; fi
    done
    declare -g "MARIADB_$1=${value:-${2:-}}"
}

quoted() { local text=${1//\\/\\\\}; printf "'%s'" "${text//\'/\\\'}"; }

sql() { MYSQL_PWD=$PASSWORD_NOW mariadb --protocol=socket -uroot "$@"; }

run_init_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        echo "running $file"
        case $file in
            *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) sql "$MARIADB_DATABASE" <"$file" ;;
            *.sql.gz) gunzip -c "$file" | sql "$MARIADB_DATABASE" ;;
            *) echo "ignoring $file" ;;
        esac
    done
}

first_start() {
    take ROOT_PASSWORD
    take ROOT_HOST %
    take DATABASE
    take USER
    take PASSWORD
    [ -n "$MARIADB_ROOT_PASSWORD" ] || [ -n "${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD:-$MYSQL_ALLOW_EMPTY_PASSWORD}" ] \
        || fail "the database is new and has no root password: set MARIADB_ROOT_PASSWORD"
    echo "initialising the database files"
    mariadb-install-db --datadir=/var/lib/mysql --auth-root-authentication-method=normal \
        --skip-test-db --skip-log-bin >/dev/null

    # Not on the network yet: nobody may see a half-made database.
    mariadbd --skip-networking --skip-log-bin &
    local server=$! password
    PASSWORD_NOW=
    until sql -e 'select 1' >/dev/null 2>&1; do
        kill -0 "$server" || fail "the server that prepares the data has ended"
        sleep 0.1
    done
    password=$(quoted "$MARIADB_ROOT_PASSWORD")
    {
        if [ "$MARIADB_ROOT_HOST" != localhost ]; then
            echo "CREATE USER 'root'@$(quoted "$MARIADB_ROOT_HOST") IDENTIFIED BY $password;"
            echo "GRANT ALL ON *.* TO 'root'@$(quoted "$MARIADB_ROOT_HOST") WITH GRANT OPTION;"
        fi
        [ -z "$MARIADB_DATABASE" ] || echo "CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\`;"
        if [ -n "$MARIADB_USER" ]; then
            echo "CREATE USER $(quoted "$MARIADB_USER")@'%' IDENTIFIED BY $(quoted "$MARIADB_PASSWORD");"
            [ -z "$MARIADB_DATABASE" ] \
                || echo "GRANT ALL ON \`${MARIADB_DATABASE//_/\\_}\`.* TO $(quoted "$MARIADB_USER")@'%';"
        fi
        echo "SET PASSWORD FOR 'root'@'localhost' = PASSWORD($password);"
    } | sql
    PASSWORD_NOW=$MARIADB_ROOT_PASSWORD
    run_init_files
    kill "$server"
    wait "$server" || :
    echo "MariaDB init process complete; ready for start up."
}

[ "${1:0:1}" = - ] && set -- mariadbd "$@"
if [ "${1:-}" = mariadbd ] || [ "${1:-}" = mysqld ]; then
    if [ "$(id -u)" = 0 ]; then
        find /var/lib/mysql /run/mysqld \! -user mysql -exec chown mysql: {} +
        exec setpriv --reuid=mysql --regid=mysql --clear-groups -- "$0" "$@"
    fi
    [ -d /var/lib/mysql/mysql ] || first_start
    shift
    set -- mariadbd --bind-address=0.0.0.0 "$@"
fi
exec "$@"
