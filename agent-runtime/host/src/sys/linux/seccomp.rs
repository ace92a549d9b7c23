//! seccomp: an allow-list of system calls made from what the module declared.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use super::syscalls;
use crate::sandbox::Profile;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// `prctl` operations that only concern the caller and are harmless: names of
/// threads and mappings, and putting on more filters.
const HARMLESS_PRCTL: &[i32] = &[
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_SET_VMA,
    libc::PR_SET_NO_NEW_PRIVS,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_SET_SECCOMP,
    libc::PR_GET_DUMPABLE,
    libc::PR_CAPBSET_READ,
];

/// `ioctl` operations on descriptors that are open already.
#[allow(
    clippy::unnecessary_cast,
    reason = "other C libraries have another type"
)]
const HARMLESS_IOCTL: &[u64] = &[
    libc::TCGETS as u64,
    libc::TIOCGWINSZ as u64,
    libc::FIONREAD as u64,
    libc::FIONBIO as u64,
    libc::FIOCLEX as u64,
    libc::FIONCLEX as u64,
];

/// `fcntl` operations: all but those that send signals somewhere.
const HARMLESS_FCNTL: &[i32] = &[
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_GETLK,
    libc::F_OFD_GETLK,
    libc::F_GETPIPE_SZ,
    libc::F_GET_SEALS,
];

/// Locks of files.
const LOCK_FCNTL: &[i32] = &[
    libc::F_SETLK,
    libc::F_SETLKW,
    libc::F_OFD_SETLK,
    libc::F_OFD_SETLKW,
];

/// The `ioctl` operations of sockets and network interfaces, without the first
/// two, FIOSETOWN and SIOCSPGRP: they name a process that the socket then sends
/// signals to.
const SOCKET_IOCTL: std::ops::RangeInclusive<u64> = 0x8903..=0x89ff;

/// `clone` flags that make namespaces. A new namespace of users would bring
/// every privilege in it, and with them parts of the kernel that only root
/// reaches.
const NEW_NAMESPACES: libc::c_int = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

/// Bits of the open flags that ask for more than reading. `O_TMPFILE` without
/// its `O_DIRECTORY` part.
const WRITING: u64 = (libc::O_ACCMODE
    | libc::O_CREAT
    | libc::O_TRUNC
    | libc::O_APPEND
    | (libc::O_TMPFILE & !libc::O_DIRECTORY)) as u64;

/// Why a filter could not be put on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("this processor is not supported: {0}")]
    Build(#[from] BackendError),
    #[error("{0}")]
    Install(#[from] seccompiler::Error),
}

/// Puts the filters for the whole life of the worker on the calling thread and
/// all it starts.
pub(crate) fn restrict(profile: &Profile, refusal: Refusal) -> Result<(), Error> {
    install(
        allowed(profile)?,
        refusal.action(libc::EPERM),
        SeccompAction::Allow,
    )?;
    install(
        named(syscalls::PRETEND_UNKNOWN),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
    )
}

/// Takes away opening files by path, once the module is loaded.
pub(crate) fn forbid_files(refusal: Refusal) -> Result<(), Error> {
    install(
        named(syscalls::FILES_BY_PATH),
        SeccompAction::Allow,
        refusal.action(libc::EACCES),
    )
}

/// How a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// By an error.
    Error,
    /// By a signal, whose handler takes it down and answers with an error.
    Recorded,
}

impl Refusal {
    fn action(self, error: libc::c_int) -> SeccompAction {
        match self {
            Refusal::Error => SeccompAction::Errno(error as u32),
            Refusal::Recorded => SeccompAction::Trap,
        }
    }
}

fn install(rules: Rules, otherwise: SeccompAction, matching: SeccompAction) -> Result<(), Error> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, otherwise, matching, architecture)?;
    let program = BpfProgram::try_from(filter)?;
    Ok(apply_filter(&program)?)
}

fn allow(rules: &mut Rules, calls: &[c_long]) {
    rules.extend(named(calls));
}

fn named(calls: &[c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

fn allowed(profile: &Profile) -> Result<Rules, BackendError> {
    let mut rules = conditional()?;
    allow(&mut rules, syscalls::COMPUTE);
    // Metadata of an open file is asked by path calls with an empty path.
    allow(
        &mut rules,
        &[libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_seccomp],
    );
    if !profile.without_files() {
        allow(&mut rules, syscalls::LOOK_AT_FILES);
    }
    if profile.changes_files() {
        allow(&mut rules, syscalls::CHANGE_FILES);
        let fcntl = rules.entry(libc::SYS_fcntl).or_default();
        for operation in LOCK_FCNTL {
            fcntl.push(equal(1, *operation as u64)?);
        }
    }
    if profile.serves && profile.filesystem_read {
        allow(&mut rules, syscalls::WATCH_FILES);
    }
    if profile.changes_files() || profile.processes {
        allow(&mut rules, &[libc::SYS_openat]);
        #[cfg(target_arch = "x86_64")]
        allow(&mut rules, &[libc::SYS_open]);
    }
    if profile.sockets() {
        allow(&mut rules, syscalls::SOCKETS);
        rules.insert(libc::SYS_socket, sockets(profile)?);
        rules
            .entry(libc::SYS_ioctl)
            .or_default()
            .push(SeccompRule::new(vec![
                comparison(1, SeccompCmpOp::Ge, *SOCKET_IOCTL.start())?,
                comparison(1, SeccompCmpOp::Le, *SOCKET_IOCTL.end())?,
            ])?);
    }
    if profile.signal {
        allow(&mut rules, syscalls::SEND_SIGNALS);
    }
    if profile.network_namespaces {
        rules.insert(libc::SYS_setns, vec![equal(1, libc::CLONE_NEWNET as u64)?]);
    }
    if profile.processes {
        allow(&mut rules, syscalls::START_PROCESSES);
        rules.insert(libc::SYS_clone, vec![masked(0, NEW_NAMESPACES as u64, 0)?]);
    }
    if profile.trace {
        allow(&mut rules, syscalls::TRACE);
        rules.insert(libc::SYS_ptrace, tracing()?);
    }
    Ok(rules)
}

/// Calls that are allowed with certain arguments only.
fn conditional() -> Result<Rules, BackendError> {
    let own = u64::from(std::process::id());
    let mut rules = Rules::new();
    // Threads, not processes.
    rules.insert(
        libc::SYS_clone,
        vec![masked(
            0,
            (libc::CLONE_THREAD | NEW_NAMESPACES) as u64,
            libc::CLONE_THREAD as u64,
        )?],
    );
    // Opening for reading.
    rules.insert(libc::SYS_openat, vec![masked(2, WRITING, 0)?]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, vec![masked(1, WRITING, 0)?]);
    // Signals to itself, for abort and raise.
    rules.insert(libc::SYS_kill, vec![equal(0, own)?]);
    rules.insert(libc::SYS_tgkill, vec![equal(0, own)?]);
    // Its own limits, which it can only lower.
    rules.insert(libc::SYS_prlimit64, vec![equal(0, 0)?, equal(0, own)?]);
    rules.insert(libc::SYS_mprotect, vec![masked(2, GROWING_PROTECTION, 0)?]);
    rules.insert(libc::SYS_mmap, counted_mappings()?);
    rules.insert(
        libc::SYS_prctl,
        HARMLESS_PRCTL
            .iter()
            .map(|operation| equal(0, *operation as u64))
            .collect::<Result<_, _>>()?,
    );
    rules.insert(
        libc::SYS_fcntl,
        HARMLESS_FCNTL
            .iter()
            .map(|operation| equal(1, *operation as u64))
            .collect::<Result<_, _>>()?,
    );
    rules.insert(
        libc::SYS_ioctl,
        HARMLESS_IOCTL
            .iter()
            .map(|operation| equal(1, *operation))
            .collect::<Result<_, _>>()?,
    );
    Ok(rules)
}

/// `ptrace` operations that only look.
#[allow(
    clippy::unnecessary_cast,
    reason = "other C libraries have another type"
)]
const LOOKING_PTRACE: &[u64] = &[
    libc::PTRACE_PEEKTEXT as u64,
    libc::PTRACE_PEEKDATA as u64,
    libc::PTRACE_PEEKUSER as u64,
    libc::PTRACE_ATTACH as u64,
    libc::PTRACE_INTERRUPT as u64,
    libc::PTRACE_GETEVENTMSG as u64,
    libc::PTRACE_GETREGSET as u64,
    libc::PTRACE_GETSIGINFO as u64,
    #[cfg(target_arch = "x86_64")]
    (libc::PTRACE_GETREGS as u64),
    #[cfg(target_arch = "x86_64")]
    (libc::PTRACE_GETFPREGS as u64),
];

/// `ptrace` operations whose last argument is a signal to deliver, or an option
/// such as killing the traced: allowed with neither.
#[allow(
    clippy::unnecessary_cast,
    reason = "other C libraries have another type"
)]
const LETTING_PTRACE: &[u64] = &[
    libc::PTRACE_CONT as u64,
    libc::PTRACE_DETACH as u64,
    libc::PTRACE_SEIZE as u64,
];

/// Looking into a process. Writing its memory or registers would make it run
/// whatever the module likes, outside every guard.
fn tracing() -> Result<Vec<SeccompRule>, BackendError> {
    let looking = LOOKING_PTRACE.iter().map(|operation| equal(0, *operation));
    let letting = LETTING_PTRACE.iter().map(|operation| {
        SeccompRule::new(vec![
            comparison(0, SeccompCmpOp::Eq, *operation)?,
            comparison(3, SeccompCmpOp::Eq, 0)?,
        ])
    });
    looking.chain(letting).collect()
}

/// Sockets of every family for whoever declares any network, but of netlink only the protocols that the module
/// declared: behind others the privileges it keeps for something else open far
/// more, such as feigned device events, on which udev starts programs.
fn sockets(profile: &Profile) -> Result<Vec<SeccompRule>, BackendError> {
    let netlink = libc::AF_NETLINK as u64;
    let mut rules = Vec::new();
    if profile.network || profile.raw_network {
        rules.push(condition(0, SeccompCmpOp::Ne, netlink)?);
    }
    let mut allow = |protocol: i32| -> Result<(), BackendError> {
        rules.push(SeccompRule::new(vec![
            comparison(0, SeccompCmpOp::Eq, netlink)?,
            comparison(2, SeccompCmpOp::Eq, protocol as u64)?,
        ])?);
        Ok(())
    };
    if profile.network || profile.raw_network {
        // Name resolution asks for routes too.
        allow(libc::NETLINK_ROUTE)?;
    }
    if profile.network {
        allow(libc::NETLINK_SOCK_DIAG)?;
    }
    if profile.audit {
        allow(libc::NETLINK_AUDIT)?;
    }
    Ok(rules)
}

/// Both `PROT_GROWS…` bits.
const GROWING_PROTECTION: u64 = (libc::PROT_GROWSDOWN | libc::PROT_GROWSUP) as u64;

/// Memory that RLIMIT_DATA counts: private mappings, and shared ones of files
/// that are open. Shared anonymous memory and growing stacks would not count.
fn counted_mappings() -> Result<Vec<SeccompRule>, BackendError> {
    let private = (libc::MAP_TYPE | libc::MAP_GROWSDOWN) as u64;
    let of_a_file = (libc::MAP_ANONYMOUS | libc::MAP_GROWSDOWN) as u64;
    Ok(vec![
        masked(3, private, libc::MAP_PRIVATE as u64)?,
        masked(3, of_a_file, 0)?,
    ])
}

fn equal(argument: u8, value: u64) -> Result<SeccompRule, BackendError> {
    condition(argument, SeccompCmpOp::Eq, value)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, BackendError> {
    condition(argument, SeccompCmpOp::MaskedEq(mask), value)
}

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![comparison(argument, operator, value)?])
}

fn comparison(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    // All arguments compared here are C ints: the kernel ignores the upper half.
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}
