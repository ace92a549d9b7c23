//! What fields of each kind become.

use super::{alone, says};
use crate::events::tables;

const SYSCALL: u16 = 1300;
const PATH: u16 = 1302;

#[test]
fn each_field_means_what_people_call_it() {
    for (kind, field, wanted) in [
        (SYSCALL, "auid=1000", "alice"),
        (SYSCALL, "uid=0", "root"),
        (SYSCALL, "euid=4294967295", "unknown(4294967295)"),
        (SYSCALL, "fsuid=77", "unknown(77)"),
        (PATH, "ouid=0", "root"),
        (1100, "id=1000", "alice"),
        (1116, "id=1000", "1000"),
        (SYSCALL, "gid=0", "0"),
        (PATH, "ogid=1000", "1000"),
        (SYSCALL, "arch=c000003e", "amd64"),
        (SYSCALL, "arch=40000003", "386"),
        (SYSCALL, "arch=c00000b7", "arm64"),
        (SYSCALL, "arch=12345678", "12345678"),
        (SYSCALL, "exit=0", "success"),
        (SYSCALL, "exit=-13", "-13"),
        (SYSCALL, "success=yes", "yes"),
        (1305, "res=1", "yes"),
        (1305, "res=0", "no"),
        (1305, "res=2", "unset"),
        (1305, "res=failed", "failed"),
        (SYSCALL, "comm=\"id\"", "id"),
        (SYSCALL, "comm=\"cafe\"", "cafe"),
        (SYSCALL, "comm=\"(sd-pam)\"", "(sd-pam)"),
        (SYSCALL, "comm=6120622063", "a b c"),
        (SYSCALL, "comm=\"\"", ""),
        (SYSCALL, "exe=", ""),
        (SYSCALL, "key=(null)", "(null)"),
        (SYSCALL, "key=6B31016B32", "k1\u{1}k2"),
        (PATH, "name=2F746D702F6120622F", "/tmp/a b/"),
        (PATH, "name=(none)", "(none)"),
        (
            1327,
            "proctitle=2F62696E2F7368002D630065786974",
            "/bin/sh\0-c\0exit",
        ),
        (1327, "proctitle=\"bash\"", "bash"),
        (SYSCALL, "ses=4294967295", "unset"),
        (SYSCALL, "ses=3", "3"),
        (PATH, "mode=0100644", "file644"),
        (PATH, "mode=041777", "dir,sticky777"),
        (PATH, "mode=0104755", "file,suid755"),
        (PATH, "mode=020620", "character620"),
        (PATH, "mode=0120777", "link777"),
        (PATH, "mode=0140755", "socket755"),
        (PATH, "mode=010600", "fifo600"),
        (PATH, "mode=060660", "block660"),
        (1303, "mode=0600", "000600"),
        (1312, "mode=02640", "sgid0640"),
        (1312, "mode=0640", "0640"),
        (1305, "perm=10", "write,attr"),
        (1305, "perm=0", "read,write,exec,attr"),
        (1305, "perm=15", "read,write,exec,attr"),
        (1701, "sig=11", "SIGSEGV"),
        (1701, "sig=31", "SIGSYS"),
        (1701, "sig=34", "unknown signal (34)"),
        (1701, "sig=-1", "-1"),
        (1400, "capability=21", "sys_admin"),
        (1400, "capability=40", "checkpoint_restore"),
        (1400, "capability=99", "unknown capability(99)"),
        (1325, "family=2", "ipv4"),
        (1325, "family=99", "unknown netfilter protocol (99)"),
        (1324, "icmptype=8", "echo"),
        (1324, "icmptype=77", "unknown icmp type (77)"),
        (1326, "code=0x50000", "errno"),
        (1326, "code=0x7fc00000", "user-notify"),
        (1326, "code=0x80000000", "kill-process"),
        (1326, "code=0x0", "kill"),
        (1326, "code=0x12340000", "unknown seccomp code (12340000)"),
        (1305, "list=4", "exit"),
        (1305, "list=5", "exclude"),
        (1305, "list=9", "unknown list (9)"),
        (1700, "prom=256", "yes"),
        (1700, "old_prom=0", "no"),
        (1319, "data=6C730D", "6C730D"),
        (1321, "old_pp=000001ffffffffff", "000001ffffffffff"),
        (1324, "proto=6", "6"),
        (1323, "flags=0x22", "MAP_PRIVATE|MAP_ANONYMOUS"),
        (1304, "a0=a", "0xa"),
        (PATH, "nametype=NORMAL", "NORMAL"),
        (SYSCALL, "uid=?", "?"),
        (PATH, "mode=99", "99"),
    ] {
        let key = field.split_once('=').expect("a field").0;
        says(kind, field, key, wanted);
    }
}

#[test]
fn addresses_of_sockets() {
    for (value, wanted) in [
        (
            "02000016C00002010000000000000000",
            "inet host:192.0.2.1 serv:22",
        ),
        (
            "0A00005000000000 20010DB8000000000000000000000001 00000000",
            "inet6 host:2001:db8::1 serv:80",
        ),
        (
            "0A000050 00000000 00000000000000000000FFFFC0000201 00000000",
            "inet6 host:192.0.2.1 serv:80",
        ),
        ("01002F6465762F6C6F67", "local /dev/log"),
        ("01002F6465762F6C6F670000", "local /dev/log\0\0"),
        ("010000616273", "local \0abs"),
        ("100000000400000000000000", "netlink pid:4"),
        ("1100030001000000", "packet"),
        ("0000", "unknown family (0)"),
        ("FF00AABB", "unknown family (255)"),
        // Too short for what they say, or no address at all.
        ("02000016C000", "02000016C000"),
        ("0A00", "0A00"),
        ("02", "02"),
        ("0200001", "0200001"),
        ("(null)", "(null)"),
    ] {
        says(
            1306,
            &format!("saddr={}", value.replace(' ', "")),
            "saddr",
            wanted,
        );
    }
    says(1400, "saddr=192.0.2.1", "saddr", "192.0.2.1");
    says(1324, "saddr=0200", "saddr", "0200");
}

#[test]
fn the_local_address_of_the_kernel_is_in_its_byte_order() {
    // A guard for the table above, whose families are little-endian.
    assert_eq!(u16::from_ne_bytes([2, 0]), 2);
}

#[test]
fn system_calls_by_architecture_and_unknown_ones_keep_their_number() {
    says(SYSCALL, "arch=c000003e syscall=59", "syscall", "execve");
    says(SYSCALL, "arch=40000003 syscall=11", "syscall", "execve");
    says(SYSCALL, "arch=c00000b7 syscall=221", "syscall", "execve");
    says(SYSCALL, "arch=c000003e syscall=99999", "syscall", "99999");
    says(SYSCALL, "arch=12345678 syscall=59", "syscall", "59");
}

#[test]
fn arguments_mean_what_the_call_makes_of_them() {
    for (call, arguments, key, wanted) in [
        ("open", "a0=7ffd a1=241 a2=1b6 a3=0", "a0", "0x7ffd"),
        (
            "open",
            "a0=7ffd a1=241 a2=1b6 a3=0",
            "a1",
            "O_WRONLY|O_CREAT|O_TRUNC",
        ),
        ("open", "a0=7ffd a1=241 a2=1b6 a3=0", "a2", "0666"),
        ("open", "a0=7ffd a1=0 a2=1b6 a3=0", "a2", "0x1b6"),
        (
            "openat",
            "a0=ffffff9c a1=7ffd a2=80000 a3=0",
            "a0",
            "AT_FDCWD",
        ),
        (
            "openat",
            "a0=ffffffffffffff9c a1=7ffd a2=80000 a3=0",
            "a0",
            "AT_FDCWD",
        ),
        ("openat", "a0=3 a1=7ffd a2=80000 a3=0", "a0", "0x3"),
        (
            "openat",
            "a0=3 a1=7ffd a2=80000 a3=0",
            "a2",
            "O_RDONLY|O_CLOEXEC",
        ),
        ("openat", "a0=3 a1=7ffd a2=42 a3=1a4", "a3", "0644"),
        ("kill", "a0=4d2 a1=9 a2=0 a3=0", "a1", "SIGKILL"),
        (
            "kill",
            "a0=4d2 a1=40 a2=0 a3=0",
            "a1",
            "unknown signal (0x40)",
        ),
        ("tgkill", "a0=1 a1=1 a2=6 a3=0", "a2", "SIGABRT"),
        ("chmod", "a0=1 a1=1ed a2=0 a3=0", "a1", "0755"),
        ("fchmodat", "a0=ffffff9c a1=1 a2=9ed a3=0", "a2", "suid0755"),
        ("mknod", "a0=1 a1=21b6 a2=0 a3=0", "a1", "character666"),
        ("chown", "a0=1 a1=3e8 a2=64 a3=0", "a1", "alice"),
        ("chown", "a0=1 a1=3e8 a2=64 a3=0", "a2", "100"),
        ("setuid", "a0=0 a1=0 a2=0 a3=0", "a0", "root"),
        (
            "setresuid",
            "a0=ffffffff a1=3e8 a2=0 a3=0",
            "a0",
            "unknown(4294967295)",
        ),
        ("setresuid", "a0=ffffffff a1=3e8 a2=0 a3=0", "a2", "root"),
        (
            "clone",
            "a0=1200011 a1=0 a2=0 a3=0",
            "a0",
            "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD",
        ),
        ("clone", "a0=0 a1=0 a2=0 a3=0", "a0", "0x0"),
        (
            "unshare",
            "a0=10020000 a1=0 a2=0 a3=0",
            "a0",
            "CLONE_NEWNS|CLONE_NEWUSER",
        ),
        ("setns", "a0=3 a1=40000000 a2=0 a3=0", "a1", "CLONE_NEWNET"),
        (
            "mmap",
            "a0=0 a1=1000 a2=3 a3=22",
            "a2",
            "PROT_READ|PROT_WRITE",
        ),
        ("mmap", "a0=0 a1=1000 a2=0 a3=22", "a2", "PROT_NONE"),
        (
            "mmap",
            "a0=0 a1=1000 a2=3 a3=22",
            "a3",
            "MAP_PRIVATE|MAP_ANONYMOUS",
        ),
        (
            "mprotect",
            "a0=0 a1=1000 a2=7 a3=0",
            "a2",
            "PROT_READ|PROT_WRITE|PROT_EXEC",
        ),
        ("socket", "a0=2 a1=80801 a2=6 a3=0", "a0", "inet"),
        (
            "socket",
            "a0=2 a1=80801 a2=6 a3=0",
            "a1",
            "SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC",
        ),
        ("socket", "a0=2 a1=80801 a2=6 a3=0", "a2", "tcp"),
        ("socket", "a0=10 a1=3 a2=9 a3=0", "a2", "0x9"),
        (
            "socket",
            "a0=99 a1=99 a2=0 a3=0",
            "a0",
            "unknown family (0x99)",
        ),
        (
            "socket",
            "a0=99 a1=99 a2=0 a3=0",
            "a1",
            "unknown socket type(153)",
        ),
        ("ptrace", "a0=10 a1=1 a2=0 a3=0", "a0", "PTRACE_ATTACH"),
        (
            "ptrace",
            "a0=9999 a1=1 a2=0 a3=0",
            "a0",
            "unknown ptrace (0x9999)",
        ),
        (
            "mount",
            "a0=1 a1=1 a2=1 a3=1021",
            "a3",
            "MS_RDONLY|MS_REMOUNT|MS_BIND",
        ),
        ("umount2", "a0=1 a1=2 a2=0 a3=0", "a1", "MNT_DETACH"),
        ("prctl", "a0=f a1=1 a2=0 a3=0", "a0", "PR_SET_NAME"),
        ("prctl", "a0=18 a1=15 a2=0 a3=0", "a1", "sys_admin"),
        ("prctl", "a0=1 a1=9 a2=0 a3=0", "a1", "SIGKILL"),
        ("prctl", "a0=f a1=1 a2=0 a3=0", "a1", "0x1"),
        ("fcntl", "a0=3 a1=2 a2=1 a3=0", "a1", "F_SETFD"),
        ("fcntl", "a0=3 a1=2 a2=1 a3=0", "a2", "FD_CLOEXEC"),
        ("fcntl", "a0=3 a1=4 a2=802 a3=0", "a2", "O_RDWR|O_NONBLOCK"),
        (
            "fcntl",
            "a0=3 a1=999 a2=0 a3=0",
            "a1",
            "unknown fcntl command(2457)",
        ),
        ("access", "a0=1 a1=6 a2=0 a3=0", "a1", "W_OK|R_OK"),
        ("access", "a0=1 a1=0 a2=0 a3=0", "a1", "F_OK"),
        ("epoll_ctl", "a0=3 a1=1 a2=4 a3=0", "a1", "EPOLL_CTL_ADD"),
        (
            "epoll_ctl",
            "a0=3 a1=7 a2=4 a3=0",
            "a1",
            "unknown epoll_ctl operation (7)",
        ),
        ("lseek", "a0=3 a1=0 a2=2 a3=0", "a2", "SEEK_END"),
        (
            "clock_settime",
            "a0=0 a1=0 a2=0 a3=0",
            "a0",
            "CLOCK_REALTIME",
        ),
        (
            "clock_settime",
            "a0=7 a1=0 a2=0 a3=0",
            "a0",
            "CLOCK_BOOTTIME",
        ),
        ("setrlimit", "a0=7 a1=0 a2=0 a3=0", "a0", "RLIMIT_NOFILE"),
        ("prlimit64", "a0=0 a1=4 a2=0 a3=0", "a1", "RLIMIT_CORE"),
        ("ioctl", "a0=3 a1=5412 a2=0 a3=0", "a1", "TIOCSTI"),
        ("ioctl", "a0=3 a1=1234 a2=0 a3=0", "a1", "0x1234"),
        ("setsockopt", "a0=3 a1=1 a2=2 a3=0", "a1", "SOL_SOCKET"),
        ("setsockopt", "a0=3 a1=1 a2=2 a3=0", "a2", "SO_REUSEADDR"),
        ("setsockopt", "a0=3 a1=6 a2=1 a3=0", "a2", "TCP_NODELAY"),
        ("setsockopt", "a0=3 a1=29 a2=1a a3=0", "a2", "IPV6_V6ONLY"),
        (
            "sendto",
            "a0=3 a1=1 a2=1 a3=4040",
            "a3",
            "MSG_DONTWAIT|MSG_NOSIGNAL",
        ),
        (
            "sched_setscheduler",
            "a0=0 a1=40000001 a2=0 a3=0",
            "a1",
            "SCHED_FIFO|SCHED_RESET_ON_FORK",
        ),
        ("shmget", "a0=0 a1=1000 a2=380 a3=0", "a2", "IPC_CREAT|0600"),
        ("rt_sigaction", "a0=d a1=1 a2=0 a3=8", "a0", "SIGPIPE"),
        ("read", "a0=3 a1=7ffd a2=1000 a3=0", "a2", "0x1000"),
    ] {
        let number = tables::syscall_number_on(tables::ARCH_X86_64, call).expect(call);
        says(
            SYSCALL,
            &format!("arch=c000003e syscall={number} {arguments}"),
            key,
            wanted,
        );
    }
    says(SYSCALL, "arch=40000003 syscall=102 a0=3", "a0", "connect");
    says(SYSCALL, "arch=40000003 syscall=117 a0=17", "a0", "shmget");
    says(SYSCALL, "arch=c000003e syscall=99999 a0=3", "a0", "0x3");
}

#[test]
fn access_decisions_yield_verdict_and_permissions() {
    let event = alone(
        1400,
        "avc:  denied  { read write } for  pid=2465 comm=\"httpd\" path=\"/var/www/a b\" dev=dm-0 \
         ino=284133 scontext=u:system_r:httpd_t:s0 tclass=file permissive=0",
    );
    assert_eq!(event.kind, "AVC");
    for (key, wanted) in [
        ("seresult", "denied"),
        ("seperms", "read,write"),
        ("pid", "2465"),
        ("comm", "httpd"),
        ("path", "/var/www/a b"),
        ("tclass", "file"),
    ] {
        assert_eq!(event.data.get(key), Some(wanted));
    }
    let event = alone(
        1107,
        "pid=1169 uid=0 auid=4294967295 ses=4294967295 msg='avc:  granted  { read } for \
         request=X:Get comm=X-setest scontext=a:b:c tclass=x_resource exe=\"/usr/bin/Xorg\" sauid=0 \
         hostname=? addr=? terminal=?'",
    );
    for (key, wanted) in [
        ("seresult", "granted"),
        ("seperms", "read"),
        ("request", "X:Get"),
        ("exe", "/usr/bin/Xorg"),
        ("sauid", "root"),
        ("uid", "root"),
        ("terminal", "?"),
    ] {
        assert_eq!(event.data.get(key), Some(wanted), "{key}");
    }
}

#[test]
fn words_without_a_name_belong_to_the_value_before_them() {
    let event = alone(2000, "initialized");
    assert_eq!(event.data.get("text"), Some("initialized"));
    says(1305, "op=add rule list=4", "op", "add rule");
    says(1305, "auid=0 op=x, res=1)", "op", "x");
    says(1305, "auid=0 op=x, res=1)", "res", "yes");
    says(1305, "a=(one two)", "a", "(one two");
}

#[test]
fn kinds_have_the_names_of_the_headers() {
    for (kind, name) in [
        (1100, "USER_AUTH"),
        (1112, "USER_LOGIN"),
        (1200, "DAEMON_START"),
        (1326, "SECCOMP"),
        (2100, "ANOM_LOGIN_FAILURES"),
        (2300, "USER_ROLE_CHANGE"),
        (2400, "CRYPTO_TEST_USER"),
        (2500, "VIRT_CONTROL"),
        (1399, "UNKNOWN[1399]"),
        (2998, "UNKNOWN[2998]"),
        (3456, "UNKNOWN[3456]"),
    ] {
        assert_eq!(alone(kind, "a=b").kind, name);
    }
}
