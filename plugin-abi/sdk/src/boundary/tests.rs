//! What a build that aborts on panic does: the hook reports, then the process
//! ends. It needs a process of its own, which is this test binary once more.

use super::*;
use mig_plugin_payload::decode;
use std::ffi::c_void;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

const CHILD: &str = "MIG_SDK_ABORTING_CHILD";
const MARK: &str = "record: ";

#[test]
fn an_aborting_build_reports_the_panic_before_it_ends() {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "--nocapture", "boundary::tests::aborting_child"])
        .env(CHILD, "1")
        .output()
        .expect("starts");
    assert_eq!(output.status.signal(), Some(6), "ended by SIGABRT");
    let text = String::from_utf8_lossy(&output.stdout);
    let record = text
        .lines()
        .find_map(|line| line.split_once(MARK))
        .map(|(_, record)| serde_json::from_str::<Value>(record).expect("JSON"))
        .unwrap_or_else(|| panic!("no error record in {text}"));
    assert_eq!(record["code"], code::PANIC);
    let message = record["message"].as_str().expect("a message");
    assert!(message.ends_with(": out of luck"), "{message}");
}

/// The other half of the test above; alone it has nothing to do.
#[test]
fn aborting_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    // What the hook and the runtime do together under `panic = "abort"`.
    std::panic::set_hook(Box::new(|info| {
        report_before_abort(info);
        std::process::abort();
    }));
    let host = MigHost {
        size: size_of::<MigHost>(),
        abi_major: 1,
        abi_minor: 0,
        reserved: 0,
        context: std::ptr::null_mut(),
        log: ignore_log,
        emit: print_record,
        progress: ignore_progress,
        cancelled: never_cancelled,
        get_service: no_service,
    };
    LAST_HOST.store(std::ptr::from_ref(&host).cast_mut(), Ordering::Release);
    // A panic of a thread that the module started counts as well.
    let thread = std::thread::spawn(|| panic!("out of luck"));
    let _never = thread.join();
}

unsafe extern "C" fn print_record(
    _context: *mut c_void,
    kind: u32,
    _place: MigBytes,
    payload: MigBytes,
) -> i32 {
    assert_eq!(kind, emit::ERROR);
    // SAFETY: borrowed for the duration of this call.
    let record = decode(unsafe { payload.as_slice() }, 1 << 16).expect("a payload");
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{record}").expect("write");
    out.flush().expect("flush");
    0
}

unsafe extern "C" fn ignore_log(_context: *mut c_void, _level: u32, _message: MigBytes) {}

unsafe extern "C" fn ignore_progress(_context: *mut c_void, _done: u64, _total: u64) {}

unsafe extern "C" fn never_cancelled(_context: *mut c_void) -> i32 {
    0
}

unsafe extern "C" fn no_service(_context: *mut c_void, _id: MigBytes) -> *const c_void {
    std::ptr::null()
}
