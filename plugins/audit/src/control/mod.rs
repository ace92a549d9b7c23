//! Being the audit daemon: taking the place, setting limits and rules, and
//! giving everything back as it was.

mod saved;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use saved::{Keeper, Saved};
pub(crate) use status::{Change, Status};

use crate::netlink::message::kind;
use crate::netlink::{Error, Socket};
use crate::rules::kernel::KernelRule;
use status::{IMMUTABLE, PANIC, PRINT};

/// The requests to the kernel.
pub(crate) trait Kernel {
    /// Settings and counters.
    fn status(&mut self) -> Result<Status, Error>;
    /// Changes settings.
    fn set(&mut self, change: Change) -> Result<(), Error>;
    /// The rules, as the kernel takes them back.
    fn rules(&mut self) -> Result<Vec<Vec<u8>>, Error>;
    /// Adds a rule behind the others of its list.
    fn add(&mut self, rule: &[u8]) -> Result<(), Error>;
    /// Deletes a rule.
    fn delete(&mut self, rule: &[u8]) -> Result<(), Error>;
}

impl Kernel for Socket {
    fn status(&mut self) -> Result<Status, Error> {
        let answers = self.ask(kind::GET, &[], kind::GET)?;
        Ok(answers
            .first()
            .map(|bytes| Status::read(bytes))
            .unwrap_or_default())
    }

    fn set(&mut self, change: Change) -> Result<(), Error> {
        self.ask(kind::SET, &change.to_bytes(), 0).map(drop)
    }

    fn rules(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        self.ask(kind::LIST_RULES, &[], kind::LIST_RULES)
    }

    fn add(&mut self, rule: &[u8]) -> Result<(), Error> {
        self.ask(kind::ADD_RULE, rule, 0).map(drop)
    }

    fn delete(&mut self, rule: &[u8]) -> Result<(), Error> {
        self.ask(kind::DEL_RULE, rule, 0).map(drop)
    }
}

/// What the owner configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Records per second.
    pub(crate) rate: u32,
    /// Length of the kernel's queue.
    pub(crate) backlog: u32,
    /// Ticks that a process waits when it is full.
    pub(crate) wait: u32,
}

/// Why the place of the audit daemon could not be taken.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// Another process has it, of this number.
    Owned(u32),
    /// The settings cannot be changed until the next boot.
    Immutable,
    /// Anything else: one line.
    Failed(String),
}

/// What has to be restored in the end.
struct Before {
    saved: Saved,
    /// An earlier run wrote it down.
    left_behind: bool,
}

/// The kernel while this process is its audit daemon.
pub(crate) struct Control<K> {
    kernel: K,
    keeper: Keeper,
    before: Saved,
    /// What else is worth saying, a line each.
    pub(crate) remarks: Vec<String>,
}

impl<K: Kernel> Control<K> {
    /// Takes the place of the audit daemon: `register` sends the request that
    /// makes this process the daemon through the socket that is to receive the
    /// records. Whatever was changed is restored when something fails.
    pub(crate) fn take(
        mut kernel: K,
        keeper: Keeper,
        limits: Limits,
        rules: &[(String, KernelRule)],
        register: impl FnOnce() -> Result<(), Error>,
    ) -> Result<Self, (Obstacle, K)> {
        let mut remarks = Vec::new();
        let before = match Self::before(&mut kernel, &keeper, &mut remarks) {
            Ok(before) => before,
            Err(obstacle) => return Err((obstacle, kernel)),
        };
        // First of all, for the kernel decides who comes too late. Nothing has
        // been changed by then.
        if let Err(error) = register() {
            let obstacle = match error.is(libc::EEXIST) {
                true => match kernel.status() {
                    Ok(status) => Obstacle::Owned(status.pid),
                    Err(error) => Obstacle::Failed(error.to_string()),
                },
                false => Obstacle::Failed(format!("becoming the audit daemon: {error}")),
            };
            // A daemon that has the place has rules of its own: those of before
            // are nothing to go back to. And what was only just written down
            // may be another state by the next start.
            let obsolete = matches!(obstacle, Obstacle::Owned(_)) || !before.left_behind;
            return Err(match obsolete.then(|| keeper.forget()) {
                Some(Err(problem)) => (Obstacle::Failed(problem), kernel),
                _ => (obstacle, kernel),
            });
        }
        let before = before.saved;
        let mut control = Self::of(kernel, keeper, before);
        control.remarks = remarks;
        match control.set_up(limits, rules) {
            Ok(()) => Ok(control),
            Err(mut wrong) => {
                let problems = control.give_back();
                for problem in problems {
                    wrong = format!("{wrong}; {problem}");
                }
                Err((Obstacle::Failed(wrong), control.kernel))
            }
        }
    }

    /// For giving back only.
    pub(crate) fn of(kernel: K, keeper: Keeper, before: Saved) -> Self {
        Self {
            kernel,
            keeper,
            before,
            remarks: Vec::new(),
        }
    }

    /// What has to be restored in the end, written down before anything changes.
    fn before(
        kernel: &mut K,
        keeper: &Keeper,
        remarks: &mut Vec<String>,
    ) -> Result<Before, Obstacle> {
        let failed = |error: Error| Obstacle::Failed(error.to_string());
        let status = kernel.status().map_err(failed)?;
        if status.enabled == IMMUTABLE {
            return Err(Obstacle::Immutable);
        }
        match keeper.left_behind() {
            Ok(Some(saved)) => {
                remarks.push(
                    "an earlier run did not come to restore the audit rules of before: they are kept"
                        .into(),
                );
                return Ok(Before {
                    saved,
                    left_behind: true,
                });
            }
            Ok(None) => {}
            Err(problem) => remarks.push(format!(
                "{problem}; the present state counts as the one of before"
            )),
        }
        let saved = Saved::of(&status, &kernel.rules().map_err(failed)?);
        keeper.keep(&saved).map_err(Obstacle::Failed)?;
        Ok(Before {
            saved,
            left_behind: false,
        })
    }

    fn set_up(&mut self, limits: Limits, rules: &[(String, KernelRule)]) -> Result<(), String> {
        let doing = |what: &'static str| move |error: Error| format!("{what}: {error}");
        self.kernel
            .set(Change {
                enabled: Some(1),
                ..Change::default()
            })
            .map_err(doing("enabling audit"))?;
        let status = self.kernel.status().map_err(doing("enabling audit"))?;
        if status.enabled == 0 {
            return Err("enabling audit: the kernel does not; was it booted with audit=0?".into());
        }
        let mut change = Change {
            rate_limit: Some(limits.rate),
            ..Change::default()
        };
        self.kernel.set(change).map_err(doing("ratelimit"))?;
        change = Change {
            backlog_limit: Some(limits.backlog),
            backlog_wait: status.backlog_wait.map(|_| limits.wait),
            ..Change::default()
        };
        self.kernel.set(change).map_err(doing("backloglimit"))?;
        if status.failure == PANIC {
            // A limit that is reached would otherwise end the machine.
            self.remarks.push(
                "lost records were set to panic the kernel; until the end they are a line in its log"
                    .into(),
            );
            change = Change {
                failure: Some(PRINT),
                ..Change::default()
            };
            self.kernel.set(change).map_err(doing("failure"))?;
        }
        self.clear()
            .map_err(doing("deleting the rules of before"))?;
        for (name, rule) in rules {
            match self.kernel.add(&rule.to_bytes()) {
                Ok(()) => {}
                Err(error) if error.is(libc::EEXIST) => self
                    .remarks
                    .push(format!("{name} is left out: an earlier one is the same")),
                Err(error) => return Err(format!("{name}: the kernel refuses it: {error}")),
            }
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Error> {
        for rule in self.kernel.rules()? {
            match self.kernel.delete(&rule) {
                // Somebody else was faster, or the watched file is gone.
                Err(error) if error.is(libc::ENOENT) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Counters now, and whether this process still is the daemon.
    pub(crate) fn status(&mut self) -> Result<Status, Error> {
        self.kernel.status()
    }

    /// Gives up without restoring: somebody else is the daemon now, and the
    /// rules are theirs.
    pub(crate) fn abandon(self) -> Result<(), String> {
        self.keeper.forget()
    }

    /// Restores everything, as far as it goes; a line for each problem.
    pub(crate) fn give_back(&mut self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut note = |what: &str, outcome: Result<(), Error>| {
            if let Err(error) = outcome {
                problems.push(format!("restoring {what}: {error}"));
            }
        };
        note("the rules", self.clear());
        let before = self.before.clone();
        for rule in before.rules() {
            match self.kernel.add(&rule) {
                Err(error) if error.is(libc::EEXIST) => {}
                outcome => note("a rule of before", outcome),
            }
        }
        let change = Change {
            rate_limit: Some(before.rate_limit),
            backlog_limit: Some(before.backlog_limit),
            backlog_wait: before.backlog_wait,
            failure: Some(before.failure),
            ..Change::default()
        };
        note("the limits", self.kernel.set(change));
        let enabled = Change {
            enabled: Some(before.enabled),
            ..Change::default()
        };
        note("whether it is enabled", self.kernel.set(enabled));
        let nobody = Change {
            pid: Some(0),
            ..Change::default()
        };
        match self.kernel.set(nobody) {
            // The kernel had given this process up already.
            Err(error) if error.is(libc::EACCES) || error.is(libc::EINVAL) => {}
            outcome => note("that there is no audit daemon", outcome),
        }
        if problems.is_empty() {
            problems.extend(self.keeper.forget().err());
        }
        problems
    }
}
