//! Reading in a test what the code under test logs.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

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

/// What this thread has logged since [`hear`].
pub struct Heard {
    lines: Lines,
    _listening: Listening,
}

/// Keeps what this thread logs, a line each, down to the level `info`.
pub fn hear() -> Heard {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    Heard {
        lines,
        _listening: listen(subscriber),
    }
}

impl Heard {
    /// The lines so far, with time, level and target before each.
    pub fn text(&self) -> String {
        let lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&lines).into_owned()
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_that_another_thread_logs_first_is_heard_here_all_the_same() {
        fn log() {
            tracing::info!("said");
        }
        let heard = super::hear();
        std::thread::spawn(log).join().expect("the other thread");
        log();
        let text = heard.text();
        assert_eq!(text.matches("said").count(), 1, "{text}");
    }
}
