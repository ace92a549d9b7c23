//! The C library of this process and loading into it.

#[cfg(target_env = "gnu")]
use std::ffi::CStr;

/// Version of the C library this process runs on, as (major, minor); `None`
/// when it is not glibc, and then plugins cannot be loaded.
#[cfg(target_env = "gnu")]
pub(crate) fn glibc_version() -> Option<(u32, u32)> {
    // SAFETY: the function returns a static C string.
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    let (major, rest) = version.to_str().ok()?.split_once('.')?;
    let minor = rest.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Version of the C library this process runs on.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn glibc_version() -> Option<(u32, u32)> {
    None
}

/// Numbers of the running kernel's version, as in `6.1.0`.
pub(crate) fn kernel_version() -> Vec<u32> {
    let Ok(name) = nix::sys::utsname::uname() else {
        return Vec::new();
    };
    let release = name.release().to_string_lossy();
    release
        .split(|character: char| !character.is_ascii_digit())
        .map_while(|part| part.parse().ok())
        .take(3)
        .collect()
}
