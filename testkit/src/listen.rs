//! Reading in a test what the code under test logs.

use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Subscriber};

/// While it lives, what this thread logs goes to the subscriber it was made with.
pub struct Listening {
    _here: DefaultGuard,
    _elsewhere: Dispatch,
}

/// Has `subscriber` take what this thread logs, also when other tests of the same
/// program log the same lines in theirs.
///
/// As long as a process has a single subscriber, `tracing` takes it to be that of all
/// threads: when a thread without one is the first that comes to a line, the line is
/// switched off everywhere. With a second subscriber, here one that wants nothing,
/// all are asked.
#[must_use = "what is logged is taken until this is dropped"]
pub fn listen(subscriber: impl Subscriber + Send + Sync + 'static) -> Listening {
    Listening {
        _elsewhere: Dispatch::new(NoSubscriber::new()),
        _here: tracing::subscriber::set_default(subscriber),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tracing::{Event, Metadata, span};

    use super::*;

    struct Count(Arc<AtomicU64>);

    impl Subscriber for Count {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn a_line_that_another_thread_logs_first_is_heard_here_all_the_same() {
        fn log() {
            tracing::info!("heard");
        }
        let heard = Arc::new(AtomicU64::new(0));
        let listening = listen(Count(Arc::clone(&heard)));
        std::thread::spawn(log).join().expect("the other thread");
        log();
        drop(listening);
        log();
        assert_eq!(heard.load(Ordering::Relaxed), 1);
    }
}
