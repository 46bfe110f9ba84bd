#!/bin/sh
# Runs what is in /docker-entrypoint.d, in the order of its names, then becomes nginx.
set -e
if [ "${1:-}" = nginx ]; then
    for file in /docker-entrypoint.d/*.sh; do
        [ -x "$file" ] && "$file"
    done
fi
exec "$@"
