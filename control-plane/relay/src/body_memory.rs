//! Bodies in memory, counted from their acceptance until the last byte has left
//! for the last consumer.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// How much there is and how much there may be.
#[derive(Debug)]
pub(crate) struct Gauge {
    used: AtomicUsize,
    bound: usize,
}

impl Gauge {
    pub fn new(bound: usize) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicUsize::new(0),
            bound,
        })
    }

    pub fn used(&self) -> usize {
        self.used.load(SeqCst)
    }

    /// Keeps a body in memory, if there is room for it.
    pub fn hold(self: &Arc<Self>, bytes: &Bytes) -> Option<Arc<HeldBody>> {
        let size = bytes.len();
        self.used
            .fetch_update(SeqCst, SeqCst, |used| {
                used.checked_add(size).filter(|sum| *sum <= self.bound)
            })
            .ok()?;
        Some(Arc::new(HeldBody {
            bytes: bytes.clone(),
            gauge: Arc::clone(self),
        }))
    }
}

/// A body that is counted. Queues, unacknowledged deliveries and sockets share
/// it.
#[derive(Debug)]
pub(crate) struct HeldBody {
    pub bytes: Bytes,
    gauge: Arc<Gauge>,
}

impl Drop for HeldBody {
    fn drop(&mut self) {
        self.gauge.used.fetch_sub(self.bytes.len(), SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_count_once_until_nobody_holds_them() {
        let gauge = Gauge::new(10);
        let body = Bytes::from_static(b"123456");
        let first = gauge.hold(&body).expect("room");
        let again = Arc::clone(&first);
        assert_eq!(gauge.used(), 6);
        assert!(gauge.hold(&body).is_none());
        drop(first);
        assert_eq!(gauge.used(), 6);
        drop(again);
        assert_eq!(gauge.used(), 0);
        assert!(gauge.hold(&body).is_some());
    }
}
