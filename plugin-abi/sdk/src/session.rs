//! The host, as a running operation sees it.

use crate::Failure;
use mig_plugin_abi::{MigBytes, MigHost, emit, level};
use mig_plugin_payload::encode_serialize;
use serde::Serialize;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// Handle to the host for the duration of one operation. It may be used from
/// several threads at once.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    host: &'a MigHost,
    _operation: PhantomData<&'a ()>,
}

// SAFETY: the ABI says that every function of the host table may be called from
// any thread; the table itself is not changed during the operation.
unsafe impl Send for Session<'_> {}
// SAFETY: as above.
unsafe impl Sync for Session<'_> {}

impl<'a> Session<'a> {
    /// Wraps a host table.
    ///
    /// # Safety
    /// The table and its functions must stay valid for `'a`.
    pub(crate) unsafe fn new(host: &'a MigHost) -> Self {
        Self {
            host,
            _operation: PhantomData,
        }
    }

    /// Appends one finding to the array at a place of the result, a JSON
    /// pointer like `/elements/s1`; the host creates what is missing on the
    /// way. [`place`](crate::payload::assemble::place) builds one from labels.
    ///
    /// # Errors
    /// When the host takes no more: return the failure, the rest is kept.
    pub fn element<T: Serialize + ?Sized>(&self, place: &str, element: &T) -> Result<(), Failure> {
        let payload = encode_serialize(element).map_err(|error| Failure {
            field: Some(place.to_owned()),
            ..Failure::limit(format!("element cannot be sent: {error}"))
        })?;
        self.emit(emit::ELEMENT, place, &payload)
    }

    /// Hands a payload to the host.
    pub(crate) fn emit(&self, kind: u32, place: &str, payload: &[u8]) -> Result<(), Failure> {
        // SAFETY: the table is valid for 'a, and both byte ranges outlive the
        // call, which copies them.
        let stop = unsafe {
            (self.host.emit)(
                self.host.context,
                kind,
                MigBytes::new(place.as_bytes()),
                MigBytes::new(payload),
            )
        };
        match stop {
            0 => Ok(()),
            _ if self.cancelled() => Err(Failure::cancelled()),
            _ => Err(Failure::limit("the host takes no more output")),
        }
    }

    /// True once the operation should end. Cheap: poll it at every step.
    pub fn cancelled(&self) -> bool {
        // SAFETY: the table is valid for 'a.
        unsafe { (self.host.cancelled)(self.host.context) != 0 }
    }

    /// Fails once the operation should end, for use with `?`.
    ///
    /// # Errors
    /// When the host asked for the end.
    pub fn check(&self) -> Result<(), Failure> {
        if self.cancelled() {
            Err(Failure::cancelled())
        } else {
            Ok(())
        }
    }

    /// Reports progress in units of the module's choice; a `total` of 0 is
    /// unknown.
    pub fn progress(&self, done: u64, total: u64) {
        // SAFETY: the table is valid for 'a.
        unsafe { (self.host.progress)(self.host.context, done, total) }
    }

    /// Writes one log line with a severity of [`mig_plugin_abi::level`].
    pub fn log(&self, level: u32, message: &str) {
        // SAFETY: the table is valid for 'a; the message outlives the call.
        unsafe { (self.host.log)(self.host.context, level, MigBytes::new(message.as_bytes())) }
    }

    /// Logs something that was recovered from.
    pub fn warning(&self, message: &str) {
        self.log(level::WARNING, message);
    }

    /// Logs something normal that is worth knowing.
    pub fn info(&self, message: &str) {
        self.log(level::INFO, message);
    }

    /// Logs something for the author of the module.
    pub fn debug(&self, message: &str) {
        self.log(level::DEBUG, message);
    }

    /// An optional extension of the host, by name.
    pub fn service(&self, id: &str) -> Option<NonNull<c_void>> {
        // SAFETY: the table is valid for 'a; the name outlives the call.
        let service =
            unsafe { (self.host.get_service)(self.host.context, MigBytes::new(id.as_bytes())) };
        NonNull::new(service.cast_mut())
    }
}
