//! Everything that depends on the operating system, so that another one can be
//! added beside it without touching the rest.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod locks;
#[cfg(target_os = "linux")]
pub use linux::{
    bound_memory, interface_addresses, kernel_host_name, leave_terminal, listen_privately,
    output_within, return_memory, silence_standard_streams, started_by_init,
};
#[cfg(target_os = "linux")]
pub use locks::{holds_lock, lock};

/// Go's name of this operating system, as agents have always reported it.
pub fn os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// Go's name of this processor architecture.
pub fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        other => other,
    }
}
