//! The C boundary: pointers become slices, failures become codes, and a panic
//! never crosses.

use crate::{Failure, Module, Session, operations};
use mig_plugin_abi::{MigBytes, MigHost, code, emit};
use mig_plugin_payload::encode;
use serde_json::{Map, Value};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Longest message of an error record, in characters.
const MAX_MESSAGE: usize = 4096;

/// The `call` entry of a module's table.
///
/// # Safety
/// As the ABI says: `host` is null or a valid table for the whole call, and
/// both byte ranges are readable for the whole call.
pub(crate) unsafe extern "C" fn call<M: Module>(
    host: *const MigHost,
    operation: MigBytes,
    input: MigBytes,
) -> i32 {
    // SAFETY: the caller keeps the contract of the ABI.
    unsafe {
        guarded(host, |session| {
            operations::perform::<M>(session, operation.as_slice(), input.as_slice())
        })
    }
}

/// Runs an operation so that nothing but a code leaves it.
///
/// # Safety
/// `host` is null or a valid table for the whole call.
pub(crate) unsafe fn guarded(
    host: *const MigHost,
    operation: impl FnOnce(&Session<'_>) -> Result<(), Failure>,
) -> i32 {
    // SAFETY: null or valid, as the caller promises.
    let Some(host) = (unsafe { host.as_ref() }) else {
        // Nobody to report to.
        return code::BAD_PARAMETERS;
    };
    // SAFETY: valid for the whole call, as the caller promises.
    let session = unsafe { Session::new(host) };
    let guard = Guard::enter(host);
    let outcome = catch_unwind(AssertUnwindSafe(|| operation(&session)));
    let place = guard.leave();
    let failure = match outcome {
        Ok(Ok(())) => return code::OK,
        Ok(Err(failure)) => failure,
        Err(payload) => {
            let failure = Failure::new(code::PANIC, describe(&*payload, place.as_deref()));
            // Dropping a foreign payload may panic again, out here.
            std::mem::forget(payload);
            failure
        }
    };
    report(&session, &failure);
    failure.code
}

/// Emits the partial result, if any, and the error record. A host that refuses
/// them still has the return code.
fn report(session: &Session<'_>, failure: &Failure) {
    if let Some(partial) = &failure.partial
        && let Ok(payload) = encode(&partial.to_value())
    {
        let _refused = session.emit(emit::RESULT, "", &payload);
    }
    let mut record = Map::new();
    record.insert("code".to_owned(), Value::from(failure.code));
    let message: String = failure.message.chars().take(MAX_MESSAGE).collect();
    record.insert("message".to_owned(), Value::from(message));
    if let Some(field) = &failure.field {
        record.insert("field".to_owned(), Value::from(field.as_str()));
    }
    if let Ok(payload) = encode(&Value::Object(record)) {
        let _refused = session.emit(emit::ERROR, "", &payload);
    }
}

fn describe(payload: &(dyn Any + Send), place: Option<&str>) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown reason");
    match place {
        Some(place) => format!("module panicked at {place}: {message}"),
        None => format!("module panicked: {message}"),
    }
}

/// The host that a panic on a thread without a session is reported to, in
/// builds where the process ends right after the hook.
static LAST_HOST: AtomicPtr<MigHost> = AtomicPtr::new(std::ptr::null_mut());

thread_local! {
    /// Set while this thread runs an operation; the panic hook leaves the place
    /// of the panic in it.
    static OPERATION: RefCell<Option<Running>> = const { RefCell::new(None) };
}

struct Running {
    panicked_at: Option<String>,
}

struct Guard {
    outer: Option<Running>,
    host: *mut MigHost,
}

impl Guard {
    fn enter(host: &MigHost) -> Self {
        install_hook();
        let outer = OPERATION.replace(Some(Running { panicked_at: None }));
        let host = std::ptr::from_ref(host).cast_mut();
        LAST_HOST.store(host, Ordering::Release);
        Self { outer, host }
    }

    /// Restores what was before and gives the place of a panic.
    fn leave(self) -> Option<String> {
        // Unless another thread's operation has taken the place meanwhile.
        let _replaced = LAST_HOST.compare_exchange(
            self.host,
            std::ptr::null_mut(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        let running = OPERATION.replace(self.outer)?;
        running.panicked_at
    }
}

/// Panics outside of operations go to the hook that was there before.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if cfg!(panic = "abort") {
                report_before_abort(info);
            } else if !note_place(info) {
                before(info);
            }
        }));
    });
}

/// Remembers where this thread's operation panicked. False when none runs here.
fn note_place(info: &PanicHookInfo<'_>) -> bool {
    OPERATION.with_borrow_mut(|operation| match operation {
        Some(running) => {
            running.panicked_at = info.location().map(ToString::to_string);
            true
        }
        None => false,
    })
}

/// The last act of a process that is about to abort.
fn report_before_abort(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let message = describe(info.payload(), place.as_deref());
    let host = LAST_HOST.load(Ordering::Acquire);
    // SAFETY: the pointer is set only while an operation runs, and whoever
    // called it keeps the table valid until it returns, which it will not.
    if let Some(host) = unsafe { host.as_ref() } {
        // SAFETY: as above.
        let session = unsafe { Session::new(host) };
        report(&session, &Failure::new(code::PANIC, message));
    } else {
        eprintln!("{message}");
    }
}

#[cfg(test)]
mod tests;
