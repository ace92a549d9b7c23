//! Kernels and containers that lack something. A filter on the test's own
//! thread, inherited by the workers it starts, refuses what is to be missing.

use std::collections::BTreeMap;

use libc::c_long;
use mig_host::{Ending, Guard, ModuleStore, Outcome};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use serde_json::{Value, json};

use crate::c_plugins::{Plugins, Source};
use crate::setup::{job, run};

/// Runs `body` on a thread where these system calls fail. `None`, with the test
/// reported as skipped, where filters cannot be had.
fn without<T: Send>(calls: &[c_long], error: i32, body: impl FnOnce() -> T + Send) -> Option<T> {
    let rules: BTreeMap<i64, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let architecture = TargetArch::try_from(std::env::consts::ARCH).expect("known processor");
    let refuse = SeccompAction::Errno(u32::try_from(error).expect("a number"));
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture);
    let program = BpfProgram::try_from(filter.expect("filter")).expect("program");
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            seccompiler::apply_filter(&program).ok()?;
            Some(body())
        });
        let done = thread.join().expect("the body does not panic");
        if done.is_none() {
            mig_testkit::skip("seccomp filters are not available");
        }
        done
    })
}

/// Whether the module could open the file.
fn opened(outcome: &Outcome) -> bool {
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    outcome.answer["errors"][0] == "allowed"
}

/// A module that declares nothing and tries to read a file.
fn curious() -> Option<(Plugins, ModuleStore)> {
    Plugins::made_of(&Source {
        call: r#"return report_errno(host, open("/etc/passwd", O_RDONLY) < 0);"#,
        ..Source::default()
    })
}

#[test]
fn without_landlock_files_are_closed_all_the_same() {
    let Some((_plugins, store)) = curious() else {
        return;
    };
    let landlock = [444, 445, 446];
    for error in [libc::ENOSYS, libc::EOPNOTSUPP] {
        let Some(outcome) = without(&landlock, error, || run(&store, &job("cplug", json!(null))))
        else {
            return;
        };
        let report = outcome.sandbox.as_ref().expect("a report");
        assert!(!report.is_active(Guard::Landlock), "{report:?}");
        assert!(report.is_active(Guard::Seccomp), "{report:?}");
        let missing: Vec<_> = report.missing().map(|state| state.guard).collect();
        assert_eq!(missing, [Guard::Landlock]);
        assert!(!opened(&outcome));
    }
}

#[test]
fn without_seccomp_files_are_closed_all_the_same() {
    let Some((_plugins, store)) = curious() else {
        return;
    };
    let Some(outcome) = without(&[libc::SYS_seccomp], libc::ENOSYS, || {
        run(&store, &job("cplug", json!(null)))
    }) else {
        return;
    };
    let report = outcome.sandbox.as_ref().expect("a report");
    assert!(!report.is_active(Guard::Seccomp), "{report:?}");
    if report.is_active(Guard::Landlock) {
        assert!(!opened(&outcome));
    } else {
        mig_testkit::skip("this kernel has no Landlock");
    }
}

#[test]
fn an_old_kernel_runs_modules_with_what_it_has() {
    let Some((_plugins, store)) = Plugins::with("") else {
        return;
    };
    let newer = [
        444,
        445,
        446,
        libc::SYS_close_range,
        libc::SYS_pidfd_open,
        libc::SYS_ioprio_set,
        libc::SYS_setpriority,
        libc::SYS_capset,
        libc::SYS_seccomp,
    ];
    for error in [libc::ENOSYS, libc::EPERM] {
        let Some((dynamic, linked, late)) = without(&newer, error, || {
            let mut hanging = job("probe", json!({"act": "loop"}));
            hanging.limits.wall = std::time::Duration::from_millis(200);
            (
                run(&store, &job("cplug", Value::Null)),
                run(&store, &job("probe", json!({"act": "stream", "count": 9}))),
                run(&store, &hanging),
            )
        }) else {
            return;
        };
        assert_eq!(dynamic.ending, Ending::Done, "{:?}", dynamic.reason);
        assert_eq!(linked.ending, Ending::Done, "{:?}", linked.reason);
        assert_eq!(late.ending, Ending::Timeout, "{:?}", late.reason);
        let report = dynamic.sandbox.expect("a report");
        assert!(!report.is_active(Guard::Nice), "{report:?}");
        assert!(report.is_active(Guard::MemoryLimit), "{report:?}");
    }
}

#[test]
fn without_memory_files_the_verified_file_itself_is_loaded() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let file = plugins.add(&Source::default());
    let Some((before, after)) = without(&[libc::SYS_memfd_create], libc::EPERM, || {
        let store = plugins.store();
        let before = run(&store, &job("cplug", Value::Null));
        let mut bytes = std::fs::read(&file).expect("read");
        *bytes.last_mut().expect("bytes") ^= 1;
        std::fs::write(&file, bytes).expect("alter");
        (before, run(&store, &job("cplug", Value::Null)))
    }) else {
        return;
    };
    assert_eq!(before.ending, Ending::Done, "{:?}", before.reason);
    assert_eq!(after.ending, Ending::Failed);
    let reason = after.reason.expect("a reason");
    assert!(
        reason.contains("was changed after it was verified"),
        "{reason}"
    );
}
