//! What workers may read that may not read everything: what name resolution
//! needs, and what manifest and configuration name.

use mig_host::{Ending, Guard, ServiceEvent};
use serde_json::{Value, json};

use crate::c_plugins::{Plugins, Source};
use crate::service::Source as Serving;
use crate::service::served::{Served, Setting};
use crate::setup::{job, run};

/// Attempts in C, each of which adds its outcome to a line.
const ATTEMPTS: &str = r#"
#include <dirent.h>
static char line[900]; static unsigned used;
static inline void outcome_of(const char *name, int failed) {
    used += snprintf(line + used, sizeof line - used, "%s=%s ", name, failed ? strerrorname_np(errno) : "allowed"); }
static inline void reading(const char *name, const char *path) {
    char byte; int fd = open(path, O_RDONLY | O_CLOEXEC);
    outcome_of(name, fd < 0 || read(fd, &byte, 1) < 0); if (fd >= 0) close(fd); }
static inline void listing(const char *name, const char *path) {
    outcome_of(name, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0); }
"#;

/// What a worker says of its attempts; `None`, reported as skipped, without a
/// compiler or Landlock.
fn attempts_of(source: &Source<'_>) -> Option<String> {
    let (_plugins, store) = Plugins::made_of(source)?;
    let outcome = run(&store, &job("cplug", json!(null)));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    let sandbox = outcome.sandbox.as_ref().expect("the worker got that far");
    if !sandbox.is_active(Guard::Landlock) {
        mig_testkit::skip("this kernel has no Landlock");
        return None;
    }
    Some(outcome.answer["errors"][0].as_str()?.trim().to_owned())
}

#[test]
fn the_network_comes_with_the_files_of_name_resolution_and_no_others() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "secret").expect("write");
    let call = format!(
        r#"reading("hosts", "/etc/hosts"); reading("libc", "/etc/ld.so.cache");
        reading("shadow", "/etc/shadow"); reading("passwd", "/etc/passwd");
        reading("other", "{}");
        listing("etc", "/etc"); listing("ssl", "/etc/ssl"); listing("run", "/run"); listing("root", "/");
        outcome_of("resolver", getaddrinfo("127.0.0.1", "80", 0, &(struct addrinfo *){{0}}) != 0);
        return report(host, line);"#,
        secret.display()
    );
    let before = format!("#include <netdb.h>\n{ATTEMPTS}");
    let source = Source {
        call: &call,
        before: &before,
        capabilities: "network",
        ..Source::default()
    };
    let Some(said) = attempts_of(&source) else {
        return;
    };
    let expected = "hosts=allowed libc=allowed shadow=EACCES passwd=EACCES \
                    other=EACCES etc=EACCES ssl=EACCES run=EACCES root=EACCES resolver=allowed";
    assert_eq!(said, expected);
}

#[test]
fn what_the_manifest_names_is_read_and_what_lies_beside_it_is_not() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::create_dir(path("named.d")).expect("directory");
    for name in ["named", "beside", "named.d/below"] {
        std::fs::write(path(name), "text").expect("write");
    }
    let call = format!(
        r#"reading("named", "{}"); reading("beside", "{}"); reading("below", "{}");
        listing("list", "{}"); listing("around", "{}");
        outcome_of("write", open("{}", O_WRONLY) < 0); return report(host, line);"#,
        path("named"),
        path("beside"),
        path("named.d/below"),
        path("named.d"),
        directory.path().display(),
        path("named"),
    );
    let manifest = format!(
        r#""reads":["{}","{}","/nowhere"],"#,
        path("named"),
        path("named.d")
    );
    // With the network, and with nothing else at all.
    for capabilities in ["network", ""] {
        let source = Source {
            call: &call,
            manifest: &manifest,
            capabilities,
            before: ATTEMPTS,
            ..Source::default()
        };
        let Some(said) = attempts_of(&source) else {
            return;
        };
        let expected =
            "named=allowed beside=EACCES below=allowed list=allowed around=EACCES write=";
        assert!(said.starts_with(expected), "{capabilities}: {said}");
        assert!(!said.ends_with("write=allowed"), "{capabilities}: {said}");
    }
}

#[test]
fn a_file_that_the_configuration_names_is_open_and_followed_when_it_is_replaced() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let named = directory.path().join("ca.pem");
    let beside = directory.path().join("beside.pem");
    std::fs::write(&named, "first").expect("write");
    std::fs::write(&beside, "secret").expect("write");
    let begin = format!(
        r#"char word[64] = ""; int fd = open("{}", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, word, sizeof word - 1) < 0) snprintf(word, sizeof word, "%s", strerrorname_np(errno));
        char all[200]; snprintf(all, sizeof all, "%s, beside %s", word, outcome(open("{}", O_RDONLY) < 0)); say(all);"#,
        named.display(),
        beside.display()
    );
    let source = Serving {
        begin: &begin,
        capabilities: "network",
        configuration: r#"{"type":"object","properties":{"x":{"type":"object","properties":{"cafile":{"type":"string","x-mig-opens":true},"other":{"type":"string"}}}}}"#,
        ..Serving::default()
    };
    let setting = Setting {
        config: json!({"x": {"cafile": named, "other": beside}}),
        ..Setting::default()
    };
    let Some(served) = Served::plugin(&source, setting) else {
        return;
    };
    let landlock = served.until("guards", |seen| {
        seen.events.iter().find_map(|event| match event {
            ServiceEvent::Sandbox(report) => Some(report.is_active(Guard::Landlock)),
            _ => None,
        })
    });
    if !landlock {
        mig_testkit::skip("this kernel has no Landlock");
        return;
    }
    let said = |text: &str| {
        let wanted = text.to_owned();
        served.until(&wanted, |seen| {
            let logged = |event: &ServiceEvent| matches!(event, ServiceEvent::Log { message, .. } if *message == wanted);
            seen.events.iter().any(logged).then_some(())
        });
    };
    said("first, beside EACCES");
    let new = directory.path().join("new");
    std::fs::write(&new, "second").expect("write");
    std::fs::rename(&new, &named).expect("rename");
    said("second, beside EACCES");
    let renewed = served.until("the new start", |seen| {
        seen.events.iter().find_map(|event| match event {
            ServiceEvent::Renewed { path } => Some(path.clone()),
            _ => None,
        })
    });
    assert_eq!(Value::from(renewed), json!(named));
    // It is at work again, and takes questions.
    served.until("the second beginning", |seen| {
        let ready = |event: &&ServiceEvent| **event == ServiceEvent::Ready;
        (seen.events.iter().filter(ready).count() >= 2).then_some(())
    });
    let answer = served.ask(json!({"say": "x"}));
    assert_eq!(answer.ending, Ending::Done, "{:?}", answer.reason);
    let ends = |event: &ServiceEvent| matches!(event, ServiceEvent::Ended { .. });
    served.until("no end", |seen| {
        assert!(!seen.events.iter().any(ends), "{:?}", seen.events);
        Some(())
    });
}
