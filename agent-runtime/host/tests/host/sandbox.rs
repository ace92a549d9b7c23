//! What workers can and cannot reach.

use mig_host::{Ending, Guard, Job, Operation, Outcome, SandboxReport};
use serde_json::{Value, json};

use crate::c_plugins::{Plugins, Source};
use crate::setup::{job, run, store};

fn report(outcome: &Outcome) -> &SandboxReport {
    outcome.sandbox.as_ref().expect("the worker got that far")
}

/// Whether the kernel has this guard; otherwise the test is skipped.
fn guarded(outcome: &Outcome, guard: Guard) -> bool {
    let active = report(outcome).is_active(guard);
    if !active {
        mig_testkit::skip(&format!("this system lacks {guard:?}"));
    }
    active
}

/// The one error of a run that ended well.
fn said(outcome: &Outcome) -> &str {
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    outcome.answer["errors"][0].as_str().unwrap_or("nothing")
}

#[test]
fn the_guards_that_every_linux_has_are_in_force() {
    let outcome = run(&store(), &job("probe", json!({"act": "print"})));
    let report = report(&outcome);
    for guard in [
        Guard::OwnGroup,
        Guard::DiesWithHost,
        Guard::MemoryLimit,
        Guard::CountLimits,
        Guard::NoNewPrivileges,
        Guard::Capabilities,
    ] {
        assert!(report.is_active(guard), "{guard:?}: {report:?}");
    }
    assert!(
        report.missing().all(|state| state.note.is_some()),
        "{report:?}"
    );
}

#[test]
fn an_undeclared_module_reaches_nothing() {
    let store = store();
    let directory = tempfile::tempdir().expect("tempdir");
    let target = directory.path().join("written");
    let outcome = run(
        &store,
        &job("probe", json!({"act": "read", "path": "/etc/passwd"})),
    );
    if !guarded(&outcome, Guard::Seccomp) {
        return;
    }
    assert_eq!(said(&outcome), "PermissionDenied");
    for (act, path) in [
        ("write", target.to_str().expect("UTF-8")),
        ("listen", ""),
        ("spawn", ""),
    ] {
        let outcome = run(&store, &job("probe", json!({"act": act, "path": path})));
        assert_eq!(said(&outcome), "PermissionDenied", "{act}");
    }
    assert!(!target.exists());
    let outcome = run(&store, &job("probe", json!({"act": "threads"})));
    assert_eq!(said(&outcome), "6", "threads are no processes");
}

#[test]
fn helper_operations_read_no_files_whatever_the_module_declares() {
    // `run` is the name with three letters.
    let call = r#"int failed = open("/etc/passwd", O_RDONLY) < 0;
        if (operation.len == 3) return report_errno(host, failed);
        if (failed) EMIT(MIG_EMIT_RESULT, "", "\xa1\x65" "lines" "\x81\x62" "no");
        else EMIT(MIG_EMIT_RESULT, "", "\xa1\x65" "lines" "\x81\x63" "yes");
        return MIG_CODE_OK;"#;
    let Some((_plugins, store)) = Plugins::made_of(&Source {
        call,
        capabilities: "filesystem-read",
        ..Source::default()
    }) else {
        return;
    };
    let outcome = run(&store, &job("cplug", json!(null)));
    assert_eq!(said(&outcome), "allowed");
    let printed = run(
        &store,
        &Job {
            operation: Operation::Print,
            ..job("cplug", json!(null))
        },
    );
    if guarded(&printed, Guard::Seccomp) {
        assert_eq!(
            printed.answer,
            json!({"lines": ["no"]}),
            "{:?}",
            printed.reason
        );
    }
}

#[test]
fn what_a_module_declares_it_gets() {
    let directory = tempfile::tempdir().expect("tempdir");
    let file = directory.path().join("file");
    let write = format!(
        "return report_errno(host, creat(\"{}\", 0600) < 0);",
        file.display()
    );
    let read = r#"return report_errno(host, open("/etc/passwd", O_RDONLY) < 0);"#;
    let socket = "return report_errno(host, socket(AF_INET, SOCK_STREAM, 0) < 0);";
    let program = r#"int failed = system("exec /bin/true >/dev/null"); errno = EPERM; return report_errno(host, failed);"#;
    let audit = "return report_errno(host, socket(AF_NETLINK, SOCK_RAW, 9) < 0);";
    for (capability, call, otherwise) in [
        ("filesystem-read", read, "EACCES"),
        ("filesystem-write", write.as_str(), "EPERM"),
        ("network", socket, "EPERM"),
        ("processes", program, "EPERM"),
        ("netlink-audit", audit, "EPERM"),
    ] {
        let Some((_plugins, store)) = Plugins::made_of(&Source {
            call,
            capabilities: capability,
            ..Source::default()
        }) else {
            return;
        };
        let with = run(&store, &job("cplug", json!(null)));
        // A container may have no audit at all.
        if capability != "netlink-audit" || said(&with) == "allowed" {
            assert_eq!(said(&with), "allowed", "{capability}");
        }
        std::fs::remove_file(&file).ok();
        let (_plugins, store) = Plugins::with(call).expect("there was a compiler");
        let without = run(&store, &job("cplug", json!(null)));
        if !guarded(&without, Guard::Seccomp) {
            return;
        }
        if capability != "netlink-audit" || said(&with) == "allowed" {
            assert_ne!(said(&without), "allowed", "{capability}");
        }
        if report(&without).is_active(Guard::Landlock) && capability != "processes" {
            assert!(
                ["EPERM", "EACCES", otherwise].contains(&said(&without)),
                "{capability}"
            );
        }
        assert!(!file.exists());
    }
}

#[test]
fn a_reader_of_files_changes_none() {
    let directory = tempfile::tempdir().expect("tempdir");
    let victim = directory.path().join("victim");
    std::fs::write(&victim, "precious").expect("write");
    let path = victim.display();
    let before = std::fs::metadata(&victim).expect("metadata");
    for call in [
        format!("return report_errno(host, open(\"{path}\", O_WRONLY) < 0);"),
        format!("return report_errno(host, open(\"{path}\", O_RDWR | O_APPEND) < 0);"),
        format!("return report_errno(host, open(\"{path}\", O_RDONLY | O_TRUNC) < 0);"),
        format!(
            "return report_errno(host, open(\"{}\", O_TMPFILE | O_RDWR, 0600) < 0);",
            directory.path().display()
        ),
        format!(
            "return report_errno(host, syscall(SYS_openat2, AT_FDCWD, \"{path}\", (unsigned long long[]){{2, 0, 0}}, 24) < 0);"
        ),
        format!("return report_errno(host, truncate(\"{path}\", 0) < 0);"),
        format!("return report_errno(host, unlink(\"{path}\") < 0);"),
        format!("return report_errno(host, rename(\"{path}\", \"{path}2\") < 0);"),
        format!("return report_errno(host, syscall(SYS_chmod, \"{path}\", 0777) < 0);"),
        format!("return report_errno(host, symlink(\"x\", \"{path}3\") < 0);"),
    ] {
        let Some((_plugins, store)) = Plugins::made_of(&Source {
            call: &call,
            capabilities: "filesystem-read",
            ..Source::default()
        }) else {
            return;
        };
        let outcome = run(&store, &job("cplug", json!(null)));
        if !guarded(&outcome, Guard::Seccomp) {
            return;
        }
        assert_ne!(said(&outcome), "allowed", "{call}");
    }
    assert_eq!(
        std::fs::read_to_string(&victim).expect("still there"),
        "precious"
    );
    assert_eq!(
        std::fs::metadata(&victim).expect("metadata").permissions(),
        before.permissions()
    );
    assert_eq!(
        std::fs::read_dir(directory.path()).expect("list").count(),
        1
    );
}

#[test]
fn a_module_cannot_touch_its_host() {
    for call in [
        "return report_errno(host, kill(getppid(), 0) < 0);",
        "return report_errno(host, syscall(SYS_tgkill, getppid(), getppid(), 0) < 0);",
        "return report_errno(host, ptrace(PTRACE_ATTACH, getppid(), 0, 0) < 0);",
        "char b[8]; struct iovec l = {b, 8}, r = {(void *)host, 8}; return report_errno(host, process_vm_readv(getppid(), &l, 1, &r, 1, 0) < 0);",
        "struct rlimit none = {0, 0}; return report_errno(host, prlimit(getppid(), RLIMIT_NOFILE, &none, 0) < 0);",
        "return report_errno(host, syscall(SYS_pidfd_open, getppid(), 0) < 0);",
        "return report_errno(host, fcntl(0, F_SETOWN, getppid()) < 0);",
        "return report_errno(host, setsid() < 0);",
        "return report_errno(host, setpgid(0, 0) < 0);",
        "return report_errno(host, fork() < 0);",
        "return report_errno(host, syscall(SYS_clone3, 0, 0) < 0);",
        "return report_errno(host, syscall(SYS_unshare, 0x10000000) < 0);",
        "return report_errno(host, syscall(SYS_io_uring_setup, 1, 0) < 0);",
        "return report_errno(host, syscall(SYS_bpf, 0, 0, 0) < 0);",
        "return report_errno(host, syscall(SYS_keyctl, 0, 0) < 0);",
        "return report_errno(host, syscall(SYS_add_key, 0, 0, 0, 0, 0) < 0);",
        "return report_errno(host, socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}) < 0);",
    ] {
        let Some((_plugins, store)) = Plugins::made_of(&Source {
            call,
            capabilities: "filesystem-read",
            ..Source::default()
        }) else {
            return;
        };
        let outcome = run(&store, &job("cplug", json!(null)));
        if !guarded(&outcome, Guard::Seccomp) {
            return;
        }
        assert!(
            ["EPERM", "ENOSYS"].contains(&said(&outcome)),
            "{call}: {}",
            said(&outcome)
        );
    }
}

#[test]
fn root_keeps_no_capability_that_was_not_declared() {
    let call = r#"char line[256], *found = 0; FILE *status = fopen("/proc/self/status", "r");
        while (status && fgets(line, sizeof line, status)) if (!strncmp(line, "CapEff:", 7)) { found = line + 8; break; }
        if (!found) return 3; found[16] = 0; return report(host, found);"#;
    let Some((_plugins, store)) = Plugins::made_of(&Source {
        call,
        capabilities: "filesystem-read",
        ..Source::default()
    }) else {
        return;
    };
    let outcome = run(&store, &job("cplug", json!(null)));
    let left = u64::from_str_radix(said(&outcome), 16).expect("hexadecimal");
    const DAC_READ_SEARCH: u64 = 1 << 2;
    assert_eq!(left & !DAC_READ_SEARCH, 0, "{left:x}");
}

#[test]
fn a_worker_has_a_clean_environment_and_only_its_own_descriptors() {
    let store = store();
    let names = run(&store, &job("probe", json!({"act": "environment"})));
    assert_eq!(
        names.answer["errors"],
        json!(["LC_ALL MALLOC_ARENA_MAX MIG_WORKER_OF PATH RUST_BACKTRACE"])
    );
    // One that the embedding program forgot to mark.
    let forgotten = std::fs::File::open("/dev/null").expect("open");
    // SAFETY: clears close-on-exec of a descriptor this test owns.
    unsafe {
        libc::fcntl(
            std::os::fd::AsRawFd::as_raw_fd(&forgotten),
            libc::F_SETFD,
            0,
        )
    };
    let open = run(&store, &job("probe", json!({"act": "open descriptors"})));
    assert_eq!(
        open.answer["errors"],
        json!(["0 1 2 64"]),
        "{:?}",
        open.reason
    );
}

#[test]
fn a_module_without_guards_of_its_own_still_gets_an_answer() {
    // Everything a kernel may lack is optional: the report says what was there.
    let outcome = run(&store(), &job("example", json!({"gethostname": true})));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    assert_ne!(outcome.answer["elements"]["hostname"], Value::Null);
    assert_eq!(report(&outcome).guards.len(), 11);
}
