//! Processes in odd states.

use crate::support::{Target, attempt, failures, finds, mark, pids, program, run, search, unread};
use mig_module_memory::MemoryModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use mig_testkit::{is_root, wait_until};
use serde_json::json;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// The program under another name.
pub fn copy(directory: &tempfile::TempDir, name: &[u8]) -> std::path::PathBuf {
    let path = directory.path().join(OsStr::from_bytes(name));
    // A hard link where possible, so that no other test that starts a program
    // holds the copy open for writing.
    if std::fs::hard_link(program(), &path).is_err() {
        let status = Command::new("cp").arg(program()).arg(&path).status();
        assert!(status.expect("cp").success());
    }
    path
}

#[test]
fn a_zombie_has_a_name_and_no_memory() {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    wait_until("the end of the child", PATIENCE, || {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    });
    let found = pids(&search(json!({"names": ["^\\[true\\]$"]})));
    assert!(found.contains(&pid), "{found:?}");
    assert_eq!(
        pids(&search(
            json!({"names": ["^\\[true\\]$"], "contents": ["a"]})
        )),
        [0_u32; 0]
    );
    child.wait().unwrap();
}

#[test]
fn a_stopped_process_is_read_like_any_other() {
    let mut target = Target::start();
    let mark = mark(20);
    let place = target.map(4096);
    target.put(place, mark.as_bytes());
    target.signal(libc::SIGSTOP);
    assert!(finds(&target, json!({"contents": [mark]})));
}

#[test]
fn a_process_that_is_traced_is_read_and_not_disturbed() {
    let mut target = Target::start();
    let mark = mark(25);
    let place = target.map(4096);
    target.put(place, mark.as_bytes());
    let pid = target.pid() as i32;
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: seizing a child of this process takes no pointers; the tracer is
    // this thread.
    let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, nothing, nothing) };
    if seized != 0 {
        return mig_testkit::skip("ptrace is not permitted here");
    }
    assert!(finds(&target, json!({"contents": [mark]})));
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(!status.contains("TracerPid:\t0\n"), "{status}");
    // It still does what it is told.
    target.put(place, b"!");
    assert!(!finds(&target, json!({"contents": [mark]})));
}

#[test]
fn a_process_that_hides_is_read_by_root_and_named_otherwise() {
    let mut target = Target::start();
    let mark = mark(21);
    let place = target.map(4096);
    target.put(place, mark.as_bytes());
    target.order("hide");
    let document = search(json!({"contents": [mark]}));
    let line = format!(
        "Permission denied to access memory of process {}",
        target.pid()
    );
    if is_root() {
        assert_eq!(pids(&document), [target.pid()]);
    } else {
        assert_eq!(pids(&document), [0_u32; 0]);
        assert!(failures(&document).contains(&line), "{document}");
        assert_eq!(unread(&document, "permission denied"), Some(0));
    }
    assert_eq!(failures(&document).contains(&line), !is_root());
}

#[test]
fn a_program_whose_file_is_gone_keeps_its_name_and_tells_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = copy(&directory, b"evil");
    let mut target = Target::of(&path);
    target.order(&format!(
        "name {}",
        crate::support::hex(b"x\n\x1b[31m)\xff")
    ));
    std::fs::remove_file(&path).unwrap();
    let pattern = format!("^{}$", path.display());
    let document = search(json!({"names": [pattern]}));
    let process = &document["elements"]["s"][0]["process"];
    assert_eq!(process["pid"], target.pid(), "{document}");
    assert_eq!(process["name"], "[x\\n\u{1b}[31m)\u{FFFD}]");
    assert_eq!(process["deleted"], path.to_str().unwrap());
    assert!(finds(
        &target,
        json!({"names": ["^\\[x.n.*\\)\\x{FFFD}\\]$"]})
    ));
}

#[test]
fn a_path_with_any_bytes_travels_with_them() {
    let directory = tempfile::tempdir().unwrap();
    let name = b"a\nb \xff (deleted)";
    let target = Target::of(&copy(&directory, name));
    // Below the directory of this run: another one may have the same name.
    let pattern = format!(
        "^{}/a\\nb \\x{{FFFD}} \\(deleted\\)$",
        directory.path().display()
    );
    let document = search(json!({"names": [pattern]}));
    let process = &document["elements"]["s"][0]["process"];
    assert_eq!(process["pid"], target.pid(), "{document}");
    assert!(
        process["name"]
            .as_str()
            .unwrap()
            .ends_with("/a\nb \u{FFFD} (deleted)")
    );
    assert!(process["rawpath"].is_string());
    assert!(process.get("deleted").is_none());
}

#[test]
fn processes_that_end_or_change_while_they_are_read_spoil_nothing() {
    let mark = mark(22);
    let mut steady = Target::start();
    let place = steady.map(4 << 20);
    steady.put(place + (3 << 20), mark.as_bytes());
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let mut target = Target::start();
                target.map(64 << 20);
                target.exec();
            }
        });
        let _stop = mig_testkit::StopOnDrop(&stop);
        for _ in 0..25 {
            let pattern = format!("[{}!]{}", &mark[..1], &mark[1..]);
            let document = search(json!({"contents": [pattern, mark]}));
            assert_eq!(pids(&document), [steady.pid()]);
        }
    });
}

#[test]
fn a_file_that_was_cut_off_under_a_mapping_is_counted() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mark = mark(23);
    let size = 256 << 20;
    std::fs::write(file.path(), mark.as_bytes()).unwrap();
    file.as_file().set_len(size).unwrap();
    let mut target = Target::start();
    let path = crate::support::hex(file.path().as_os_str().as_bytes());
    let place = target.order(&format!("file {size} {path}"));
    file.as_file().set_len(8192).unwrap();
    let options = json!({"offset": place, "maxlength": size, "logfailures": true});
    let document = search(
        json!({"contents": [format!("(?i){mark}"), "not there at all"], "options": options}),
    );
    assert!(pids(&document).is_empty());
    let lost = unread(&document, "not accessible").unwrap();
    assert!(lost >= size - 8192, "{document}");
    let line = format!(
        "-{:x} of process {}: bad address",
        place as u64 + size,
        target.pid()
    );
    let lines = failures(&document);
    assert!(
        lines.iter().any(|failure| failure.ends_with(&line)),
        "{lines:?}"
    );
    assert!(finds(&target, json!({"contents": [mark]})));
    // Without being asked, nobody lists pieces.
    let document = search(json!({"contents": ["not there at all"]}));
    assert!(
        !failures(&document)
            .iter()
            .any(|line| line.contains("bad address"))
    );
}

#[test]
fn a_process_with_very_many_mappings_is_read_through() {
    let mut target = Target::start();
    // Every other page with other rights; the kernel's limit is 65530.
    let pages = 40_000;
    let place = target.map(pages * 4096);
    let mark = mark(24);
    target.put(place + (pages - 2) * 4096 - 9, mark.as_bytes());
    target.order(&format!("stripes {place} {pages}"));
    assert!(finds(
        &target,
        json!({"contents": [mark, format!("(?i){mark}")]})
    ));
    assert!(finds(
        &target,
        json!({"libraries": ["libc"], "contents": [mark]})
    ));
}

#[test]
fn being_cancelled_keeps_what_was_found() {
    let target = Target::start();
    let name = crate::support::NAME;
    let question = json!({"searches": {"s": {"names": [name], "options": {"matchall": true}},
        "t": {"names": [name], "contents": ["not there at all"], "options": {"matchall": true}}}});
    // Other tests start and end processes, so only the first polls are certain.
    for after in [0, 1, 3] {
        let answer = FakeHost::new()
            .cancel_after(after)
            .run::<MemoryModule>(question.clone());
        assert_eq!(answer.code, code::CANCELLED, "{after}");
        let document = answer.document();
        assert_eq!(document["success"], false);
        assert!(
            document["statistics"]["processcount"].is_u64(),
            "{document}"
        );
    }
    let answer = FakeHost::new()
        .refuse_emit_after(0)
        .run::<MemoryModule>(question);
    assert_ne!(answer.code, code::OK);
    drop(target);
}

#[test]
fn no_search_at_all_is_an_empty_success() {
    let document = run(json!({}));
    assert_eq!(document["elements"], json!({}));
    assert_eq!(document["foundanything"], false);
    assert_eq!(attempt(json!({"searches": {}})).code, code::OK);
}
