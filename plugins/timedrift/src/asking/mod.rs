//! Asking servers: several at once, one after the other where there are more.

mod exchange;

use crate::server::Server;
pub use exchange::{Measurement, unix_nanoseconds};
use mig_plugin_sdk::{Failure, Session};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

/// Answers that are enough for a verdict, and so servers asked at the same time.
const ENOUGH: usize = 4;
/// How often waiting looks whether the run should end.
const SLICE: Duration = Duration::from_millis(40);
/// What is said of a server that was asked and had not answered when the run
/// ended.
const NOT_WAITED_FOR: &str = "had not answered when the run ended";

/// A server that was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The server.
    pub server: Server,
    /// What it says, or why it says nothing.
    pub outcome: Result<Measurement, String>,
}

/// What the threads share.
struct Work {
    servers: Vec<Server>,
    next: AtomicUsize,
    stop: AtomicBool,
}

/// Asks servers until enough have answered; the answers are in the order of the
/// servers. `asked` keeps what was found out also when the run should end.
///
/// # Errors
/// When the run should end.
pub fn ask(
    servers: Vec<Server>,
    asked: &mut Vec<Asked>,
    session: &Session<'_>,
) -> Result<(), Failure> {
    let work = Arc::new(Work {
        servers,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    });
    let (send, receive) = mpsc::channel();
    for _ in 0..ENOUGH.min(work.servers.len()) {
        let (work, send) = (Arc::clone(&work), send.clone());
        // Not scoped: a thread that waits for the system's resolver cannot be
        // interrupted, and the run does not wait for it.
        std::thread::Builder::new()
            .name("ntp".to_owned())
            .spawn(move || work_on(&work, &send))?;
    }
    drop(send);
    let mut answers = Vec::new();
    let outcome = collect(&work, &receive, &mut answers, session);
    work.stop.store(true, Ordering::Relaxed);
    // Servers that were asked and not waited for are part of what is known.
    let begun = work.next.load(Ordering::Relaxed).min(work.servers.len());
    for index in 0..begun {
        if !answers.iter().any(|(answered, _)| *answered == index) {
            answers.push((index, Err(NOT_WAITED_FOR.to_owned())));
        }
    }
    answers.sort_by_key(|(index, _)| *index);
    asked.extend(answers.into_iter().map(|(index, outcome)| Asked {
        server: work.servers[index].clone(),
        outcome,
    }));
    outcome
}

/// One answer, with the place of its server.
type Numbered = (usize, Result<Measurement, String>);

/// Takes servers until one answers, there are none left, or nobody wants to
/// know. As many threads as answers are wanted, each good for one: no server is
/// asked in vain.
fn work_on(work: &Work, send: &Sender<Numbered>) {
    loop {
        let index = work.next.fetch_add(1, Ordering::Relaxed);
        let Some(server) = work.servers.get(index) else {
            return;
        };
        if work.stop.load(Ordering::Relaxed) {
            return;
        }
        let outcome = exchange::ask(server, &work.stop);
        let answered = outcome.is_ok();
        if send.send((index, outcome)).is_err() || answered {
            return;
        }
    }
}

/// Takes answers until the threads have ended.
fn collect(
    work: &Work,
    receive: &Receiver<Numbered>,
    answers: &mut Vec<Numbered>,
    session: &Session<'_>,
) -> Result<(), Failure> {
    let total = work.servers.len() as u64;
    loop {
        session.check()?;
        match receive.recv_timeout(SLICE) {
            Ok(answer) => answers.push(answer),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        session.progress(answers.len() as u64, total);
    }
}
