#!/bin/sh
# sudo as far as the pages use it, for somebody who may do everything. The one
# program in here that has the right to become somebody else does so; the
# environment is a new one, as sudo makes it.
set -eu
user=root
case ${1:-} in
-u)
    user=$2
    shift 2
    ;;
-*)
    echo "sudo: $1 is not used on the pages" >&2
    exit 1
    ;;
esac
home=$(getent passwd "$user" | cut -d: -f6)
exec /mnt/privilege/setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \
    env -i PATH="$PATH" HOME="$home" USER="$user" LOGNAME="$user" LC_ALL=C.UTF-8 "$@"
