//! The promises of persistent modules, tried on one that serves.

use super::cases::{answer, declared, lines_of, quoted, settled};
use super::{Promise, Subject, Verdict};
use mig_host::{Attendant, Cancel, Mailbox, Operation, ServiceEvent, ServiceJob};
use serde_json::{Value, json};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How long a module may take to end when it is asked to.
const END: Duration = Duration::from_secs(5);
/// Queries that are asked at once.
const AT_ONCE: usize = 8;

/// What those promise that serve.
pub const PERSISTENT: [Promise; 5] = [
    ("serve becomes ready", ready),
    ("a query gets a result that fits its schema", queries),
    ("print makes lines of such a result", print),
    ("several queries at once are each answered", several),
    ("a message of an unknown kind is passed over", strange),
];

/// A module that serves.
struct Serving<'a> {
    subject: &'a Subject,
    mailbox: Mailbox,
}

/// Passes on what happens, and takes every alert.
struct Listener(Sender<ServiceEvent>);

impl Attendant for Listener {
    fn event(&mut self, event: ServiceEvent) {
        // Whoever listened has heard enough.
        let _over = self.0.send(event);
    }

    fn take_alert(&mut self, _: &str) -> bool {
        true
    }
}

impl Serving<'_> {
    fn ask(&self, parameters: &Value) -> Result<Value, Verdict> {
        let wall = self.subject.wall;
        let outcome = self.mailbox.query(parameters, wall, &Cancel::new());
        answer(outcome.map(mig_host::Document::into_value))
    }
}

fn broken(what: impl std::fmt::Display) -> Verdict {
    Verdict::Broken(what.to_string())
}

/// Serves the module, tries something, and has it end. Every attempt includes
/// that it becomes ready, does not end by itself, and ends when it is asked to.
fn served<T>(
    subject: &Subject,
    attempt: impl FnOnce(&Serving<'_>) -> Result<T, Verdict>,
) -> Result<(T, Duration), Verdict> {
    let mailbox = Mailbox::new().map_err(broken)?;
    let (sender, events) = channel();
    let cancel = Cancel::new();
    let job = ServiceJob {
        surroundings: json!({"hostname": "localhost", "environment": {}, "tags": {}}),
        directory: Some(subject.directory()),
        ..ServiceJob::new(&subject.manifest.name, subject.configuration.clone())
    };
    std::thread::scope(|scope| {
        let theirs = mailbox.clone();
        let switch = &cancel;
        scope.spawn(move || {
            let mut listener = Listener(sender);
            subject.store.serve(&job, &theirs, switch, &mut listener);
        });
        let serving = Serving { subject, mailbox };
        let tried = until_ready(&events, subject.wall).and_then(|()| attempt(&serving));
        let asked = Instant::now();
        cancel.cancel();
        let tried = tried?;
        // It may be that it had ended before it was asked to.
        let (reason, again) = end(&events, END * 2)?;
        let in_order = reason.ends_with("ended as it was asked to");
        match again.is_none() && in_order {
            true => Ok((tried, asked.elapsed())),
            false => Err(Verdict::Broken(reason)),
        }
    })
}

fn until_ready(events: &Receiver<ServiceEvent>, wall: Duration) -> Result<(), Verdict> {
    let deadline = Instant::now() + wall;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(ServiceEvent::Ready) => return Ok(()),
            Ok(ServiceEvent::Ended { reason, .. }) => return Err(Verdict::Broken(reason)),
            Ok(_) => {}
            Err(_) => return Err(broken(format!("not within {} s", wall.as_secs()))),
        }
    }
}

fn end(
    events: &Receiver<ServiceEvent>,
    time: Duration,
) -> Result<(String, Option<Duration>), Verdict> {
    let deadline = Instant::now() + time;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(ServiceEvent::Ended { reason, again }) => return Ok((reason, again)),
            Ok(_) => {}
            Err(_) => return Err(broken("it did not end")),
        }
    }
}

fn ready(subject: &Subject) -> Verdict {
    settled(|| {
        let ((), time) = served(subject, |_| Ok(()))?;
        let time = time.as_millis();
        Ok(Verdict::Kept(format!(
            "and ends when asked to, in {time} ms"
        )))
    })
}

/// The answers to the known parameters.
fn answers(subject: &Subject) -> Result<Vec<Value>, Verdict> {
    let asked = served(subject, |serving| {
        let ask = |input: &Value| {
            serving.ask(input).map_err(|verdict| match verdict {
                Verdict::Broken(reason) => broken(format!("{}: {reason}", quoted(input))),
                other => other,
            })
        };
        subject.parameters.iter().map(ask).collect()
    });
    asked.map(|(answers, _)| answers)
}

fn queries(subject: &Subject) -> Verdict {
    settled(|| {
        declared(subject, Operation::Run)?;
        let answers = answers(subject)?;
        Ok(Verdict::Kept(format!("{} queries", answers.len())))
    })
}

fn print(subject: &Subject) -> Verdict {
    settled(|| {
        declared(subject, Operation::Run)?;
        declared(subject, Operation::Print)?;
        let mut lines = 0;
        for result in answers(subject)? {
            lines += lines_of(subject, &result)?;
        }
        Ok(Verdict::Kept(format!("{lines} lines")))
    })
}

fn several(subject: &Subject) -> Verdict {
    settled(|| {
        declared(subject, Operation::Run)?;
        let input = subject.parameters.first().cloned().unwrap_or_default();
        served(subject, |serving| {
            let input = &input;
            std::thread::scope(|scope| {
                let asked: Vec<_> = (0..AT_ONCE)
                    .map(|_| scope.spawn(move || serving.ask(input)))
                    .collect();
                asked.into_iter().try_for_each(|asked| {
                    let answer = asked.join().map_err(|_| broken("asking failed"))?;
                    answer.map(drop)
                })
            })
        })?;
        Ok(Verdict::Kept(format!("{AT_ONCE} queries")))
    })
}

fn strange(subject: &Subject) -> Verdict {
    settled(|| {
        let input = subject.parameters.first().cloned().unwrap_or_default();
        served(subject, |serving| {
            serving.mailbox.something_strange();
            match subject.manifest.has_operation(Operation::Run.as_str()) {
                // Messages come in order, so that one has been read by then.
                true => serving.ask(&input).map(drop),
                false => Ok(()),
            }
        })?;
        Ok(Verdict::Kept(String::new()))
    })
}
