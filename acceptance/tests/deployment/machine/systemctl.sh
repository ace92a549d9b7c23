#!/bin/sh
# Starts and stops services from their unit files, as the service manager of a
# machine with one does: user, environment, limits, capabilities and protection are
# the unit's.
set -eu

fail() {
    echo "systemctl: $*" >&2
    exit 1
}

# The last value of a key in a service's unit and its additions.
unit_value() {
    for file in "/usr/lib/systemd/system/$1.service" "/etc/systemd/system/$1.service" \
        "/etc/systemd/system/$1.service.d"/*.conf; do
        if [ -f "$file" ]; then sed -n "s/^$2=//p" "$file"; fi
    done | tail -n 1
}

is_running() {
    pid=$(cat "/run/$1.pid" 2>/dev/null) || return 1
    state=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c1) || return 1
    [ -n "$state" ] && [ "$state" != Z ]
}

# Waits for something that comes or fails by itself; the test has a deadline.
until_true() {
    until "$@" >/dev/null 2>&1; do sleep 0.1; done
}

start() {
    if [ "$1" = postgresql ]; then
        version=$(ls /usr/lib/postgresql | sort -n | tail -n 1)
        exec pg_ctlcluster "$version" main start
    fi
    if is_running "$1"; then return; fi
    command=$(unit_value "$1" ExecStart)
    [ -n "$command" ] || fail "there is no unit $1.service with ExecStart="
    user=$(unit_value "$1" User)
    user=${user:-root}
    caps=$(unit_value "$1" AmbientCapabilities | tr '[:upper:]' '[:lower:]' | sed 's/^cap_/+/')
    # What service managers give, or the unit, as far as there is so much here.
    most=$(ulimit -Hn)
    usual=$(unit_value "$1" LimitNOFILE)
    usual=${usual:-1024}
    if [ "$most" != unlimited ] && [ "$usual" -gt "$most" ]; then usual=$most; fi
    directory=$(unit_value "$1" WorkingDirectory)
    if [ "$(unit_value "$1" NoNewPrivileges)" = yes ]; then nnp=--no-new-privs; else nnp=; fi
    # The file system as the unit wants it, seen by this service only.
    set -- "$1" unshare --mount /mnt/wrappers/protect \
        "$(unit_value "$1" ProtectSystem)" "$(unit_value "$1" ProtectHome)" \
        "$(unit_value "$1" ReadWritePaths)" \
        setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups $nnp \
        ${caps:+"--inh-caps=$caps" "--ambient-caps=$caps"} \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LC_ALL=C.UTF-8 USER="$user" LOGNAME="$user" \
        HOME="$(getent passwd "$user" | cut -d: -f6)" \
        RUNNING_UNDER_SYSTEMD=true sh -c "exec $command"
    service=$1
    shift
    (
        cd "${directory:-/}"
        ulimit -Sn "$usual"
        exec setsid "$@" >>"/var/log/service-$service.log" 2>&1 </dev/null
    ) &
    echo $! >"/run/$service.pid"
    if [ "$(unit_value "$service" Type)" = notify ]; then
        until_true ready "$service"
    fi
}

# Type=notify: the service says when it is ready. Ours has no socket for that.
ready() {
    is_running "$1" || exit 0
    case $1 in
    rabbitmq-server) rabbitmqctl await_startup ;;
    *) fail "how $1 says that it is ready is not known here" ;;
    esac
}

stop() {
    if [ "$1" = postgresql ]; then
        version=$(ls /usr/lib/postgresql | sort -n | tail -n 1)
        pg_ctlcluster "$version" main stop
        return
    fi
    is_running "$1" || return 0
    kill -TERM "$(cat "/run/$1.pid")"
    while is_running "$1"; do sleep 0.05; done
}

verb=$1
shift
case $verb in
daemon-reload) exit 0 ;;
enable)
    if [ "$1" = --now ]; then
        verb=start
        shift
    else
        [ -n "$(unit_value "$1" WantedBy)" ] || fail "$1.service has no WantedBy="
        exit 0
    fi
    ;;
esac
for service; do
    case $verb in
    start) (start "$service") ;;
    stop) stop "$service" ;;
    restart)
        stop "$service"
        (start "$service")
        ;;
    *) fail "$verb is not used on the pages" ;;
    esac
done
# A service that ends at once has not started.
if [ "$verb" != stop ]; then
    for service; do
        if [ "$service" != postgresql ] && ! is_running "$service"; then
            cat "/var/log/service-$service.log" >&2
            fail "$service ended"
        fi
    done
fi
