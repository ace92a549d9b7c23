//! The service a persistent module gets while it serves.

mod inbox;

use std::ffi::c_void;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mig_plugin_abi::{MigBytes, MigService, ReceiveFn, SERVICE, code, notice};
use mig_plugin_payload::encode;
use serde_json::json;

use super::emitter::Emitter;
use crate::charge;
use crate::frame::{Kind, MAX_ALERT};
use crate::message::alert_cost;
use crate::rate::Rate;
use crate::text::size;
use inbox::{Inbox, Next};

/// Largest status, in bytes.
const MAX_STATUS: usize = 16 << 10;
/// Largest error record, in bytes.
const MAX_FAILURE: usize = 48 << 10;
/// Log lines sent each second, and at once.
const LOGS: (u32, u32) = (50, 500);

/// What one serving worker has.
struct Serving {
    table: MigService,
    inbox: Inbox,
    emitter: &'static Emitter,
    /// Largest answer.
    output: u64,
    logs: Mutex<(Rate, u64)>,
}

// SAFETY: the table is never changed; its context is null. All else is made for
// several threads.
unsafe impl Sync for Serving {}
// SAFETY: as above.
unsafe impl Send for Serving {}

static SERVING: OnceLock<Serving> = OnceLock::new();

/// Makes the service available.
pub(super) fn begin(socket: OwnedFd, emitter: &'static Emitter, output: u64) -> io::Result<()> {
    let inbox = Inbox::new(socket)?;
    SERVING.get_or_init(|| Serving {
        table: MigService {
            size: size_of::<MigService>(),
            // There is one for the whole process.
            context: std::ptr::null_mut(),
            descriptor,
            next,
            send,
        },
        inbox,
        emitter,
        output,
        logs: Mutex::new((Rate::new(LOGS.0, LOGS.1, Instant::now()), 0)),
    });
    Ok(())
}

/// Whether this worker serves.
pub(super) fn is_on() -> bool {
    SERVING.get().is_some()
}

/// The service of this name.
pub(super) fn find(name: &[u8]) -> *const c_void {
    match SERVING.get() {
        Some(serving) if name == SERVICE.as_bytes() => (&raw const serving.table).cast(),
        _ => std::ptr::null(),
    }
}

/// Whether a log line may be sent; those that may not are counted.
pub(super) fn may_log() -> bool {
    let Some(serving) = SERVING.get() else {
        return true;
    };
    let mut logs = serving.logs.lock().unwrap_or_else(PoisonError::into_inner);
    let may = logs.0.take(1.0, Instant::now());
    if !may {
        logs.1 += 1;
    }
    may
}

/// Tells what was not sent.
pub(super) fn report() {
    if let Some(serving) = SERVING.get() {
        let mut logs = serving.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let count = std::mem::take(&mut logs.1);
        drop(logs);
        if count > 0 {
            serving.say(Kind::LogsLeftOut, count, b"");
        }
    }
}

impl Serving {
    /// Sends something that shall not wait. Non-zero when the host is gone.
    fn say(&self, kind: Kind, number: u64, payload: &[u8]) -> i32 {
        self.emitter.send_now(kind, &number.to_le_bytes(), payload)
    }

    fn alert(&self, text: &[u8]) -> i32 {
        if text.len() > MAX_ALERT {
            return 1;
        }
        let cost = alert_cost(text.len());
        if !self.inbox.try_pay(cost) {
            // Nobody makes room for what has not been sent.
            if self.emitter.flush() != 0 || !self.inbox.pay(cost) {
                return 1;
            }
        }
        self.emitter.send(Kind::Alert, b"", text)
    }

    fn answer(&self, number: u64, payload: &[u8]) -> i32 {
        if charge::of(payload) <= self.output {
            return self.say(Kind::Answer, number, payload);
        }
        // Whoever asked shall not wait for what cannot come.
        let record = json!({
            "code": code::LIMIT,
            "message": format!("the answer is larger than its output limit of {}", size(self.output)),
        });
        // A number and a short text: this cannot fail.
        let record = encode(&record).unwrap_or_default();
        self.say(Kind::Failure, number, &record);
        1
    }
}

unsafe extern "C" fn descriptor(_context: *mut c_void) -> i32 {
    SERVING
        .get()
        .map_or(-1, |serving| serving.inbox.descriptor())
}

unsafe extern "C" fn next(
    _context: *mut c_void,
    milliseconds: i32,
    receive: ReceiveFn,
    taker: *mut c_void,
) -> i32 {
    let Some(serving) = SERVING.get() else {
        return -1;
    };
    let patience = u64::try_from(milliseconds).ok().map(Duration::from_millis);
    let started = Instant::now();
    loop {
        let left = patience.map(|time| time.saturating_sub(started.elapsed()));
        match serving.inbox.next(left) {
            None => return 0,
            Some(Next::End) => return -1,
            // The sign of life: only a module that asks for messages gives it.
            Some(Next::Ping(number)) => {
                report();
                if serving.say(Kind::Pong, number, b"") != 0 {
                    return -1;
                }
            }
            Some(Next::Letter(letter)) => {
                let payload = MigBytes::new(&letter.payload);
                // SAFETY: the module's own function with what it gave us for it;
                // the payload outlives the call.
                unsafe { receive(taker, letter.kind as u32, letter.number, payload) };
                return 1;
            }
        }
    }
}

unsafe extern "C" fn send(_context: *mut c_void, kind: u32, number: u64, payload: MigBytes) -> i32 {
    let Some(serving) = SERVING.get() else {
        return 1;
    };
    // SAFETY: the ABI lets modules pass only readable bytes.
    let payload = unsafe { payload.as_slice() };
    match kind {
        notice::READY => serving.say(Kind::Attending, 0, b""),
        notice::ALERT => serving.alert(payload),
        notice::ANSWER => serving.answer(number, payload),
        notice::FAILURE if payload.len() <= MAX_FAILURE => {
            serving.say(Kind::Failure, number, payload)
        }
        notice::STORED => serving
            .emitter
            .send(Kind::Stored, &number.to_le_bytes(), b""),
        notice::STATUS if payload.len() <= MAX_STATUS => {
            serving.emitter.send(Kind::Status, b"", payload)
        }
        _ => 1,
    }
}
