# Process 1 of a machine that exists in namespaces only: what the operating system
# would be to the pages. It hides every directory that their commands write to
# behind a private one, and then runs the scripts that the test names.
#
#   init.sh STAGE PROGRAMS SCRIPTS HOME NAME ADDRESS
set -eu
umask 022
stage=$1 programs=$2 scripts=$3 home=$4 name=$5 address=$6
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8

ip link set lo up
ip address add "$address/32" dev lo
# Who is not root listens above port 1023 only, as on machines that nobody tuned.
echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start
hostname "$name"

# Not on the disk, and gone with the last process in here.
root=$stage/root
mkdir -p "$root"
mount -t tmpfs -o mode=755 machine "$root"
mkdir -p "$root/wrappers" "$root/bin" "$root/etc" "$root/lib/dpkg" "$root/log" \
    "$root/run" "$root/home"
mount --bind "$home" "$root/home"
cp -a /etc/. "$root/etc"
mount --bind /var/lib/dpkg "$root/lib/dpkg"
for program in "$programs"/mig "$programs"/mig-agent "$programs"/mig-agent-search \
    "$programs"/mig-api "$programs"/mig-scheduler "$programs"/mig-server \
    "$programs"/mig-worker-webhook; do
    touch "$root/bin/${program##*/}"
    mount --bind "$program" "$root/bin/${program##*/}"
done
mkdir "$root/pki-scripts"
mount --bind "$scripts" "$root/pki-scripts"

# What packages leave behind when they are installed.
for package in postgresql rabbitmq; do
    user=$(echo "$package" | sed s/postgresql/postgres/)
    install -d -o "$user" -g "$user" -m 755 "$root/lib/$package" "$root/log/$package"
done
install -d -o postgres -g postgres -m 2775 "$root/run/postgresql"
mkdir -p "$root/backups"
rm -rf "$root"/etc/postgresql/*/* "$root/etc/mig" "$root"/etc/rabbitmq/*
# Processors that wait busily would take time from the rest.
quiet='+sbwt none +sbwtdcpu none +sbwtdio none'
cat >"$root/etc/rabbitmq/rabbitmq-env.conf" <<ENV
SERVER_ADDITIONAL_ERL_ARGS="$quiet"
CTL_ERL_ARGS="$quiet"
ENV
# How often a passphrase is hashed is found by trying, which takes seconds when the
# processors are busy; the keys in here protect nothing.
mkdir -p "$root/etc/gnupg"
echo 's2k-count 65536' >"$root/etc/gnupg/gpg-agent.conf"
# Names beyond these two machines are not known. Servers are on the first one, and
# what there may be several of is on the other, too.
cat >"$root/etc/hosts.new" <<HOSTS
127.0.0.1 localhost
192.0.2.1 web1.example.org web1 db.example.org siem.example.org
192.0.2.2 web2.example.org web2
192.0.2.1 relay.example.org api.example.org
192.0.2.2 relay.example.org api.example.org
HOSTS
rm "$root/etc/hosts"
mv "$root/etc/hosts.new" "$root/etc/hosts"
echo "$name" >"$root/etc/hostname"
# The administrator, who may do everything through sudo.
echo 'ada:x:4711:4711:Ada Lovelace:/home/ada:/bin/sh' >>"$root/etc/passwd"
echo 'ada:x:4711:' >>"$root/etc/group"

mkdir "$root/privilege"
cp /usr/bin/setpriv "$root/privilege/setpriv"
# It exists in here only.
chmod 4755 "$root/privilege/setpriv"
for wrapper in sudo systemctl protect apt-get; do
    cp "$stage/$wrapper.sh" "$root/wrappers/$wrapper"
    chmod 755 "$root/wrappers/$wrapper"
done
ln -s /mnt/pki-scripts/mig-pki "$root/wrappers/mig-pki"

# From here on there are no other paths: the test's own may be below one of these.
mkdir "$root/stage"
mount --bind "$stage" "$root/stage"
mount --rbind "$root" /mnt
mount --bind /mnt/etc /etc
mount --rbind /mnt/lib /var/lib
mount --bind /mnt/log /var/log
mount --bind /mnt/backups /var/backups
mount --bind /mnt/run /run
mount --rbind /mnt/home /home
mount --rbind /mnt/bin /usr/local/bin
exec 3<&0 </dev/null
cd /

# Each line names a script and who runs it; the answer is how that ended.
echo ready
while read -r who name <&3; do
    status=0
    script=/mnt/stage/$name
    case $who in
    root) sh "$script" >"$script.out" 2>&1 3<&- || status=$? ;;
    ada)
        (
            cd /home/ada
            exec setpriv --reuid=4711 --regid=4711 --clear-groups \
                env -i HOME=/home/ada USER=ada LOGNAME=ada LC_ALL=C.UTF-8 \
                PATH="/mnt/wrappers:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" \
                sh -eu "$script"
        ) >"$script.out" 2>&1 3<&- || status=$?
        ;;
    esac
    echo "ended $status"
done
