//! One persistent module as the agent sees it: where it stands, and what the
//! owner of the machine is shown of it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mig_host::{Cancel, Mailbox, ServiceEvent};
use mig_protocol::Time;
use serde_json::Value;

/// After an end a module has to run for so long until heartbeats call it healthy
/// again: one that comes and goes shall look like that, and not like another
/// agent each time.
const HEALTHY: Duration = Duration::from_secs(600);
/// How often somebody who waits looks whether it was called off.
const LOOK: Duration = Duration::from_millis(100);
/// Longest reason in a heartbeat, in characters.
const REASON: usize = 200;
/// Longest line of what a module reports, in characters.
const REPORTED: usize = 2000;

/// Where a module stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody has looked yet.
    Unknown,
    /// Nobody wants it: it has no configuration file.
    NotConfigured,
    /// Its configuration file makes no sense, or it cannot be prepared.
    Misconfigured(String),
    /// Its worker is on its way.
    Starting,
    /// It answers.
    Running,
    /// Its worker has ended; another one comes.
    Restarting {
        /// Why it ended.
        reason: String,
        /// When the next comes.
        again: Time,
    },
    /// It was told to end.
    Stopped(String),
}

/// A persistent module.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: Arc<str>,
    pub(crate) takes_alerts: bool,
    pub(crate) mailbox: Mailbox,
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Debug)]
struct Seen {
    state: State,
    /// A remark on a configuration file that came after the module was started.
    remark: Option<String>,
    pid: Option<i32>,
    restarts: u64,
    last_end: Option<(Time, String)>,
    /// When the worker that runs took up its work.
    ready: Option<Instant>,
    failed: bool,
    reported: Vec<(String, String)>,
    alerts_dropped: u64,
    lines_left_out: u64,
}

impl Slot {
    pub(crate) fn new(name: &str, takes_alerts: bool, mailbox: Mailbox) -> Self {
        Self {
            name: name.into(),
            takes_alerts,
            mailbox,
            seen: Mutex::new(Seen {
                state: State::Unknown,
                remark: None,
                pid: None,
                restarts: 0,
                last_end: None,
                ready: None,
                failed: false,
                reported: Vec::new(),
                alerts_dropped: 0,
                lines_left_out: 0,
            }),
            changed: Condvar::new(),
        }
    }

    /// Moves on to a state that no worker is in or comes to; true when it is a
    /// new one.
    pub(crate) fn set(&self, state: State) -> bool {
        let mut seen = self.lock();
        let new = seen.state != state;
        seen.state = state;
        seen.remark = None;
        seen.pid = None;
        seen.ready = None;
        seen.failed = false;
        seen.reported.clear();
        self.changed.notify_all();
        new
    }

    /// Notes that the file as it is now is not what the module runs with; true
    /// when that is new.
    pub(crate) fn remark(&self, remark: Option<String>) -> bool {
        let mut seen = self.lock();
        let new = seen.remark != remark;
        seen.remark = remark;
        new
    }

    /// Whether it takes queries and alerts.
    pub(crate) fn is_running(&self) -> bool {
        self.lock().state == State::Running
    }

    /// Waits while the module is on its way for the first time, at most so long
    /// and not when `cancel` is thrown: right after the agent's start a question
    /// shall not fail for being early.
    pub(crate) fn wait_for_start(&self, longest: Duration, cancel: &Cancel) {
        let end = Instant::now() + longest;
        let mut seen = self.lock();
        let coming =
            |seen: &Seen| matches!(seen.state, State::Unknown | State::Starting) && !seen.failed;
        while coming(&seen) && Instant::now() < end && !cancel.is_cancelled() {
            seen = self
                .changed
                .wait_timeout(seen, LOOK)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Keeps what happened.
    pub(crate) fn note(&self, event: &ServiceEvent) {
        let mut seen = self.lock();
        match event {
            ServiceEvent::Started { pid } => {
                seen.pid = Some(*pid);
                seen.state = State::Starting;
            }
            ServiceEvent::Ready => {
                seen.state = State::Running;
                seen.ready = Some(Instant::now());
            }
            ServiceEvent::Status(status) => seen.reported = flat(status),
            ServiceEvent::AlertsDropped { count, .. } => seen.alerts_dropped += count,
            ServiceEvent::LogsLeftOut(count) => seen.lines_left_out += count,
            ServiceEvent::Renewed { .. } => {
                seen.pid = None;
                seen.ready = None;
                seen.restarts += 1;
                seen.state = State::Starting;
            }
            ServiceEvent::Ended { reason, again } => {
                let now = Time::now();
                seen.pid = None;
                seen.ready = None;
                seen.last_end = Some((now, reason.clone()));
                seen.state = match again {
                    Some(pause) => {
                        seen.restarts += 1;
                        seen.failed = true;
                        State::Restarting {
                            reason: reason.clone(),
                            again: now + *pause,
                        }
                    }
                    None => State::Stopped(reason.clone()),
                };
            }
            ServiceEvent::Sandbox(_) | ServiceEvent::Stored(_) | ServiceEvent::Log { .. } => {}
        }
        self.changed.notify_all();
    }

    /// Why it takes no queries, when nothing runs that could say so itself.
    pub(crate) fn why_not(&self, file: &str, privacy: bool) -> Option<String> {
        match &self.lock().state {
            State::Unknown => Some("the agent has only just started".to_owned()),
            State::NotConfigured => Some(format!("there is no {file}")),
            // The line quotes the file.
            State::Misconfigured(_) if privacy => Some(format!("{file} is not accepted")),
            State::Misconfigured(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    /// How heartbeats describe it; none when it is not enabled. With `privacy`
    /// no word of the module or of its file is in it.
    pub(crate) fn in_heartbeat(&self, privacy: bool) -> Option<String> {
        let seen = self.lock();
        let because = |word: &str, reason: &str| {
            if privacy {
                return word.to_owned();
            }
            let reason: String = reason.chars().take(REASON).collect();
            format!("{word}: {reason}")
        };
        let failing = |seen: &Seen| match &seen.last_end {
            Some((_, reason)) => because("failing", reason),
            None => "failing".to_owned(),
        };
        match &seen.state {
            State::Unknown | State::NotConfigured | State::Stopped(_) => None,
            State::Misconfigured(reason) => Some(because("misconfigured", reason)),
            State::Restarting { .. } => Some(failing(&seen)),
            State::Starting if seen.failed => Some(failing(&seen)),
            State::Starting => Some("starting".to_owned()),
            State::Running => {
                let healthy =
                    !seen.failed || seen.ready.is_some_and(|since| since.elapsed() >= HEALTHY);
                Some(if healthy {
                    "running".to_owned()
                } else {
                    failing(&seen)
                })
            }
        }
    }

    /// Rows of the status page: what, and how it is.
    pub(crate) fn rows(&self, file: &str) -> Vec<(String, String)> {
        let seen = self.lock();
        let state = match &seen.state {
            State::Unknown => "not looked at yet".to_owned(),
            State::NotConfigured => format!("not configured: there is no {file}"),
            State::Misconfigured(reason) => format!("misconfigured: {reason}"),
            State::Starting => "starting".to_owned(),
            State::Running => "running".to_owned(),
            State::Restarting { again, .. } => format!("restarting at {again}"),
            State::Stopped(_) => "stopped".to_owned(),
        };
        let mut rows = vec![("state".to_owned(), state)];
        let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
        if let Some(remark) = &seen.remark {
            row(
                "configuration",
                format!("runs with an earlier one: {remark}"),
            );
        }
        if let Some(pid) = seen.pid {
            row("pid", pid.to_string());
        }
        if !matches!(
            seen.state,
            State::Unknown | State::NotConfigured | State::Misconfigured(_)
        ) {
            row("restarts", seen.restarts.to_string());
        }
        if let Some((at, reason)) = &seen.last_end {
            row("last end", format!("{at}: {reason}"));
        }
        for (name, count) in [
            ("alerts dropped", seen.alerts_dropped),
            ("log lines left out", seen.lines_left_out),
        ] {
            if count > 0 {
                row(name, count.to_string());
            }
        }
        rows.extend(seen.reported.iter().cloned());
        rows
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a module reports, for display: its own words, cut short.
fn flat(status: &Value) -> Vec<(String, String)> {
    let members = status.as_object().into_iter().flatten();
    members
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.clone(), value.chars().take(REPORTED).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slot() -> Slot {
        Slot::new("audit", false, Mailbox::new().unwrap())
    }

    fn ended(reason: &str) -> ServiceEvent {
        ServiceEvent::Ended {
            reason: reason.into(),
            again: Some(Duration::from_secs(1)),
        }
    }

    #[test]
    fn a_heartbeat_tells_of_what_is_enabled_and_how_it_does() {
        let (slot, renewed) = (slot(), slot());
        assert_eq!(slot.in_heartbeat(false), None);
        slot.set(State::Misconfigured("audit.cfg: line 2: x".into()));
        let said = |privacy| slot.in_heartbeat(privacy).unwrap();
        assert_eq!(said(false), "misconfigured: audit.cfg: line 2: x");
        assert_eq!(said(true), "misconfigured");
        slot.set(State::Starting);
        slot.note(&ServiceEvent::Started { pid: 7 });
        assert_eq!(said(false), "starting");
        slot.note(&ServiceEvent::Ready);
        assert_eq!(said(false), "running");
        slot.note(&ended("it crashed"));
        assert_eq!(said(false), "failing: it crashed");
        // A new start for the sake of a file is no failure.
        renewed.note(&ServiceEvent::Ready);
        renewed.note(&ServiceEvent::Renewed {
            path: "/etc/hosts".into(),
        });
        assert_eq!(renewed.in_heartbeat(false).unwrap(), "starting");
        renewed.note(&ServiceEvent::Ready);
        assert_eq!(renewed.in_heartbeat(false).unwrap(), "running");
        // Up again, but not yet for long.
        slot.note(&ServiceEvent::Started { pid: 8 });
        slot.note(&ServiceEvent::Ready);
        assert_eq!(said(false), "failing: it crashed");
        assert_eq!(said(true), "failing");
    }

    #[test]
    fn who_asks_early_waits_for_the_start_and_no_longer() {
        let slot = Arc::new(slot());
        let asking = Arc::clone(&slot);
        let asker = std::thread::spawn(move || {
            asking.wait_for_start(Duration::from_secs(60), &Cancel::new());
            asking.is_running()
        });
        slot.set(State::Starting);
        slot.note(&ServiceEvent::Ready);
        assert!(asker.join().unwrap());
        // One that has failed before is not waited for, nor is one that nobody
        // asks any more.
        slot.note(&ended("it crashed"));
        slot.note(&ServiceEvent::Started { pid: 8 });
        slot.wait_for_start(Duration::from_secs(3600), &Cancel::new());
        slot.set(State::Starting);
        let cancel = Cancel::new();
        cancel.cancel();
        slot.wait_for_start(Duration::from_secs(3600), &cancel);
        slot.wait_for_start(Duration::from_millis(1), &Cancel::new());
        assert!(!slot.is_running());
    }

    #[test]
    fn the_owner_sees_state_ends_and_what_the_module_reports() {
        let slot = slot();
        slot.set(State::NotConfigured);
        let rows = slot.rows("/etc/mig/audit.cfg");
        assert_eq!(
            rows,
            [(
                "state".into(),
                "not configured: there is no /etc/mig/audit.cfg".into()
            )]
        );
        slot.set(State::Starting);
        slot.note(&ServiceEvent::Started { pid: 7 });
        slot.note(&ServiceEvent::Ready);
        slot.note(&ServiceEvent::Status(json!({"lost": 3, "rules": "two"})));
        slot.note(&ServiceEvent::AlertsDropped {
            count: 2,
            reason: "no objects".into(),
        });
        let text = format!("{:?}", slot.rows("f"));
        for part in [
            r#"("pid", "7")"#,
            r#"("restarts", "0")"#,
            r#"("lost", "3")"#,
            r#"("rules", "two")"#,
            r#"("alerts dropped", "2")"#,
        ] {
            assert!(text.contains(part), "{text}");
        }
        slot.note(&ended("it crashed"));
        let text = format!("{:?}", slot.rows("f"));
        assert!(
            text.contains("it crashed") && text.contains("restarting at"),
            "{text}"
        );
        assert!(text.contains(r#"("restarts", "1")"#), "{text}");
    }
}
