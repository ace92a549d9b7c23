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
/// `signal`, `processes`, `netlink-audit`.
pub mod capability {
    /// Has a long-lived `serve` operation.
    pub const PERSISTENT: u64 = 1;
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
