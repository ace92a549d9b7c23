//! Shared servers stay until the program ends. They would start many times if they
//! ended whenever no test uses them for a moment.

use std::any::Any;
use std::sync::{Arc, Mutex, Once, PoisonError};

type Server = Arc<dyn Any + Send + Sync>;

static KEPT: Mutex<Vec<Server>> = Mutex::new(Vec::new());

/// Keeps a server until the program ends in order.
pub(crate) fn keep(server: Server) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function may be called at any time, and does not unwind.
        let refused = unsafe { libc::atexit(end) };
        assert_eq!(refused, 0, "nothing more can be done at the end");
    });
    KEPT.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(server);
}

/// Ends them; statics are not dropped by themselves.
extern "C" fn end() {
    let kept = std::mem::take(&mut *KEPT.lock().unwrap_or_else(PoisonError::into_inner));
    drop(kept);
}
