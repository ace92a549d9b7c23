//! Keeping a module running: start, follow, say why it ended, wait, start again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mig_plugin_payload::{Capability, Manifest, encode};
use nix::poll::{PollFd, PollFlags, poll};
use serde_json::{Value, json};

use super::follow::{Follow, Followed};
use super::incoming::Incoming;
use super::life::{Intervention, not_running, reason};
use super::mailbox::Mailbox;
use super::outgoing::Outgoing;
use super::pause::Pause;
use super::{Attendant, ServiceEvent, ServiceJob};
use crate::cancel::Cancel;
use crate::job::{Job, Limits, Operation};
use crate::request::Request;
use crate::sandbox::readable::{self, Seen};
use crate::store::{Entry, ModuleStore};
use crate::supervise::watch::{LOOK, timeout};
use crate::sys::ownership;
use crate::sys::spawn::Worker;
use crate::text::one_line;

impl ModuleStore {
    /// Keeps a persistent module running, in a worker process of its own, until
    /// `cancel`: starts it, serves it, and starts it again, after a pause that
    /// grows, whenever it ends. Blocks the calling thread, which must live on
    /// until it returns: the worker dies with it. Only a module that is not
    /// there or not persistent makes it return earlier.
    ///
    /// On `cancel` the module is asked to end, and killed when it has not within
    /// the grace.
    pub fn serve(
        &self,
        job: &ServiceJob<'_>,
        mailbox: &Mailbox,
        cancel: &Cancel,
        attendant: &mut dyn Attendant,
    ) {
        let name = one_line(job.module, 64);
        let entry = match self.persistent(job.module) {
            Ok(entry) => entry,
            Err(reason) => {
                mailbox.close(&reason, not_running(&name, &reason, None));
                return attendant.event(ServiceEvent::Ended {
                    reason,
                    again: None,
                });
            }
        };
        let manifest = Arc::new(entry.info.manifest.clone());
        let mut pause = Pause::new(job.pace);
        while !cancel.is_cancelled() {
            let started = Instant::now();
            let lived = self
                .live(job, entry, &manifest, mailbox, cancel, attendant)
                .unwrap_or_else(Life::ended);
            if let (Some(path), false) = (lived.replaced, cancel.is_cancelled()) {
                mailbox.close(
                    "it is started anew",
                    format!("module `{name}` is being started anew; ask again"),
                );
                attendant.event(ServiceEvent::Renewed { path });
                continue;
            }
            let reason = lived.reason;
            let again = (!cancel.is_cancelled()).then(|| pause.after(started.elapsed()));
            mailbox.close(&reason, not_running(&name, &reason, again));
            attendant.event(ServiceEvent::Ended { reason, again });
            if let Some(time) = again {
                wait(cancel, time);
            }
        }
        let ended = format!("module `{name}` was asked to end");
        mailbox.close(&ended, not_running(&name, &ended, None));
    }

    fn persistent(&self, module: &str) -> Result<&Entry, String> {
        let name = one_line(module, 64);
        let entry = self
            .entry(module)
            .ok_or_else(|| format!("module '{name}' is not available"))?;
        match entry.info.manifest.persistent {
            true => Ok(entry),
            false => Err(format!(
                "module `{name}` is not persistent: it runs when it is asked"
            )),
        }
    }

    /// One worker from its start to its end. An error is why it is no more, too.
    fn live(
        &self,
        job: &ServiceJob<'_>,
        entry: &Entry,
        manifest: &Arc<Manifest>,
        mailbox: &Mailbox,
        cancel: &Cancel,
        attendant: &mut dyn Attendant,
    ) -> Result<Life, String> {
        let name = &manifest.name;
        let limits = Limits {
            // Of a whole life no time limit makes sense.
            cpu: None,
            ..job.limits
        };
        let asked = Job {
            limits,
            privacy: job.privacy,
            ..Job::new(name, Operation::Serve, Value::Null)
        };
        let input =
            encode(&input(job, manifest, mailbox.latest_surroundings())).map_err(|error| {
                format!("module `{name}`: its configuration cannot be sent: {error}")
            })?;
        let directory = directory(job, manifest)
            .map_err(|error| format!("module `{name}` cannot be started: {error}"))?;
        let module = entry
            .source
            .descriptor()
            .map_err(|error| format!("module `{name}` cannot be run: {error}"))?;
        let worker = Worker::start(self.worker_program())
            .map_err(|error| format!("module `{name}`: cannot start a worker: {error}"))?;
        attendant.event(ServiceEvent::Started { pid: worker.pid() });
        let request = crate::supervise::request(&asked, entry, std::slice::from_ref(&input));
        let named = [manifest.reads.clone(), manifest.named_files(&job.config)].concat();
        let request = Request {
            directory,
            readable: readable::paths(&request.profile, named),
            ..request
        };
        // Looked at before the worker does: what changes in between is noticed.
        let seen = Seen::now(&request.readable);
        let incoming = Incoming::new(
            Arc::clone(manifest),
            limits,
            job.privacy,
            mailbox,
            attendant,
        );
        let outgoing = Outgoing::new(request.encode(&[input]), module);
        let followed = Follow::new(worker, job.pace, cancel, mailbox, incoming, outgoing, seen)
            .until_the_end()
            .map_err(|error| format!("module `{name}`: cannot follow its worker: {error}"))?;
        let Followed {
            end,
            intervention,
            incoming,
            replaced,
        } = followed;
        Ok(Life {
            reason: reason(&asked, &job.pace, &incoming, intervention, &end),
            replaced: replaced.filter(|_| intervention == Some(Intervention::Asked)),
        })
    }
}

/// Why a worker is no more.
struct Life {
    reason: String,
    /// It ended as it was asked to, because this file of those that it may read
    /// was replaced.
    replaced: Option<String>,
}

impl Life {
    fn ended(reason: String) -> Self {
        Self {
            reason,
            replaced: None,
        }
    }
}

/// What the module is started with.
fn input(job: &ServiceJob<'_>, manifest: &Manifest, latest: Option<Value>) -> Value {
    let around = latest.as_ref().unwrap_or(&job.surroundings);
    let directory = match manifest.needs(&Capability::StateDirectory) {
        true => job.directory.as_ref().and_then(|path| path.to_str()),
        false => None,
    };
    json!({
        "config": job.config,
        "hostname": around.get("hostname").cloned().unwrap_or_else(|| Value::from("")),
        "environment": around.get("environment").cloned().unwrap_or_else(|| json!({})),
        "tags": around.get("tags").cloned().unwrap_or_else(|| json!({})),
        "directory": directory,
    })
}

/// The module's own directory, made and checked, if it declares one.
fn directory(job: &ServiceJob<'_>, manifest: &Manifest) -> Result<Option<String>, String> {
    if !manifest.needs(&Capability::StateDirectory) {
        return Ok(None);
    }
    let path = job
        .directory
        .as_ref()
        .ok_or("it declares a directory of its own, and this program has none for it")?;
    let text = path
        .to_str()
        .filter(|_| path.is_absolute())
        .ok_or_else(|| format!("{} is no absolute path in UTF-8", path.display()))?;
    ownership::private_directory(path).map_err(|error| error.to_string())?;
    Ok(Some(text.to_owned()))
}

/// Waits so long, or until the cancel.
fn wait(cancel: &Cancel, time: Duration) {
    let deadline = Instant::now() + time;
    while !cancel.is_cancelled() {
        let mut left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let mut fds = Vec::new();
        match cancel.event() {
            Some(event) => fds.push(PollFd::new(event, PollFlags::POLLIN)),
            None => left = left.min(LOOK),
        }
        // An interruption is one reason more to look again.
        let _interrupted = poll(&mut fds, timeout(left));
    }
}
