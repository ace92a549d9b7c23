//! The host table a module gets.

use std::ffi::c_void;

use mig_plugin_abi::{ABI_MAJOR, ABI_MINOR, MigBytes, MigHost, emit};

use super::emitter::Emitter;
use super::serving;
use crate::frame::{Kind, MAX_PLACE};
use crate::sys::signals;

/// Longest log line that is passed on, in bytes.
const MAX_LOG: usize = 4096;

/// A table whose functions write through `emitter`.
pub(super) fn host(emitter: &'static Emitter) -> MigHost {
    MigHost {
        size: size_of::<MigHost>(),
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        reserved: 0,
        context: std::ptr::from_ref(emitter).cast_mut().cast(),
        log,
        emit: take,
        progress,
        cancelled,
        get_service,
    }
}

/// # Safety
/// `context` must be the one of the table made by [`host`].
unsafe fn emitter<'a>(context: *mut c_void) -> Option<&'a Emitter> {
    // SAFETY: the caller's promise; the emitter is static.
    unsafe { context.cast::<Emitter>().as_ref() }
}

unsafe extern "C" fn log(context: *mut c_void, level: u32, message: MigBytes) {
    // SAFETY: the ABI lets modules pass only the context and readable bytes.
    let (emitter, message) = unsafe { (emitter(context), message.as_slice()) };
    if let Some(emitter) = emitter
        && serving::may_log()
    {
        let mut payload = vec![u8::try_from(level).unwrap_or(7)];
        payload.extend_from_slice(&message[..message.len().min(MAX_LOG)]);
        emitter.send(Kind::Log, b"", &payload);
    }
}

unsafe extern "C" fn take(
    context: *mut c_void,
    kind: u32,
    place: MigBytes,
    payload: MigBytes,
) -> i32 {
    // SAFETY: the ABI lets modules pass only the context and readable bytes.
    let (emitter, place, payload) =
        unsafe { (emitter(context), place.as_slice(), payload.as_slice()) };
    let Some(emitter) = emitter else {
        return 1;
    };
    if place.len() > MAX_PLACE {
        return emitter.misuse("emits at a place longer than 4096 bytes");
    }
    match kind {
        // Results belong to queries, which have their own way back.
        emit::ELEMENT | emit::RESULT if serving::is_on() => 0,
        emit::ELEMENT => emitter.element(place, payload),
        emit::RESULT => emitter.result(payload),
        emit::ERROR => emitter.error(payload),
        _ => emitter.misuse("emits a kind of payload that the ABI does not know"),
    }
}

unsafe extern "C" fn progress(context: *mut c_void, done: u64, total: u64) {
    // SAFETY: the ABI lets modules pass only the context.
    if let Some(emitter) = unsafe { emitter(context) }
        && !serving::is_on()
    {
        let mut payload = [0; 16];
        payload[..8].copy_from_slice(&done.to_le_bytes());
        payload[8..].copy_from_slice(&total.to_le_bytes());
        emitter.send(Kind::Progress, b"", &payload);
    }
}

unsafe extern "C" fn cancelled(_context: *mut c_void) -> i32 {
    i32::from(signals::stop_asked())
}

unsafe extern "C" fn get_service(_context: *mut c_void, id: MigBytes) -> *const c_void {
    // SAFETY: the ABI lets modules pass only readable bytes.
    serving::find(unsafe { id.as_slice() })
}
