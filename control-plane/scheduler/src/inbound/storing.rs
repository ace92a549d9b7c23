//! Ending between two batches and not in the middle of one.

use tokio::sync::watch;

/// Whether a batch is being stored. Who gives up a consumer in the middle of that
/// would have the store know what neither readers nor counters are told.
pub(crate) struct Storing(watch::Sender<bool>);

impl Storing {
    /// Nothing is being stored yet.
    pub(crate) fn new() -> Storing {
        Storing(watch::Sender::new(false))
    }

    /// A batch is being stored as long as the value lives.
    pub(super) fn batch(&self) -> impl Drop + '_ {
        self.0.send_replace(true);
        Batch(&self.0)
    }

    /// Resolves when nothing is being stored.
    pub(crate) async fn over(&self) {
        let mut storing = self.0.subscribe();
        // The sender is in `self`, so there is no other way for this to end.
        let _ = storing.wait_for(|storing| !storing).await;
    }
}

struct Batch<'a>(&'a watch::Sender<bool>);

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn it_is_over_between_batches() {
        let storing = Storing::new();
        storing.over().await;
        let batch = storing.batch();
        assert!(storing.over().now_or_never().is_none());
        drop(batch);
        storing.over().await;
    }
}
