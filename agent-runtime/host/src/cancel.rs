//! Cancelling a running job from another thread.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::event::Event;

/// A switch that ends jobs. Clones share it; once cancelled it stays so.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    flag: AtomicBool,
    /// Wakes a waiting host. `None` when the process has no descriptor left:
    /// then the host looks at the flag from time to time.
    event: Option<Event>,
}

impl Cancel {
    /// A switch that is not thrown.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            flag: AtomicBool::new(false),
            event: Event::new().ok(),
        }))
    }

    /// Ends every job that got this switch: its module is asked to stop, and
    /// killed when it does not.
    pub fn cancel(&self) {
        self.0.flag.store(true, Ordering::Release);
        if let Some(event) = &self.0.event {
            event.raise();
        }
    }

    /// Whether it was thrown.
    pub fn is_cancelled(&self) -> bool {
        self.0.flag.load(Ordering::Acquire)
    }

    /// What becomes readable when it is thrown.
    pub(crate) fn event(&self) -> Option<BorrowedFd<'_>> {
        self.0.event.as_ref().map(AsFd::as_fd)
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}
