//! The stable C ABI between a MIG host and a module plugin.
//!
//! Bytes in, bytes out: every type here is `repr(C)`, no Rust type crosses the
//! boundary and nobody frees the other side's memory. The table of a plugin
//! starts with its own size; a reader looks at [`MigPlugin::size`] before it
//! touches a field that a later minor version appended. Nothing is ever
//! inserted or reordered; a breaking change gets a new entry symbol.

pub mod fingerprint;

use core::ffi::c_void;

/// Major version of the ABI described by this crate.
pub const ABI_MAJOR: u16 = 1;
/// Minor version: fields are only ever appended.
pub const ABI_MINOR: u16 = 0;
/// The one symbol a plugin exports. It says `draft` until the first module
/// packs are published; from then on old binaries must keep loading.
pub const ENTRY_SYMBOL: &str = "mig_plugin_draft_1";
/// Name of the service a persistent module asks for with `get_service`; it is a
/// [`MigService`].
pub const SERVICE: &str = "mig.service.1";
/// ELF section that carries the manifest as UTF-8 JSON, readable without
/// executing anything.
pub const MANIFEST_SECTION: &str = ".mig.manifest";

/// Borrowed bytes. Valid only for the duration of the call they are passed to;
/// whoever needs them longer copies them. `ptr` may be null when `len` is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MigBytes {
    /// First byte, or null when `len` is 0.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

impl MigBytes {
    /// Borrows a slice for the duration of a call.
    pub const fn new(bytes: &[u8]) -> Self {
        Self {
            ptr: bytes.as_ptr(),
            len: bytes.len(),
        }
    }

    /// The bytes as a slice; null with any length is the empty slice.
    ///
    /// # Safety
    /// `ptr` must be null or point to `len` readable bytes that stay valid and
    /// unchanged for `'a`.
    pub unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() {
            &[]
        } else {
            // SAFETY: guaranteed by the caller.
            unsafe { core::slice::from_raw_parts(self.ptr, self.len) }
        }
    }
}

/// What an operation returns. The values are stable.
pub mod code {
    /// The operation did what it was asked.
    pub const OK: i32 = 0;
    /// It stopped because the host asked it to.
    pub const CANCELLED: i32 = 1;
    /// The parameters are not acceptable; the error record names the field.
    pub const BAD_PARAMETERS: i32 = 2;
    /// Input or output of the operating system failed.
    pub const IO: i32 = 3;
    /// A budget ran out, or `emit` said stop.
    pub const LIMIT: i32 = 4;
    /// The operating system refused access.
    pub const PERMISSION: i32 = 5;
    /// The module does not know this operation, or not on this system.
    pub const UNSUPPORTED: i32 = 6;
    /// The module panicked; the SDK caught it at the boundary.
    pub const PANIC: i32 = 7;
}

/// What `emit` carries.
pub mod emit {
    /// One finding, appended to the array at a named place of the result.
    /// The place is a JSON pointer, for example `/elements/s1`.
    pub const ELEMENT: u32 = 1;
    /// The rest of the answer, exactly once per successful operation. The
    /// place is empty.
    pub const RESULT: u32 = 2;
    /// The error record that goes with a non-zero return code: a map with
    /// `message`, and optionally `field`.
    pub const ERROR: u32 = 3;
}

/// Severity of a log line, as in syslog.
pub mod level {
    /// Somebody must act.
    pub const ERROR: u32 = 3;
    /// Something unexpected was recovered from.
    pub const WARNING: u32 = 4;
    /// Normal but worth knowing.
    pub const INFO: u32 = 6;
    /// For the author of the module.
    pub const DEBUG: u32 = 7;
}

/// Capability bits of [`MigPlugin::capabilities`]. They repeat what the
/// manifest says, for hosts that have already loaded the table. What a module
/// needs of the system is not here but in the manifest's `capabilities`, in the
/// words of `docs/plugins.md`: `filesystem-read`, `filesystem-write`, `network`,
/// `raw-network`, `network-namespaces`, `process-information`, `ptrace`,
/// `signal`, `processes`, `netlink-audit`, `state-directory`, `alerts`.
pub mod capability {
    /// Has a long-lived `serve` operation.
    pub const PERSISTENT: u64 = 1;
}

/// What a host tells a persistent module, see [`MigService::next`].
pub mod message {
    /// An investigator asks; the payload is the parameters. The number belongs
    /// to the query and goes back with the answer. Several may be open at once.
    pub const QUERY: u32 = 1;
    /// An alert of another module, for modules that declare the capability
    /// `alerts`: `{"source":"audit","message":"..."}`. Numbers rise by one; see
    /// `MIG_NOTICE_STORED`.
    pub const ALERT: u32 = 2;
    /// Host name, environment or tags have changed:
    /// `{"hostname":"...","environment":{...},"tags":{...}}`.
    pub const SURROUNDINGS: u32 = 3;
}

/// What a persistent module tells its host, see [`MigService::send`].
pub mod notice {
    /// It is at work: queries may come. No payload.
    pub const READY: u32 = 1;
    /// An alert; the payload is its text in UTF-8, usually a JSON object, of at
    /// most 262144 bytes. Blocks while nobody takes alerts.
    pub const ALERT: u32 = 2;
    /// The answer to the query of this number: a result document.
    pub const ANSWER: u32 = 3;
    /// The query of this number failed; the payload is an error record.
    pub const FAILURE: u32 = 4;
    /// Every alert of another module up to this number is in safe keeping: the
    /// host forgets them. It hands over again what a module that ended had not
    /// reported.
    pub const STORED: u32 = 5;
    /// What the owner of the machine shall see of the module, for example its
    /// counters: a flat object of numbers, booleans and short texts.
    pub const STATUS: u32 = 6;
}

/// Takes one message; the payload is borrowed for the call. It is called on the
/// thread that called [`MigService::next`], before that returns.
pub type ReceiveFn =
    unsafe extern "C" fn(taker: *mut c_void, kind: u32, number: u64, payload: MigBytes);

/// What the host offers to a persistent module beyond [`MigHost`]: the service
/// [`SERVICE`], there only during `serve`. Same rules of ownership.
#[repr(C)]
pub struct MigService {
    /// Size of this table in bytes.
    pub size: usize,
    /// Opaque; handed back to every function below.
    pub context: *mut c_void,
    /// A descriptor that is readable while a message may be waiting, for a
    /// module that also waits for others. It belongs to the host: do not read
    /// from it and do not close it. Any thread.
    pub descriptor: unsafe extern "C" fn(context: *mut c_void) -> i32,
    /// Waits for the next message, at most so many milliseconds, for ever when
    /// negative, and hands it to `receive`. Returns 1 when it did, 0 when none
    /// came in time, and a negative number when the module shall end. The host
    /// takes every call as a sign of life and ends a module that shows none for
    /// 30 seconds: wait here, or call it with 0 whenever the descriptor is
    /// readable. One thread at a time.
    pub next: unsafe extern "C" fn(
        context: *mut c_void,
        milliseconds: i32,
        receive: ReceiveFn,
        taker: *mut c_void,
    ) -> i32,
    /// Sends a notice of [`notice`], copied by the host. Returns 0 to go on;
    /// anything else means that the notice was refused or the host is gone. Any
    /// thread.
    pub send: unsafe extern "C" fn(
        context: *mut c_void,
        kind: u32,
        number: u64,
        payload: MigBytes,
    ) -> i32,
}

/// What the host offers to a plugin.
///
/// Ownership: the table belongs to the host and is valid until the operation
/// returns; do not keep the pointer. Threads: every function may be called from
/// any thread of the module while the operation runs; the host serialises the
/// calls. No function throws or unwinds.
#[repr(C)]
pub struct MigHost {
    /// Size of this table in bytes.
    pub size: usize,
    /// Major version the host speaks.
    pub abi_major: u16,
    /// Minor version the host speaks.
    pub abi_minor: u16,
    /// Always 0.
    pub reserved: u32,
    /// Opaque; handed back to every function below.
    pub context: *mut c_void,
    /// Writes one log line (UTF-8, no line break needed). The message is
    /// borrowed for the call and copied by the host. Any thread.
    pub log: unsafe extern "C" fn(context: *mut c_void, level: u32, message: MigBytes),
    /// Hands one payload to the host. Place and payload are borrowed for the
    /// call and copied by the host. Returns 0 to go on; anything else means stop
    /// now: a limit was reached or the host is gone. Any thread.
    pub emit: unsafe extern "C" fn(
        context: *mut c_void,
        kind: u32,
        place: MigBytes,
        payload: MigBytes,
    ) -> i32,
    /// Reports progress in units of the module's choice; `total` 0 is unknown.
    /// Any thread.
    pub progress: unsafe extern "C" fn(context: *mut c_void, done: u64, total: u64),
    /// Returns non-zero once the operation should end. Cheap: poll it often.
    /// Any thread.
    pub cancelled: unsafe extern "C" fn(context: *mut c_void) -> i32,
    /// Looks up an optional extension by name, which is borrowed for the call.
    /// The result is null when the host lacks it; otherwise it belongs to the
    /// host and is valid until the operation returns. Any thread.
    pub get_service: unsafe extern "C" fn(context: *mut c_void, id: MigBytes) -> *const c_void,
}

/// Runs one operation to its end on the calling thread and returns one of the
/// codes above. The name of the operation and the input are borrowed for the
/// call. The host runs one operation at a time; the module may start threads,
/// which must end before it returns. Nothing may be thrown or unwound out of it.
///
/// Inputs and answers by operation, as JSON would write them:
/// `run`: parameters, gives a result document.
/// `options`: `{"words":[...],"defaults":"mig"}` (or `json`, `console`), gives
/// `{"parameters":{...}}` or `{"help":"..."}`, or `{"files":["path",...]}` with
/// words that name files: then a client reads them and asks again with
/// `"files":{"path":"text",...}` in the input. Agents never ask for options.
/// `print`: `{"result":{...},"foundonly":false}`, gives `{"lines":[...]}`; it may
/// be called many times in one process, once for each result.
/// `validate`: parameters, gives `{"errors":[{"field":"...","message":"..."}]}`.
/// `describe`: nothing, gives the manifest.
/// `serve`, through its own entry: `{"config":{...},"hostname":"...",
/// "environment":{...},"tags":{...},"directory":"/..."}`, where `config` is the
/// module's configuration file as its manifest describes it and `directory` its
/// own place for files, null without the capability `state-directory`. It
/// returns when the host asks for the end, or with a failure; then the host
/// starts it again. `run` of a persistent module is never called: the manifest
/// describes the module's queries with it.
pub type CallFn =
    unsafe extern "C" fn(host: *const MigHost, operation: MigBytes, input: MigBytes) -> i32;

/// What a plugin offers. A static, immutable table that belongs to the plugin;
/// plugins are never unloaded.
#[repr(C)]
pub struct MigPlugin {
    /// Size of this table in bytes, as the plugin was compiled.
    pub size: usize,
    /// Major version the plugin was compiled against.
    pub abi_major: u16,
    /// Minor version the plugin was compiled against.
    pub abi_minor: u16,
    /// Always 0.
    pub reserved: u32,
    /// Bits of [`capability`].
    pub capabilities: u64,
    /// The manifest, the same bytes as in [`MANIFEST_SECTION`].
    pub manifest: MigBytes,
    /// Runs `run`, `options`, `print`, `validate` or `describe`.
    pub call: CallFn,
    /// Long-lived operation of a persistent module; null for one-shot modules.
    pub serve: Option<CallFn>,
}

// SAFETY: the table is immutable and everything it points to is static.
unsafe impl Sync for MigPlugin {}

/// Type of the entry symbol. It returns the plugin's table and does nothing
/// else; it may be called more than once and from any thread.
pub type EntryFn = unsafe extern "C" fn() -> *const MigPlugin;
