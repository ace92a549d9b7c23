//! What authors are told about what their module leaves behind.

use mig_host::{Cancel, Diagnosis, Ending, Guard};
use serde_json::json;

use crate::c_plugins::{Plugins, Source};
use crate::setup::{job, store};

/// `None`, reported as skipped, without a compiler or seccomp.
fn diagnosis(capabilities: &str, before: &str, call: &str) -> Option<Diagnosis> {
    let (_plugins, store) = Plugins::made_of(&Source {
        call,
        before,
        capabilities,
        ..Source::default()
    })?;
    let (outcome, diagnosis) = store.diagnose(&job("cplug", json!(null)), &Cancel::new());
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    if !outcome
        .sandbox
        .is_some_and(|report| report.is_active(Guard::Seccomp))
    {
        mig_testkit::skip("this system lacks seccomp");
        return None;
    }
    Some(diagnosis.expect("a diagnosis"))
}

#[test]
fn a_tidy_module_leaves_nothing() {
    let clean = Diagnosis {
        descriptors: 0,
        threads: 0,
        refused_calls: Vec::new(),
    };
    for act in ["threads", "stream"] {
        let input = json!({"act": act, "count": 5000});
        let (outcome, diagnosis) = store().diagnose(&job("probe", input), &Cancel::new());
        assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
        assert_eq!(diagnosis.as_ref(), Some(&clean), "{act}");
    }
}

#[test]
fn descriptors_and_threads_that_stay_are_counted() {
    let threads = "#include <pthread.h>\n#include <unistd.h>\n\
                   static void *stay(void *p) { for (;;) pause(); return p; }";
    let call = r#"pthread_t one, two;
        if (open("/etc/passwd", O_RDONLY) < 0 || open("/dev/null", O_RDONLY) < 0 || dup(0) < 0) return 3;
        if (pthread_create(&one, 0, stay, 0) || pthread_create(&two, 0, stay, 0)) return 3;"#;
    if let Some(found) = diagnosis("filesystem-read", threads, call) {
        assert_eq!((found.descriptors, found.threads), (3, 2));
    }
}

#[test]
fn system_calls_beyond_the_manifest_are_named_and_still_refused() {
    let call = r#"if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) return 3;
        if (unlink("/nonexistent") == 0 || errno != EPERM) return 3;
        if (open("/etc/passwd", O_RDONLY) >= 0) return 3;"#;
    if let Some(found) = diagnosis("", "", call) {
        assert!(found.refused_calls.contains(&libc::SYS_socket), "{found:?}");
        assert_eq!(found.refused_calls.len(), 3, "{found:?}");
        assert_eq!((found.descriptors, found.threads), (0, 0));
    }
    // What it declares is no matter.
    let declared = "return report_errno(host, open(\"/etc/passwd\", O_RDONLY) < 0 || socket(AF_INET, SOCK_STREAM, 0) < 0);";
    if let Some(found) = diagnosis("filesystem-read network", "", declared) {
        assert_eq!(found.refused_calls, Vec::<i64>::new());
    }
}
