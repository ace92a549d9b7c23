#!/bin/sh
# Hides and write-protects, within a mount namespace, what a unit says, and becomes
# the service.
#
#   protect PROTECTSYSTEM PROTECTHOME READWRITEPATHS COMMAND...
set -eu
system=$1 home=$2 writable=$3
shift 3
case $system in
'') ;;
strict)
    for path in $writable; do mount --bind "$path" "$path"; done
    # The kernel's own file systems and its devices stay as they are.
    while read -r _ _ _ _ place _; do
        case " $writable " in *" $place "*) continue ;; esac
        case $place in
        /proc | /proc/* | /sys | /sys/* | /dev | /dev/* | /mnt | /mnt/*) ;;
        # One that another one hides cannot be reached, and need not be.
        *) mount -o remount,bind,ro "$place" 2>/dev/null || ! mountpoint -q "$place" ;;
        esac
    done </proc/self/mountinfo
    if touch /etc/written 2>/dev/null; then
        echo "the file system is not protected" >&2
        exit 1
    fi
    ;;
*)
    echo "ProtectSystem=$system is not used on the pages" >&2
    exit 1
    ;;
esac
if [ "$home" = yes ]; then
    for hidden in /home /root /run/user; do
        if [ -d "$hidden" ]; then mount -t tmpfs -o mode=000 hidden "$hidden"; fi
    done
fi
exec "$@"
