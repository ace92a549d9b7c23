//! The loop: events first, then what is due, then a small piece of work.

use crate::known::{self, Past};
use crate::watching::Watcher;
use crate::{Configuration, answers, sys};
use mig_plugin_sdk::{Failure, Message, Service, Start};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After a piece of work that took some time, so many times as long is waited:
/// listing and hashing take a quarter of a core at most.
const PAUSE: u32 = 3;
/// Longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// Time between two writes of what is known.
const SAVE_EVERY: Duration = Duration::from_secs(60);
/// Time between two statuses while there is work.
const STATUS_EVERY: Duration = Duration::from_secs(2);

/// Watches until the host asks for the end.
///
/// # Errors
/// [`Failure::cancelled`] at the end; a wrong profile; the system gives no queue.
pub fn serve(start: &Start<Configuration>, service: &Service<'_>) -> Result<(), Failure> {
    let past = past(start.directory.as_deref(), service);
    let mut watcher = Watcher::new(&start.config, past, *service)?;
    service.ready()?;
    let outcome = watch(&mut watcher, start.directory.as_deref(), service);
    if let Some(directory) = &start.directory
        && watcher.unsaved
    {
        save(&mut watcher, directory, service);
    }
    outcome
}

fn watch(
    watcher: &mut Watcher<'_>,
    directory: Option<&Path>,
    service: &Service<'_>,
) -> Result<(), Failure> {
    let mut resume = Instant::now();
    let mut next_save = Instant::now();
    let mut next_status = Instant::now();
    let mut told = None;
    loop {
        let now = Instant::now();
        watcher.do_what_is_due(now)?;
        if watcher.has_work() && resume <= now {
            watcher.work()?;
            let pause = now.elapsed().saturating_mul(PAUSE).min(LONGEST_PAUSE);
            resume = Instant::now() + pause;
        }
        let now = Instant::now();
        let busy = watcher.has_work();
        if !busy && watcher.unsaved && next_save <= now {
            if let Some(directory) = directory {
                save(watcher, directory, service);
            }
            next_save = now + SAVE_EVERY;
        }
        if !busy || next_status <= now {
            let status = watcher.status();
            if told.as_ref() != Some(&status) {
                service.status(&status)?;
                told = Some(status);
            }
            next_status = now + STATUS_EVERY;
        }
        let times = [
            watcher.due(),
            busy.then_some(resume),
            (!busy && watcher.unsaved && directory.is_some()).then_some(next_save),
        ];
        let soonest = times.into_iter().flatten().min();
        let patience = soonest.map(|time| time.saturating_duration_since(Instant::now()));
        let readable = sys::wait(
            [service.descriptor(), watcher.inotify().descriptor()],
            patience,
        );
        let [message, events] =
            readable.map_err(|error| Failure::io(Path::new("inotify"), &error))?;
        if message {
            hear(service)?;
        }
        if events {
            watcher.take_events()?;
        }
    }
}

/// Takes all that the host has to say.
fn hear(service: &Service<'_>) -> Result<(), Failure> {
    while let Some(message) = service.next(Some(Duration::ZERO))? {
        if let Message::Query(query) = message {
            service.answer(query, Ok(answers::ok()))?;
        }
    }
    Ok(())
}

fn past(directory: Option<&Path>, service: &Service<'_>) -> BTreeMap<PathBuf, Past> {
    let Some(directory) = directory else {
        return BTreeMap::new();
    };
    known::file::load(directory).unwrap_or_else(|error| {
        service.session().warning(&format!(
            "what was known at the last start cannot be used: {error}; \
             changes since then raise no alert"
        ));
        BTreeMap::new()
    })
}

/// Failing once is no reason to stop watching; it is tried again.
fn save(watcher: &mut Watcher<'_>, directory: &Path, service: &Service<'_>) {
    match known::file::save(directory, watcher.known()) {
        Ok(()) => watcher.unsaved = false,
        Err(error) => service.session().warning(&format!(
            "what is known cannot be written for the next start: {error}"
        )),
    }
}
