//! What serving modules may do, by what they declare.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use mig_host::{Guard, ServiceEvent};
use serde_json::json;
use tempfile::TempDir;

use super::plugin::Source;
use super::served::{Served, Setting};

/// What the module says of a few attempts, by name.
fn attempts(
    capabilities: &str,
    code: &str,
    directory: Option<std::path::PathBuf>,
) -> Option<(Served, String)> {
    let begin = format!("char line[512]; size_t used = 0; {code} say(line);");
    let source = Source {
        capabilities,
        before: r#"
            #define TRY(name, call) used += snprintf(line + used, sizeof line - used, "%s=%s ", name, outcome((call) < 0))"#,
        begin: &begin,
        ..Source::default()
    };
    let setting = Setting {
        directory,
        ..Setting::default()
    };
    let served = Served::plugin(&source, setting)?;
    let said = served.until("the outcome", |seen| {
        seen.events.iter().find_map(|event| match event {
            ServiceEvent::Log { message, .. } => Some(message.clone()),
            _ => None,
        })
    });
    Some((served, said))
}

/// Whether a guard stood around the module.
fn guarded(served: &Served, guard: Guard) -> bool {
    served.until("guards", |seen| {
        seen.events.iter().find_map(|event| match event {
            ServiceEvent::Sandbox(report) => Some(report.is_active(guard)),
            _ => None,
        })
    })
}

/// The directory comes last in what the module is started with.
const CHANGE_TO_OWN: &str = r#"
    const char *path = memmem(start.ptr, start.len, "\x69" "directory", 10);
    char own[512] = ""; size_t at = 10 + 1, length = (unsigned char)path[10] & 31;
    if (length == 24) { length = (unsigned char)path[11]; at = 12; }
    snprintf(own, sizeof own, "%.*s", (int)length, path + at);
    char file[600], outside[600]; snprintf(file, sizeof file, "%s/kept", own); snprintf(outside, sizeof outside, "%s/../outside", own);"#;

#[test]
fn a_module_keeps_files_in_its_own_directory_and_nowhere_else() {
    let parent = TempDir::new().expect("temporary directory");
    let directory = parent.path().join("modules/cserve");
    let code = format!(
        r#"{CHANGE_TO_OWN}
        int fd = open(file, O_RDWR | O_CREAT | O_APPEND, 0600);
        TRY("open", fd); TRY("write", write(fd, "hello", 5)); TRY("sync", fsync(fd));
        char other[700]; snprintf(other, sizeof other, "%s.new", file);
        TRY("rename", rename(file, other)); TRY("back", rename(other, file));
        TRY("outside", open(outside, O_WRONLY | O_CREAT, 0600));
        TRY("read", open("/etc/hostname", O_RDONLY));
        TRY("link", symlink("/etc", other));
        TRY("large", ftruncate(fd, ((off_t)1 << 30) + 1));
        TRY("small", ftruncate(fd, 1 << 20));"#
    );
    let Some((served, said)) = attempts("state-directory", &code, Some(directory.clone())) else {
        return;
    };
    for part in [
        "open=allowed",
        "write=allowed",
        "sync=allowed",
        "rename=allowed",
        "back=allowed",
        "large=EFBIG",
        "small=allowed",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    if guarded(&served, Guard::Landlock) {
        for part in ["outside=EACCES", "read=EACCES", "link=EACCES"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    } else {
        mig_testkit::skip("this kernel has no Landlock");
    }
    let mode = std::fs::metadata(&directory).expect("made").mode();
    assert_eq!(mode & 0o777, 0o700);
    // It is there at the next start too.
    served.ask(json!({"say": "x"}));
    assert!(directory.join("kept").exists());
}

/// Reading everywhere, or more, takes nothing away from that.
#[test]
fn a_directory_of_its_own_goes_with_other_capabilities() {
    for (more, elsewhere) in [
        ("filesystem-read", "outside=EACCES read=allowed"),
        (
            "filesystem-read netlink-audit",
            "outside=EACCES read=allowed",
        ),
        ("filesystem-write", "outside=allowed read=allowed"),
        ("network", "outside=EACCES read=EACCES"),
        ("processes", "outside=EACCES read=allowed"),
    ] {
        let parent = TempDir::new().expect("temporary directory");
        let directory = parent.path().join("own");
        let code = format!(
            r#"{CHANGE_TO_OWN}
            int fd = open(file, O_RDWR | O_CREAT, 0600); TRY("open", fd);
            TRY("write", write(fd, "hello", 5)); TRY("again", open(file, O_RDONLY));
            TRY("outside", open(outside, O_WRONLY | O_CREAT, 0600));
            TRY("read", open("/etc/passwd", O_RDONLY));"#
        );
        let capabilities = format!("state-directory {more}");
        let Some((served, said)) = attempts(&capabilities, &code, Some(directory)) else {
            return;
        };
        if !guarded(&served, Guard::Landlock) {
            let report = served.until("guards", |seen| {
                seen.events.iter().find_map(|event| match event {
                    ServiceEvent::Sandbox(report) => Some(format!("{report:?}")),
                    _ => None,
                })
            });
            assert!(report.contains("has no Landlock"), "{more}: {report}");
            mig_testkit::skip("this kernel has no Landlock");
            return;
        }
        assert_eq!(
            said,
            format!("open=allowed write=allowed again=allowed {elsewhere}"),
            "{more}"
        );
    }
}

#[test]
fn a_directory_that_is_not_safe_stops_the_start() {
    let parent = TempDir::new().expect("temporary directory");
    let real = parent.path().join("real");
    std::fs::create_dir(&real).expect("directory");
    let link = parent.path().join("link");
    symlink(&real, &link).expect("link");
    let open = parent.path().join("open");
    std::fs::create_dir(&open).expect("directory");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).expect("mode");
    let file = parent.path().join("file");
    std::fs::write(&file, "").expect("file");
    for (directory, part) in [
        (Some(link), "is not a directory"),
        (Some(open.clone()), "chmod go-w"),
        (Some(open.join("below")), "chmod go-w"),
        (Some(file), "cannot examine"),
        (Some("relative".into()), "no absolute path"),
        (None, "has none for it"),
    ] {
        let source = Source {
            capabilities: "state-directory",
            ..Source::default()
        };
        let setting = Setting {
            directory: directory.clone(),
            ..Setting::default()
        };
        let Some(served) = Served::plugin(&source, setting) else {
            return;
        };
        let reason = served.first_end();
        assert!(reason.contains(part), "{directory:?}: {reason}");
        assert_eq!(served.pids(), [] as [i32; 0], "nothing was started");
    }
}

#[test]
fn without_capabilities_there_are_no_files_no_sockets_and_no_watches() {
    let code = r#"
        TRY("read", open("/etc/hostname", O_RDONLY));
        TRY("watch", inotify_init1(0));
        TRY("socket", socket(AF_INET, SOCK_STREAM, 0));
        TRY("audit", socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));"#;
    let Some((served, said)) = attempts("", code, None) else {
        return;
    };
    if !guarded(&served, Guard::Seccomp) {
        mig_testkit::skip("this kernel has no seccomp");
        return;
    }
    assert_eq!(said, "read=EACCES watch=EPERM socket=EPERM audit=EPERM");
}

#[test]
fn a_module_that_reads_files_may_watch_them() {
    let code = r#"
        int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC); TRY("init", fd);
        int watch = inotify_add_watch(fd, "/etc", IN_MODIFY | IN_CREATE);
        TRY("add", watch); TRY("remove", inotify_rm_watch(fd, watch));
        TRY("write", open("/etc/new-file", O_WRONLY | O_CREAT, 0600));"#;
    let Some((served, said)) = attempts("filesystem-read", code, None) else {
        return;
    };
    assert!(
        said.starts_with("init=allowed add=allowed remove=allowed write=E"),
        "{said}"
    );
    assert!(!guarded(&served, Guard::Nice), "it must read in time");
}

#[test]
fn the_audit_capability_opens_the_audit_socket_and_no_other() {
    let code = r#"
        struct sockaddr_nl address = {.nl_family = AF_NETLINK};
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT); TRY("audit", fd);
        TRY("bind", bind(fd, (struct sockaddr *)&address, sizeof address));
        int size = 1 << 16; TRY("buffer", setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size));
        char drop[16]; struct pollfd one = {fd, POLLIN, 0}; TRY("poll", poll(&one, 1, 0));
        TRY("inet", socket(AF_INET, SOCK_STREAM, 0));
        TRY("route", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
        TRY("read", recv(fd, drop, sizeof drop, MSG_DONTWAIT));"#;
    let Some((served, said)) = attempts("netlink-audit", code, None) else {
        return;
    };
    if said.starts_with("audit=EPROTONOSUPPORT") {
        mig_testkit::skip("this kernel has no audit");
        return;
    }
    if !guarded(&served, Guard::Seccomp) {
        mig_testkit::skip("this kernel has no seccomp");
        return;
    }
    assert_eq!(
        said,
        "audit=allowed bind=allowed buffer=allowed poll=allowed inet=EPERM route=EPERM read=EAGAIN"
    );
}
