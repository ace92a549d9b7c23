#!/bin/sh
# The package is there already, or the test would have been skipped. What Debian's
# scripts do when it is installed is left: PostgreSQL gets a cluster and runs.
set -eu
[ "$1 $2" = "install -y" ] || {
    echo "apt-get: $* is not used on the pages" >&2
    exit 1
}
shift 2
for package; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package")" = "ii " ]
    if [ "$package" = postgresql ]; then
        version=$(ls /usr/lib/postgresql | sort -n | tail -n 1)
        pg_createcluster "$version" main -- --no-sync
        exec systemctl start postgresql
    fi
done
