//! The first four arguments of a system call, which mean what the call makes
//! of them.

use super::constants::{self as c, Table};
use super::tables;
use super::values;
use crate::events::text::Field;

/// `AT_FDCWD`, as the 32 bits that it is.
const WORKING_DIRECTORY: u32 = 0xffff_ff9c;
const O_CREAT: u64 = 0x40;

/// A system call: its name and its arguments as numbers.
#[derive(Debug, Default)]
pub(super) struct Call {
    name: Option<&'static str>,
    arguments: [Option<u64>; 4],
}

impl Call {
    /// From the fields of one record. Without `arch` the call is taken for one
    /// of this machine.
    pub(super) fn of(fields: &[Field<'_>]) -> Self {
        let mut call = Self::default();
        let mut number = None;
        let mut arch = None;
        for field in fields {
            if field.claimed {
                continue;
            }
            let text = || std::str::from_utf8(&field.value).ok();
            let argument = || u64::from_str_radix(text()?, 16).ok();
            match &*field.key {
                "syscall" => number = text().and_then(|text| text.parse().ok()),
                "arch" => arch = text().and_then(|text| u32::from_str_radix(text, 16).ok()),
                "a0" => call.arguments[0] = argument(),
                "a1" => call.arguments[1] = argument(),
                "a2" => call.arguments[2] = argument(),
                "a3" => call.arguments[3] = argument(),
                _ => {}
            }
        }
        call.name = number.and_then(|number| tables::syscall_name(arch.unwrap_or(NATIVE), number));
        call
    }

    /// The call's name, when its number is known.
    pub(super) fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// What an argument says; `None` when its text is no number. `user` names
    /// a user.
    pub(super) fn argument(
        &self,
        place: usize,
        text: &str,
        user: impl FnOnce(u32) -> String,
    ) -> Option<String> {
        let value = u64::from_str_radix(text, 16).ok()?;
        let plain = || Some(format!("0x{text}"));
        let Some(name) = self.name else {
            return plain();
        };
        let Some(meaning) = self.meaning(place, name) else {
            return plain();
        };
        let numbered = |table: &Table, number: u64, unknown: String| {
            table.name(number).map_or(unknown, str::to_owned)
        };
        Some(match meaning {
            Meaning::Directory if value as u32 == WORKING_DIRECTORY => "AT_FDCWD".to_owned(),
            Meaning::Directory => return plain(),
            Meaning::User => user(value as u32),
            Meaning::Group => (value as u32).to_string(),
            Meaning::Signal => values::signal(value, text, "0x"),
            Meaning::Permissions => values::permissions(value),
            Meaning::Mode => values::mode(value),
            Meaning::Open => open(value),
            Meaning::Clone => clone(value, text),
            Meaning::Mapping => mapping(value),
            Meaning::Protection if value & 7 == 0 => "PROT_NONE".to_owned(),
            Meaning::Protection => flags(&c::PROT, value, text),
            Meaning::Access if value & 15 == 0 => "F_OK".to_owned(),
            Meaning::Access => flags(&c::ACCESS, value, text),
            Meaning::Flags(table) => flags(table, value, text),
            Meaning::CloseOnExec if value == 1 => "FD_CLOEXEC".to_owned(),
            Meaning::CloseOnExec => return plain(),
            Meaning::Number(table, what) => numbered(table, value, format!("{what} (0x{text})")),
            Meaning::Decimal(table, what) => numbered(table, value, format!("{what}({value})")),
            Meaning::Request => numbered(&c::IOCTL, value, format!("0x{text}")),
            Meaning::Protocol => numbered(&c::PROTOCOLS, value, format!("0x{text}")),
            Meaning::SocketType => socket_type(value),
            Meaning::Scheduler => scheduler(value, text),
            Meaning::Whence => {
                numbered(&c::SEEK, value & 0xff, format!("unknown whence(0x{text})"))
            }
            Meaning::Capability => numbered(
                &c::CAPABILITIES,
                value,
                format!("unknown capability(0x{text})"),
            ),
            Meaning::Shared => shared(value),
        })
    }

    fn meaning(&self, place: usize, name: &str) -> Option<Meaning> {
        use Meaning as M;
        let before = |place: usize| self.arguments[place].unwrap_or_default();
        Some(match (place, name) {
            (
                0,
                "openat" | "openat2" | "mkdirat" | "mknodat" | "fchownat" | "futimesat"
                | "newfstatat" | "fstatat64" | "unlinkat" | "renameat" | "renameat2" | "linkat"
                | "readlinkat" | "fchmodat" | "fchmodat2" | "faccessat" | "faccessat2"
                | "utimensat" | "execveat" | "statx" | "name_to_handle_at" | "open_tree"
                | "move_mount",
            )
            | (1, "symlinkat")
            | (2, "linkat" | "renameat" | "renameat2" | "move_mount") => M::Directory,

            (0, "setuid" | "setuid32" | "setfsuid" | "setfsuid32")
            | (0 | 1, "setreuid" | "setreuid32")
            | (0..=2, "setresuid" | "setresuid32")
            | (1, "chown" | "lchown" | "fchown" | "chown32" | "lchown32" | "fchown32")
            | (2, "fchownat") => M::User,
            (0, "setgid" | "setgid32" | "setfsgid" | "setfsgid32")
            | (0 | 1, "setregid" | "setregid32")
            | (0..=2, "setresgid" | "setresgid32")
            | (2, "chown" | "lchown" | "fchown" | "chown32" | "lchown32" | "fchown32")
            | (3, "fchownat") => M::Group,

            (0, "rt_sigaction" | "sigaction" | "signal")
            | (1, "kill" | "tkill" | "rt_sigqueueinfo" | "pidfd_send_signal")
            | (2, "tgkill" | "rt_tgsigqueueinfo") => M::Signal,

            (1, "chmod" | "fchmod" | "creat" | "mkdir")
            | (2, "fchmodat" | "fchmodat2" | "mkdirat") => M::Permissions,
            (2, "open" | "mq_open") if before(1) & O_CREAT != 0 => M::Permissions,
            (3, "openat") if before(2) & O_CREAT != 0 => M::Permissions,
            (1, "mknod") | (2, "mknodat") => M::Mode,
            (1, "open" | "mq_open") | (2, "openat") | (1, "pipe2") | (2, "dup3") => M::Open,

            (0, "clone") => M::Clone,
            (0, "unshare") | (1, "setns") => M::Flags(&c::NAMESPACES),
            (0, "ptrace") => M::Number(&c::PTRACE, "unknown ptrace"),
            (0, "prctl") => M::Number(&c::PRCTL, "unknown prctl option"),
            (1, "prctl") => match before(0) {
                1 => M::Signal,
                23 | 24 => M::Capability,
                _ => return None,
            },
            (0, "getrlimit" | "setrlimit" | "ugetrlimit") | (1, "prlimit64") => {
                M::Number(&c::RLIMITS, "unknown rlimit")
            }
            (
                0,
                "clock_settime"
                | "clock_gettime"
                | "clock_getres"
                | "clock_nanosleep"
                | "clock_adjtime"
                | "timer_create"
                | "timerfd_create"
                | "clock_settime64"
                | "clock_gettime64"
                | "clock_nanosleep_time64",
            ) => M::Number(&c::CLOCKS, "unknown clk_id"),
            (1, "sched_setscheduler") => M::Scheduler,

            (1, "fcntl" | "fcntl64") => M::Decimal(&c::FCNTL, "unknown fcntl command"),
            (2, "fcntl" | "fcntl64") => match before(1) {
                2 => M::CloseOnExec,
                4 => M::Open,
                _ => return None,
            },
            (1, "access") | (2, "faccessat" | "faccessat2") => M::Access,
            (1, "epoll_ctl") => M::Decimal(&c::EPOLL, "unknown epoll_ctl operation "),
            (1, "ioctl") => M::Request,
            (2, "lseek") => M::Whence,
            (1, "umount2") | (1, "umount") => M::Flags(&c::UMOUNT),
            (3, "mount") => M::Flags(&c::MOUNT),
            (2, "mmap" | "mmap2" | "mprotect" | "pkey_mprotect") => M::Protection,
            (3, "mmap" | "mmap2") => M::Mapping,
            (2, "shmget") => M::Shared,
            (0, "ipc") => M::Number(&c::IPC_CALLS, "unknown ipccall"),

            (0, "socketcall") => M::Number(&c::SOCKET_CALLS, "unknown socketcall"),
            (0, "socket" | "socketpair") => M::Number(&c::FAMILIES, "unknown family"),
            (1, "socket" | "socketpair") => M::SocketType,
            (2, "socket" | "socketpair") if matches!(before(0), 2 | 10) => M::Protocol,
            (1, "setsockopt" | "getsockopt") => M::Number(&c::LEVELS, "unknown sockopt level"),
            (2, "setsockopt" | "getsockopt") => match before(1) {
                0 => M::Number(&c::IP_OPTIONS, "unknown ipopt name"),
                1 => M::Number(&c::SOCKET_OPTIONS, "unknown sockopt name"),
                6 => M::Number(&c::TCP_OPTIONS, "unknown tcpopt name"),
                17 => M::Number(&c::UDP_OPTIONS, "unknown udpopt name"),
                41 => M::Number(&c::IPV6_OPTIONS, "unknown ip6opt name"),
                263 => M::Number(&c::PACKET_OPTIONS, "unknown pktopt name"),
                _ => return None,
            },
            (2, "sendmsg" | "recvmsg")
            | (3, "send" | "recv" | "sendto" | "recvfrom" | "sendmmsg" | "recvmmsg") => {
                M::Flags(&c::MESSAGE)
            }
            _ => return None,
        })
    }
}

#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = tables::ARCH_X86_64;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = tables::ARCH_AARCH64;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const NATIVE: u32 = 0;

/// How an argument is read.
enum Meaning {
    Directory,
    User,
    Group,
    Signal,
    Permissions,
    Mode,
    Open,
    Clone,
    Mapping,
    Protection,
    Access,
    CloseOnExec,
    Request,
    Protocol,
    SocketType,
    Scheduler,
    Whence,
    Capability,
    Shared,
    Flags(&'static Table),
    /// By table, and what an unknown one is called before its digits.
    Number(&'static Table, &'static str),
    /// The same with the number in decimal.
    Decimal(&'static Table, &'static str),
}

fn flags(table: &Table, value: u64, text: &str) -> String {
    let mut out = String::new();
    if !table.flags(value, &mut out) {
        out = format!("0x{text}");
    }
    out
}

/// Flags of open: the access mode is a number in the two lowest bits.
fn open(value: u64) -> String {
    let mut out = match value & 3 {
        0 => "O_RDONLY".to_owned(),
        1 => "O_WRONLY".to_owned(),
        2 => "O_RDWR".to_owned(),
        _ => "O_ACCMODE".to_owned(),
    };
    let mut rest = String::new();
    if c::OPEN.flags(value & !3, &mut rest) {
        out.push('|');
        out.push_str(&rest);
    }
    out
}

/// Flags of a mapping, one without a kind is called `MAP_FILE`.
pub(super) fn mapping(value: u64) -> String {
    let mut out = String::new();
    c::MMAP.flags(value, &mut out);
    match (value & 15, out.is_empty()) {
        (0, true) => "MAP_FILE".to_owned(),
        (0, false) => format!("MAP_FILE|{out}"),
        _ => out,
    }
}

fn clone(value: u64, text: &str) -> String {
    let mut out = String::new();
    let signal = value & 0xff;
    c::CLONE.flags(value & !0xff, &mut out);
    if signal != 0 {
        if !out.is_empty() {
            out.push('|');
        }
        match c::SIGNALS.name(signal) {
            Some(name) => out.push_str(name),
            None => out.push_str(&format!("0x{signal:x}")),
        }
    }
    if out.is_empty() {
        out = format!("0x{text}");
    }
    out
}

fn socket_type(value: u64) -> String {
    const CLOSE: u64 = 0x80000;
    const NONBLOCK: u64 = 0x800;
    let kind = value & !(CLOSE | NONBLOCK);
    let Some(name) = c::SOCKET_TYPES.name(kind) else {
        return format!("unknown socket type({value})");
    };
    let mut out = name.to_owned();
    if value & NONBLOCK != 0 {
        out.push_str("|SOCK_NONBLOCK");
    }
    if value & CLOSE != 0 {
        out.push_str("|SOCK_CLOEXEC");
    }
    out
}

fn scheduler(value: u64, text: &str) -> String {
    const RESET: u64 = 0x4000_0000;
    match c::SCHED.name(value & 15) {
        None => format!("unknown scheduler policy (0x{text})"),
        Some(name) if value & RESET != 0 => format!("{name}|SCHED_RESET_ON_FORK"),
        Some(name) => name.to_owned(),
    }
}

/// Flags of a shared memory segment, with its permissions last.
fn shared(value: u64) -> String {
    let mut out = String::new();
    if c::SHM.flags(value & !0o777, &mut out) {
        out.push('|');
    }
    out.push_str(&values::permissions(value & 0o777));
    out
}
