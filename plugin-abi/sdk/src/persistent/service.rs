//! The host, as a running persistent module sees it.

use super::{Alert, Message, Surroundings};
use crate::{Failure, ResultDocument, Session};
use mig_plugin_abi::{MigBytes, MigService, SERVICE, code, message, notice};
use mig_plugin_payload::{decode, encode, encode_serialize};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::ffi::c_void;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

/// Largest message of a host, in bytes.
const MAX_MESSAGE: usize = 64 << 20;

/// Handle to the host for the life of a persistent module. All but
/// [`Service::next`] may be used from several threads at once.
#[derive(Clone, Copy)]
pub struct Service<'a> {
    session: Session<'a>,
    table: &'a MigService,
}

// SAFETY: the ABI says that `descriptor` and `send` may be called from any
// thread, and `next` from one at a time, which its documentation passes on; the
// table itself is not changed.
unsafe impl Send for Service<'_> {}
// SAFETY: as above.
unsafe impl Sync for Service<'_> {}

/// A question to the running module. Every query must be answered, by
/// [`Service::answer`], from any thread and in any order; one that is not is
/// answered by the host when its time is over.
#[derive(Debug)]
#[must_use = "a query wants an answer"]
pub struct Query {
    number: u64,
    parameters: Value,
}

impl Query {
    /// Its parameters, which the host has held against the manifest's schema.
    ///
    /// # Errors
    /// They are not of this type. Answer with the failure.
    pub fn parameters<P: DeserializeOwned>(&self) -> Result<P, Failure> {
        serde_json::from_value(self.parameters.clone())
            .map_err(|error| Failure::new(code::BAD_PARAMETERS, error.to_string()))
    }
}

/// The service of a host that has it.
pub(crate) fn find<'a>(session: &Session<'a>) -> Option<Service<'a>> {
    let table = session.service(SERVICE)?.cast::<MigService>();
    // SAFETY: the host's table of that name is one of these, valid until the
    // operation returns; its size comes first.
    let table = unsafe { table.as_ref() };
    (table.size >= size_of::<MigService>()).then_some(Service {
        session: *session,
        table,
    })
}

impl Service<'_> {
    /// Waits for the next message, at most this long, or for ever with `None`.
    /// Nothing came in time: `Ok(None)`. Call it at least every ten seconds, or
    /// when [`Service::descriptor`] is readable: it is also the sign of life.
    ///
    /// # Errors
    /// [`Failure::cancelled`] when the module shall end: clean up and return
    /// `Ok(())` or this failure.
    pub fn next(&self, patience: Option<Duration>) -> Result<Option<Message>, Failure> {
        let milliseconds = match patience {
            None => -1,
            // Rounded up, so that the time has passed afterwards.
            Some(time) => i32::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i32::MAX),
        };
        let mut taken: Option<Result<Option<Message>, Failure>> = None;
        // SAFETY: the table is valid for the life of `self`, and `taken`, which
        // `receive` expects, outlives the call.
        let came = unsafe {
            (self.table.next)(
                self.table.context,
                milliseconds,
                receive,
                (&raw mut taken).cast(),
            )
        };
        if came < 0 {
            return Err(Failure::cancelled());
        }
        taken.unwrap_or(Ok(None))
    }

    /// Readable while a message may be waiting, for modules that wait for other
    /// descriptors as well: then call [`Service::next`] with zero until it gives
    /// `None`.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the table is valid for the life of `self`.
        let descriptor: RawFd = unsafe { (self.table.descriptor)(self.table.context) };
        // SAFETY: the host keeps it open until the operation returns.
        unsafe { BorrowedFd::borrow_raw(descriptor) }
    }

    /// The module is at work: queries may come.
    ///
    /// # Errors
    /// The host is gone.
    pub fn ready(&self) -> Result<(), Failure> {
        self.send(notice::READY, 0, b"")
    }

    /// Raises an alert of at most 256 KiB of text, usually a JSON object. Blocks
    /// while nobody takes alerts.
    ///
    /// # Errors
    /// The text is too long, or the host is gone.
    pub fn alert(&self, text: &str) -> Result<(), Failure> {
        self.send(notice::ALERT, 0, text.as_bytes())
    }

    /// Answers a query.
    ///
    /// # Errors
    /// The answer cannot be sent, or the host is gone.
    pub fn answer(
        &self,
        query: Query,
        answer: Result<ResultDocument, Failure>,
    ) -> Result<(), Failure> {
        let failure = match answer {
            Ok(document) => match encode(&document.to_value()) {
                Ok(payload) => return self.send(notice::ANSWER, query.number, &payload),
                Err(error) => Failure::limit(format!("the answer cannot be sent: {error}")),
            },
            Err(failure) => failure,
        };
        let mut record = json!({"code": failure.code, "message": failure.message});
        if let Some(field) = failure.field {
            record["field"] = field.into();
        }
        let payload = encode(&record)
            .map_err(|error| Failure::limit(format!("the failure cannot be sent: {error}")))?;
        self.send(notice::FAILURE, query.number, &payload)
    }

    /// Every alert up to this number is in safe keeping, for instance synced to
    /// the disk: the host forgets them.
    ///
    /// # Errors
    /// The host is gone.
    pub fn stored(&self, number: u64) -> Result<(), Failure> {
        self.send(notice::STORED, number, b"")
    }

    /// What the owner of the machine shall see of the module: a flat object of
    /// numbers, booleans and short texts. The last one counts.
    ///
    /// # Errors
    /// It is too large, or the host is gone.
    pub fn status<T: serde::Serialize>(&self, status: &T) -> Result<(), Failure> {
        let payload = encode_serialize(status)
            .map_err(|error| Failure::limit(format!("the status cannot be sent: {error}")))?;
        self.send(notice::STATUS, 0, &payload)
    }

    /// Logs, and knows whether to end, as in one-shot operations.
    pub fn session(&self) -> &Session<'_> {
        &self.session
    }

    fn send(&self, kind: u32, number: u64, payload: &[u8]) -> Result<(), Failure> {
        // SAFETY: the table is valid for the life of `self`; the payload
        // outlives the call, which copies it.
        let refused =
            unsafe { (self.table.send)(self.table.context, kind, number, MigBytes::new(payload)) };
        match refused {
            0 => Ok(()),
            _ if self.session.cancelled() => Err(Failure::cancelled()),
            _ => Err(Failure::limit(
                "the host takes this no more: too large, or it is gone",
            )),
        }
    }
}

/// Takes one message for [`Service::next`].
unsafe extern "C" fn receive(taker: *mut c_void, kind: u32, number: u64, payload: MigBytes) {
    // SAFETY: the host hands back what `next` gave it, while `next` runs, and a
    // payload that is readable for this call.
    let (taken, payload) = unsafe {
        (
            taker
                .cast::<Option<Result<Option<Message>, Failure>>>()
                .as_mut(),
            payload.as_slice(),
        )
    };
    if let Some(taken) = taken {
        *taken = Some(understand(kind, number, payload));
    }
}

fn understand(kind: u32, number: u64, payload: &[u8]) -> Result<Option<Message>, Failure> {
    let wrong = |error: String| {
        Failure::new(
            code::BAD_PARAMETERS,
            format!("message of the host: {error}"),
        )
    };
    if !matches!(
        kind,
        message::QUERY | message::ALERT | message::SURROUNDINGS
    ) {
        // Of a newer host, in whatever form; not needed by what was built before
        // it.
        return Ok(None);
    }
    let content = match payload {
        [] => Value::Null,
        payload => decode(payload, MAX_MESSAGE).map_err(|error| wrong(error.to_string()))?,
    };
    let text = |name: &str| content[name].as_str().unwrap_or_default().to_owned();
    Ok(Some(match kind {
        message::QUERY => Message::Query(Query {
            number,
            parameters: content,
        }),
        message::ALERT => Message::Alert(Alert {
            number,
            source: text("source"),
            message: text("message"),
        }),
        _ => Message::Surroundings(
            serde_json::from_value::<Surroundings>(content)
                .map_err(|error| wrong(error.to_string()))?,
        ),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_unknown_kinds_are_passed_over_whatever_is_in_them() {
        for kind in [0, 4, 99, u32::MAX] {
            assert!(matches!(understand(kind, 1, b"\xff"), Ok(None)), "{kind}");
        }
        assert!(understand(message::QUERY, 1, b"\xff").is_err());
        let query = understand(message::QUERY, 7, b"");
        assert!(matches!(query, Ok(Some(Message::Query(query))) if query.number == 7));
    }
}
