//! The tables that the module gets to see, and what its calls do.

use std::ffi::c_void;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use mig_plugin_abi::{
    ABI_MAJOR, ABI_MINOR, MigBytes, MigHost, MigPlugin, MigService, ReceiveFn, SERVICE, notice,
};
use mig_plugin_payload::decode;

use super::{PATIENCE, Shared};
use crate::testing::MAX_PAYLOAD;

/// Longest alert, as with real hosts.
const MAX_ALERT: usize = 256 << 10;

/// Runs the entry of a persistent module to its end, on this thread.
pub(super) fn run(table: &MigPlugin, shared: &Shared, input: &[u8]) -> i32 {
    let service = Offer {
        table: MigService {
            size: size_of::<MigService>(),
            context: std::ptr::from_ref(shared).cast_mut().cast(),
            descriptor,
            next,
            send,
        },
        shared,
    };
    let host = MigHost {
        size: size_of::<MigHost>(),
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        reserved: 0,
        context: (&raw const service).cast_mut().cast(),
        log,
        emit,
        progress,
        cancelled,
        get_service,
    };
    let serve = table.serve.expect("the entry of a persistent module");
    // SAFETY: tables and input outlive the call.
    unsafe {
        serve(
            &raw const host,
            MigBytes::new(b"serve"),
            MigBytes::new(input),
        )
    }
}

/// What the context of the host's table points to.
struct Offer<'a> {
    table: MigService,
    shared: &'a Shared,
}

/// # Safety
/// `context` must be the one of the host's table while `run` runs.
unsafe fn offer<'a>(context: *mut c_void) -> &'a Offer<'a> {
    // SAFETY: promised by the caller.
    unsafe { &*context.cast_const().cast() }
}

/// # Safety
/// `context` must be the one of the service's table while `run` runs.
unsafe fn shared<'a>(context: *mut c_void) -> &'a Shared {
    // SAFETY: promised by the caller.
    unsafe { &*context.cast_const().cast() }
}

unsafe extern "C" fn log(context: *mut c_void, level: u32, message: MigBytes) {
    // SAFETY: called by the module with our context and readable bytes.
    let (shared, message) = unsafe { (offer(context).shared, message.as_slice()) };
    let message = String::from_utf8_lossy(message).into_owned();
    shared.lock().logs.push((level, message));
    shared.changed.notify_all();
}

unsafe extern "C" fn emit(
    context: *mut c_void,
    kind: u32,
    _place: MigBytes,
    payload: MigBytes,
) -> i32 {
    // SAFETY: as in `log`.
    let (shared, payload) = unsafe { (offer(context).shared, payload.as_slice()) };
    let mut state = shared.lock();
    match (kind, decode(payload, MAX_PAYLOAD)) {
        (mig_plugin_abi::emit::ERROR, Ok(record)) => state.error = Some(record),
        (_, Err(error)) => state.misuse.push(error.to_string()),
        // A partial result has no place in `serve`; hosts drop it.
        _ => {}
    }
    0
}

unsafe extern "C" fn progress(_context: *mut c_void, _done: u64, _total: u64) {}

unsafe extern "C" fn cancelled(context: *mut c_void) -> i32 {
    // SAFETY: as in `log`.
    i32::from(unsafe { offer(context) }.shared.lock().stopping)
}

unsafe extern "C" fn get_service(context: *mut c_void, id: MigBytes) -> *const c_void {
    // SAFETY: as in `log`.
    let (offer, id) = unsafe { (offer(context), id.as_slice()) };
    match id == SERVICE.as_bytes() {
        true => (&raw const offer.table).cast(),
        false => std::ptr::null(),
    }
}

unsafe extern "C" fn descriptor(context: *mut c_void) -> i32 {
    // SAFETY: called by the module with our context.
    unsafe { shared(context) }.waiting.as_raw_fd()
}

unsafe extern "C" fn next(
    context: *mut c_void,
    milliseconds: i32,
    receive: ReceiveFn,
    taker: *mut c_void,
) -> i32 {
    // SAFETY: called by the module with our context.
    let shared = unsafe { shared(context) };
    let patience = u64::try_from(milliseconds).map_or(PATIENCE * 60, Duration::from_millis);
    let deadline = Instant::now() + patience;
    let mut state = shared.lock();
    let (kind, number, payload) = loop {
        if state.stopping {
            return -1;
        }
        if let Some(message) = state.inbox.pop_front() {
            if state.inbox.is_empty() {
                // Not readable any longer.
                while (&shared.waiting)
                    .read(&mut [0; 64])
                    .is_ok_and(|count| count > 0)
                {}
            }
            break message;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return 0;
        }
        let waited = shared.changed.wait_timeout(state, left);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    };
    drop(state);
    // SAFETY: the module's own function with what it gave us for it.
    unsafe { receive(taker, kind, number, MigBytes::new(&payload)) };
    1
}

unsafe extern "C" fn send(context: *mut c_void, kind: u32, number: u64, payload: MigBytes) -> i32 {
    // SAFETY: called by the module with our context and readable bytes.
    let (shared, payload) = unsafe { (shared(context), payload.as_slice()) };
    let mut state = shared.lock();
    while kind == notice::ALERT && state.held && !state.stopping {
        let woken = shared.changed.wait(state);
        state = woken.unwrap_or_else(PoisonError::into_inner);
    }
    let content = || decode(payload, MAX_PAYLOAD).map_err(|error| error.to_string());
    let outcome = match kind {
        notice::READY => {
            state.ready = true;
            Ok(())
        }
        notice::ALERT if payload.len() > MAX_ALERT => return 1,
        notice::ALERT => match std::str::from_utf8(payload) {
            Ok(text) => {
                state.alerts.push(text.to_owned());
                Ok(())
            }
            Err(_) => Err("an alert that is not UTF-8".to_owned()),
        },
        notice::ANSWER => content().map(|answer| {
            state.answers.insert(number, Ok(answer));
        }),
        notice::FAILURE => content().map(|record| {
            state.answers.insert(number, Err(record));
        }),
        notice::STORED => {
            state.stored = state.stored.max(number);
            Ok(())
        }
        notice::STATUS => content().map(|status| state.status = status),
        other => Err(format!("a notice of unknown kind {other}")),
    };
    shared.changed.notify_all();
    match outcome {
        Ok(()) => 0,
        Err(misuse) => {
            state.misuse.push(misuse);
            1
        }
    }
}
