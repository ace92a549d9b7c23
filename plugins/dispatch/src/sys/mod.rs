//! What only the C library can do.

/// Gives memory that was freed back to the system, so that a quiet module is a
/// small one.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: has no preconditions; it may be called from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
