//! What modules get that declare more than files: other processes, the network,
//! other network namespaces, signals.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mig_host::{Ending, Guard};
use serde_json::json;

use crate::c_plugins::{Plugins, Source};
use crate::setup::{job, run};

/// Steps of a `call`: each must work, or must be refused.
const STEPS: &str = r#"
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/user.h>
static char said[200];
#define MUST(what, condition) do { errno = 0; if (!(condition)) { \
    snprintf(said, sizeof said, "%s: %s", what, strerrorname_np(errno)); return report(host, said); } } while (0)
#define REFUSED(what, condition) do { errno = 0; if ((condition) || (errno != EPERM && errno != EACCES)) { \
    snprintf(said, sizeof said, "%s must be refused: %s", what, strerrorname_np(errno)); return report(host, said); } } while (0)
static inline const char *of(const char *file) { static char path[4][64]; static int next;
    char *into = path[next++ % 4]; snprintf(into, 64, "/proc/%d/%s", PID, file); return into; }
/* A thread cannot be without the others' signal handlers, so nothing is made if
   the filter lets this pass. */
#define NEW_THREAD(flags) syscall(SYS_clone, CLONE_THREAD | (flags), 0, 0, 0, 0)
/* Asks a netlink family for a dump and gives the first answer's type. */
static inline int dump(int family, const void *request, unsigned length) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct iovec out = {(void *)request, length};
    struct msghdr message = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &out, .msg_iovlen = 1};
    char answer[32768];
    struct iovec in = {answer, sizeof answer};
    struct msghdr reply = {.msg_iov = &in, .msg_iovlen = 1};
    struct timespec patience = {10, 0};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
    if (fd < 0 || sendmsg(fd, &message, 0) < 0) return -1;
    struct pollfd ready = {fd, POLLIN, 0};
    if (ppoll(&ready, 1, &patience, 0) != 1 || poll(&ready, 1, 0) != 1 || recvmsg(fd, &reply, 0) < 16) return -1;
    close(fd);
    return ((struct nlmsghdr *)answer)->nlmsg_type;
}
"#;

/// A process that waits, of another user when the tests run as root.
struct Other(Child);

impl Other {
    fn start() -> Self {
        let mut command = Command::new("sleep");
        command.arg("600").stdin(Stdio::null());
        if mig_testkit::is_root() {
            command.uid(65534).gid(65534);
        }
        Self(command.spawn().expect("start a process"))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// What a plugin with these capabilities says after `steps` about `pid`;
/// `None`, reported as skipped, without a compiler or seccomp.
fn said(capabilities: &str, pid: u32, steps: &str) -> Option<String> {
    let before = format!("#define PID {pid}\n{STEPS}");
    let call = format!("{steps}\nreturn report(host, \"all as it must be\");");
    let (_plugins, store) = Plugins::made_of(&Source {
        call: &call,
        before: &before,
        capabilities,
        ..Source::default()
    })?;
    let outcome = run(&store, &job("cplug", json!(null)));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    let sandbox = outcome.sandbox.as_ref().expect("the worker got that far");
    if !sandbox.is_active(Guard::Seccomp) {
        mig_testkit::skip("this system lacks seccomp");
        return None;
    }
    Some(
        outcome.answer["errors"][0]
            .as_str()
            .expect("a word")
            .to_owned(),
    )
}

fn assert_steps(capabilities: &str, pid: u32, steps: &str) {
    if let Some(said) = said(capabilities, pid, steps) {
        assert_eq!(said, "all as it must be", "{capabilities}");
    }
}

const LOOK: &str = r#"
    char b[4096]; DIR *list; int fd;
    MUST("exe", readlink(of("exe"), b, sizeof b) > 0);
    MUST("cwd", readlink(of("cwd"), b, sizeof b) > 0);
    MUST("namespace", readlink(of("ns/net"), b, sizeof b) > 0);
    MUST("open namespace", (fd = open(of("ns/net"), O_RDONLY | O_CLOEXEC)) >= 0);
    MUST("descriptors", (list = opendir(of("fd"))) && readdir(list));
    MUST("descriptor", readlink(of("fd/0"), b, sizeof b) > 0);
    MUST("maps", (fd = open(of("maps"), O_RDONLY)) >= 0 && read(fd, b, sizeof b) > 0);
    MUST("environment", (fd = open(of("environ"), O_RDONLY)) >= 0);
"#;

#[test]
fn process_information_is_read_of_every_process() {
    let other = Other::start();
    assert_steps("process-information", other.pid(), LOOK);
    // The most privileged process there is here: the one that runs the tests.
    assert_steps("process-information", std::process::id(), LOOK);
    if mig_testkit::is_root() {
        let without = said("filesystem-read", std::process::id(), LOOK);
        assert_ne!(without.as_deref(), Some("all as it must be"));
    }
}

#[test]
fn process_information_neither_changes_nor_starts_anything() {
    let other = Other::start();
    let directory = tempfile::tempdir().expect("tempdir");
    let steps = format!(
        r#"REFUSED("write", open("{0}/new", O_WRONLY | O_CREAT, 0600) >= 0);
        REFUSED("mkdir", mkdir("{0}/new", 0700) == 0);
        REFUSED("limits", open(of("oom_score_adj"), O_WRONLY) >= 0);
        REFUSED("memory", open(of("mem"), O_RDWR) >= 0);
        REFUSED("ptrace", ptrace(PTRACE_ATTACH, PID, 0, 0) == 0);
        REFUSED("kill", kill(PID, 0) == 0);
        REFUSED("pidfd", syscall(SYS_pidfd_open, PID, 0) >= 0);
        REFUSED("exec", execl("/bin/true", "true", (char *)0) == 0);
        REFUSED("fork", fork() >= 0);
        REFUSED("socket", socket(AF_INET, SOCK_STREAM, 0) >= 0);
        REFUSED("setns", setns(0, CLONE_NEWNET) == 0);"#,
        directory.path().display()
    );
    assert_steps("process-information", other.pid(), &steps);
}

/// By the process that lives there, and by the file it is bound to as `ip
/// netns` does it.
#[test]
fn network_namespaces_are_entered_and_no_other() {
    if !mig_testkit::is_root() {
        return mig_testkit::skip("needs root to make a network namespace");
    }
    let mut command = Command::new("unshare");
    command.args(["--net", "sleep", "600"]).stdin(Stdio::null());
    let mut other = Other(command.spawn().expect("run unshare"));
    let link = |who: String| std::fs::read_link(format!("/proc/{who}/ns/net"));
    let own = link("self".to_owned()).expect("own namespace");
    let mut refused = false;
    mig_testkit::wait_until("its namespace", Duration::from_secs(30), || {
        refused = other.0.try_wait().expect("wait").is_some();
        refused || link(other.pid().to_string()).is_ok_and(|theirs| theirs != own)
    });
    if refused {
        return mig_testkit::skip("this system lets nobody make a network namespace");
    }
    let theirs = link(other.pid().to_string()).expect("its namespace");
    let bound = tempfile::NamedTempFile::new().expect("a file");
    let mounted = Command::new("mount")
        .arg("--bind")
        .arg(format!("/proc/{}/ns/net", other.pid()))
        .arg(bound.path())
        .status()
        .is_ok_and(|status| status.success());
    let path = if mounted {
        format!("\"{}\"", bound.path().display())
    } else {
        "of(\"ns/net\")".to_owned()
    };
    let steps = format!(
        r#"char b[64] = ""; int fd, before;
        MUST("own", (before = open("/proc/self/ns/net", O_RDONLY)) >= 0);
        MUST("open", (fd = open({path}, O_RDONLY)) >= 0);
        MUST("setns", setns(fd, CLONE_NEWNET) == 0);
        MUST("link", readlink("/proc/thread-self/ns/net", b, sizeof b - 1) > 0);
        if (strcmp(b, "{theirs}")) return report(host, b);
        MUST("socket there", socket(AF_INET, SOCK_STREAM, 0) >= 0);
        MUST("back", setns(before, CLONE_NEWNET) == 0);
        MUST("by process", (fd = open(of("ns/net"), O_RDONLY)) >= 0 && setns(fd, CLONE_NEWNET) == 0);
        REFUSED("any kind", setns(fd, 0) == 0);
        MUST("open mounts", (fd = open(of("ns/mnt"), O_RDONLY)) >= 0);
        REFUSED("mounts", setns(fd, CLONE_NEWNS) == 0);
        REFUSED("new one", unshare(CLONE_NEWNET) == 0);
        REFUSED("mounts of its own", NEW_THREAD(CLONE_NEWNS) >= 0);
        REFUSED("new one for a thread", NEW_THREAD(CLONE_NEWNET) >= 0);
        /* Would make udev load and start things. */
        REFUSED("feigned devices", socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT) >= 0);
        MUST("routes", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) >= 0);
        REFUSED("mount", mount("none", "/mnt", "tmpfs", 0, 0) == 0);
        REFUSED("host name", sethostname("x", 1) == 0);
        REFUSED("write", open("/proc/sys/net/ipv4/ip_forward", O_WRONLY) >= 0);"#,
        theirs = theirs.display(),
    );
    let said = said(
        "network-namespaces process-information",
        other.pid(),
        &steps,
    );
    if mounted {
        let undone = Command::new("umount").arg(bound.path()).status();
        assert!(undone.is_ok_and(|status| status.success()));
    }
    if let Some(said) = said {
        assert_eq!(said, "all as it must be");
    }
}

#[test]
fn the_network_includes_netlink_and_echo_requests() {
    let steps = r#"
        struct { struct nlmsghdr h; struct rtgenmsg g; } links = {
            {sizeof links, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
        struct { struct nlmsghdr h; struct inet_diag_req_v2 r; } sockets = {
            {sizeof sockets, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
            {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0u}};
        int type;
        MUST("route", dump(NETLINK_ROUTE, &links, sizeof links) == RTM_NEWLINK);
        type = dump(NETLINK_SOCK_DIAG, &sockets, sizeof sockets);
        /* An error message is an answer too: a kernel may lack the module. */
        MUST("sockets", type == SOCK_DIAG_BY_FAMILY || type == NLMSG_DONE || type == NLMSG_ERROR);
        /* EACCES is net.ipv4.ping_group_range speaking; the filter says EPERM. */
        MUST("echo", socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) >= 0 || errno == EACCES);
    "#;
    let pid = std::process::id();
    assert_steps("network", pid, steps);
    assert_steps("network raw-network", pid, steps);
    if mig_testkit::is_root() {
        let raw = r#"MUST("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0);
            MUST("raw 6", socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6) >= 0 || errno == EAFNOSUPPORT);"#;
        assert_steps("raw-network", pid, raw);
        let refused = r#"REFUSED("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0);"#;
        assert_steps("network", pid, refused);
    }
}

/// A socket or file can be told to send signals to a process, by other ways
/// than the one that everybody knows.
#[test]
fn no_socket_and_no_file_sends_signals_for_a_module() {
    let mut other = Other::start();
    let directory = tempfile::tempdir().expect("tempdir");
    let steps = format!(
        r#"int pid = PID, fds[2], file; struct flock lock = {{.l_type = F_WRLCK}};
        MUST("sockets", socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
        REFUSED("FIOSETOWN", ioctl(fds[0], 0x8901, &pid) == 0);
        REFUSED("SIOCSPGRP", ioctl(fds[0], 0x8902, &pid) == 0);
        REFUSED("F_SETOWN", fcntl(fds[0], F_SETOWN, pid) == 0);
        REFUSED("F_SETSIG", fcntl(fds[0], 10, SIGKILL) == 0);
        MUST("asynchronous", fcntl(fds[0], F_SETFL, O_ASYNC) == 0);
        MUST("write", write(fds[1], "x", 1) == 1);
        MUST("waiting", ioctl(fds[0], 0x541b /* FIONREAD */, &pid) == 0 && pid == 1);
        MUST("file", (file = open("{0}/locked", O_RDWR | O_CREAT, 0600)) >= 0);
        MUST("lock", fcntl(file, F_SETLK, &lock) == 0);
        MUST("unlock", (lock.l_type = F_UNLCK, fcntl(file, F_SETLKW, &lock) == 0));"#,
        directory.path().display()
    );
    assert_steps("network filesystem-write", other.pid(), &steps);
    assert!(other.0.try_wait().expect("wait").is_none(), "it was killed");
}

#[test]
fn a_program_is_started_without_namespaces_of_its_own() {
    let steps = r#"int pid, status;
        REFUSED("users", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) >= 0);
        REFUSED("mounts", syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0) >= 0);
        MUST("start", (pid = fork()) >= 0);
        if (pid == 0) { execl("/bin/true", "true", (char *)0); _exit(9); }
        MUST("end", waitpid(pid, &status, 0) == pid && status == 0);"#;
    assert_steps("processes", std::process::id(), steps);
}

#[test]
fn a_signal_goes_to_exactly_the_process_that_was_looked_at() {
    let mut other = Other::start();
    let steps = r#"int fd;
        MUST("open", (fd = syscall(SYS_pidfd_open, PID, 0)) >= 0);
        MUST("signal", syscall(SYS_pidfd_send_signal, fd, SIGKILL, 0, 0) == 0);"#;
    let Some(said) = said("signal", other.pid(), steps) else {
        return;
    };
    assert_eq!(said, "all as it must be");
    let status = other.0.wait().expect("wait");
    assert_eq!(status.signal(), Some(libc::SIGKILL));
    assert_steps(
        "filesystem-read filesystem-write network",
        std::process::id(),
        r#"REFUSED("open", syscall(SYS_pidfd_open, PID, 0) >= 0);
        REFUSED("signal", syscall(SYS_pidfd_send_signal, 0, SIGKILL, 0, 0) == 0);"#,
    );
}

#[test]
fn a_module_that_may_change_files_removes_what_its_user_may_remove() {
    let directory = tempfile::tempdir().expect("tempdir");
    let inner = directory.path().join("service.d");
    std::fs::create_dir(&inner).expect("mkdir");
    std::fs::write(inner.join("unit"), "[Unit]").expect("write");
    let steps = format!(
        r#"MUST("file", unlink("{0}/unit") == 0); MUST("directory", rmdir("{0}") == 0);"#,
        inner.display()
    );
    assert_steps("filesystem-write signal", std::process::id(), &steps);
}

#[test]
fn a_tracer_reads_the_memory_of_foreign_processes() {
    let restricted = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope")
        .is_ok_and(|scope| scope.trim() != "0");
    if restricted && !mig_testkit::is_root() {
        return mig_testkit::skip("this kernel lets only root trace processes");
    }
    let other = Other::start();
    // Its first mapping is the start of the program: "\x7fELF".
    let steps = r#"char b[4096]; unsigned long at = 0; int fd;
        MUST("exe", readlink(of("exe"), b, sizeof b) > 0);
        MUST("maps", (fd = open(of("maps"), O_RDONLY)) >= 0 && read(fd, b, sizeof b - 1) > 0);
        MUST("address", sscanf(b, "%lx-", &at) == 1);
        MUST("memory", (fd = open(of("mem"), O_RDONLY)) >= 0);
        MUST("read memory", pread(fd, b, 4, at) == 4 && !memcmp(b, "\x7f" "ELF", 4));
        struct iovec here = {b + 8, 4}, there = {(void *)at, 4};
        MUST("read directly", process_vm_readv(PID, &here, 1, &there, 1, 0) == 4 && !memcmp(b + 8, b, 4));
        REFUSED("write directly", process_vm_writev(PID, &here, 1, &there, 1, 0) >= 0);
        REFUSED("writing", open(of("mem"), O_RDWR) >= 0);
        int status; struct user_regs_struct registers; struct iovec all = {&registers, sizeof registers};
        REFUSED("killing at the end", ptrace(PTRACE_SEIZE, PID, 0, 0x100000) == 0);
        MUST("attach", ptrace(PTRACE_ATTACH, PID, 0, 0) == 0 && waitpid(PID, &status, 0) == PID);
        MUST("peek", (ptrace(PTRACE_PEEKDATA, PID, at, 0) & 0xff) == 0x7f);
        MUST("registers", ptrace(PTRACE_GETREGSET, PID, 1, &all) == 0);
        REFUSED("poke", ptrace(PTRACE_POKEDATA, PID, at, 0) == 0);
        REFUSED("set registers", ptrace(PTRACE_SETREGSET, PID, 1, &all) == 0);
        REFUSED("end it", ptrace(PTRACE_KILL, PID, 0, 0) == 0);
        REFUSED("signal", ptrace(PTRACE_CONT, PID, 0, SIGKILL) == 0);
        MUST("detach", ptrace(PTRACE_DETACH, PID, 0, 0) == 0);"#;
    assert_steps("ptrace", other.pid(), steps);
}
