//! The way of an alert: from the module that raised it to the one that takes
//! alerts, or to the log when none does.
//!
//! An alert is kept until the taker says that it is in safe keeping, and handed
//! over again when the taker ended before that. What waits is bounded for each
//! source: one whose share is used up has to wait itself, and the others do not
//! suffer for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mig_host::ForwardedAlert;

use super::alert_log::AlertLog;

/// Bytes one source may have waiting. A single alert may be larger.
pub(crate) const SHARE: usize = 1 << 20;
/// Where alerts go that no module takes.
const LOG: &str = "log";
/// Where they go when they are too many for it.
const NOWHERE: &str = "nowhere, too many for the log";
/// What an alert costs beside its text.
const OVERHEAD: usize = 128;

/// How many there were, for the owner's eyes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Raised by modules.
    pub(crate) raised: u64,
    /// In safe keeping with the taker.
    pub(crate) stored: u64,
    /// Waiting for it.
    pub(crate) waiting: u64,
    /// Bytes of those.
    pub(crate) waiting_bytes: usize,
    /// Written to the log.
    pub(crate) logged: u64,
    /// Neither: too many for the log.
    pub(crate) left_out: u64,
}

/// Wakes the thread of a module: there is room for its alerts again, or another
/// one for it.
type Wake = Box<dyn Fn(&str) + Send + Sync>;

/// All alerts of an agent.
pub(crate) struct Alerts {
    state: Mutex<State>,
    wake: Wake,
}

struct State {
    /// The module that takes alerts; while it does not run they wait for it.
    /// Without one they go to the log.
    taker: Option<Arc<str>>,
    next: u64,
    /// Not stored yet, in the order of their numbers, which have no gaps.
    queue: VecDeque<Alert>,
    /// Bytes that wait, by source.
    used: BTreeMap<Arc<str>, usize>,
    /// Sources that were told to wait.
    held_up: BTreeSet<Arc<str>>,
    counts: Counts,
    log: AlertLog,
}

struct Alert {
    number: u64,
    source: Arc<str>,
    text: Box<str>,
}

impl Alert {
    fn cost(&self) -> usize {
        cost(&self.text)
    }
}

fn cost(text: &str) -> usize {
    text.len() + OVERHEAD
}

impl Alerts {
    pub(crate) fn new(wake: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            state: Mutex::new(State {
                taker: None,
                next: 1,
                queue: VecDeque::new(),
                used: BTreeMap::new(),
                held_up: BTreeSet::new(),
                counts: Counts::default(),
                log: AlertLog::new(Instant::now()),
            }),
            wake: Box::new(wake),
        }
    }

    /// Takes an alert, and says where it goes. None when the source's share is
    /// used up: it is woken when there is room.
    pub(crate) fn raise(&self, source: &str, text: &str) -> Option<Arc<str>> {
        let mut state = self.lock();
        let Some(taker) = state.taker.clone() else {
            state.counts.raised += 1;
            let written = state.put_in_log(text);
            return Some(if written { LOG } else { NOWHERE }.into());
        };
        let source: Arc<str> = match state.used.get_key_value(source) {
            Some((known, _)) => Arc::clone(known),
            None => source.into(),
        };
        let used = state.used.entry(Arc::clone(&source)).or_default();
        if *used > 0 && *used + cost(text) > SHARE {
            state.held_up.insert(source);
            return None;
        }
        *used += cost(text);
        let number = state.next;
        state.next += 1;
        state.counts.raised += 1;
        state.queue.push_back(Alert {
            number,
            source,
            text: text.into(),
        });
        drop(state);
        (self.wake)(&taker);
        Some(taker)
    }

    /// The first alert that is not stored and has a number above `last`.
    pub(crate) fn after(&self, last: Option<u64>) -> Option<ForwardedAlert> {
        let state = self.lock();
        let first = state.queue.front()?.number;
        let behind = last.map_or(0, |last| (last + 1).saturating_sub(first));
        let alert = state.queue.get(usize::try_from(behind).ok()?)?;
        Some(ForwardedAlert {
            number: alert.number,
            source: alert.source.to_string(),
            text: alert.text.to_string(),
        })
    }

    /// The taker has everything up to this number in safe keeping.
    pub(crate) fn stored(&self, number: u64) {
        let mut state = self.lock();
        while let Some(alert) = state.queue.front()
            && alert.number <= number
            && let Some(alert) = state.queue.pop_front()
        {
            state.counts.stored += 1;
            if let Some(used) = state.used.get_mut(&alert.source) {
                *used = used.saturating_sub(alert.cost());
            }
        }
        if state.queue.is_empty() {
            // A burst shall not weigh on for ever.
            state.queue.shrink_to(64);
        }
        self.let_on(state);
    }

    /// Sets who takes alerts. What waits for a module that will not come goes
    /// to the log.
    pub(crate) fn set_taker(&self, taker: Option<&str>) {
        let mut state = self.lock();
        if state.taker.as_deref() == taker {
            return;
        }
        state.taker = taker.map(Arc::from);
        if taker.is_none() {
            for alert in std::mem::take(&mut state.queue) {
                state.put_in_log(&alert.text);
            }
            state.used.clear();
        }
        self.let_on(state);
    }

    /// How many there were until now.
    pub(crate) fn counts(&self) -> Counts {
        let mut state = self.lock();
        state.log.speak(Instant::now());
        Counts {
            waiting: state.queue.len() as u64,
            waiting_bytes: state.queue.iter().map(Alert::cost).sum(),
            left_out: state.log.left_out_in_all(),
            ..state.counts
        }
    }

    /// The agent ends: says what is lost with it, and returns how many of which
    /// source.
    pub(crate) fn close(&self) -> BTreeMap<Arc<str>, u64> {
        let mut state = self.lock();
        state.log.confess();
        let mut lost = BTreeMap::<Arc<str>, u64>::new();
        for alert in &state.queue {
            *lost.entry(Arc::clone(&alert.source)).or_default() += 1;
        }
        if !lost.is_empty() {
            tracing::error!(
                "{} alerts are lost with the end of the agent: no module had them in safe keeping",
                state.queue.len()
            );
        }
        lost
    }

    /// Wakes the sources that had to wait and have room now.
    fn let_on(&self, mut state: MutexGuard<'_, State>) {
        let waiting = std::mem::take(&mut state.held_up);
        drop(state);
        for source in waiting {
            (self.wake)(&source);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes an alert to the log; false when there were too many.
    fn put_in_log(&mut self, text: &str) -> bool {
        let written = self.log.write(text, Instant::now());
        if written {
            self.counts.logged += 1;
        }
        written
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alerts for `dispatch`, and who was woken.
    fn alerts() -> (Alerts, Arc<Mutex<Vec<String>>>) {
        let woken = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&woken);
        let alerts = Alerts::new(move |name| seen.lock().unwrap().push(name.to_owned()));
        alerts.set_taker(Some("dispatch"));
        (alerts, woken)
    }

    fn all(alerts: &Alerts) -> Vec<(u64, String)> {
        let mut last = None;
        std::iter::from_fn(|| {
            let alert = alerts.after(last)?;
            last = Some(alert.number);
            Some((alert.number, alert.text))
        })
        .collect()
    }

    #[test]
    fn what_was_not_stored_is_handed_over_again_in_order() {
        let (alerts, woken) = alerts();
        for text in ["a", "b", "c"] {
            assert!(alerts.raise("audit", text).is_some());
        }
        assert_eq!(*woken.lock().unwrap(), ["dispatch"; 3]);
        let wanted = [(1, "a".to_owned()), (2, "b".into()), (3, "c".into())];
        assert_eq!(all(&alerts), wanted);
        alerts.stored(1);
        assert!(alerts.raise("fswatch", "d").is_some());
        // As after a restart of the taker.
        let wanted = [(2, "b".to_owned()), (3, "c".into()), (4, "d".into())];
        assert_eq!(all(&alerts), wanted);
        assert_eq!(alerts.after(Some(0)).unwrap().number, 2);
        assert_eq!(alerts.after(Some(4)), None);
        alerts.stored(4);
        let counts = alerts.counts();
        assert_eq!((counts.raised, counts.stored, counts.waiting), (4, 4, 0));
    }

    #[test]
    fn a_source_waits_when_its_share_is_used_up_and_others_do_not() {
        let (alerts, woken) = alerts();
        let half = "x".repeat(SHARE / 2);
        assert!(alerts.raise("audit", &half).is_some());
        assert_eq!(alerts.raise("audit", &half), None);
        assert!(alerts.raise("fswatch", "y").is_some());
        woken.lock().unwrap().clear();
        alerts.stored(1);
        assert_eq!(*woken.lock().unwrap(), ["audit"]);
        assert!(alerts.raise("audit", &half).is_some());
    }

    #[test]
    fn an_alert_larger_than_the_share_goes_through_alone() {
        let (alerts, _) = alerts();
        assert!(alerts.raise("audit", &"x".repeat(SHARE * 2)).is_some());
        assert_eq!(alerts.raise("audit", "x"), None);
        alerts.stored(1);
        assert!(alerts.raise("audit", "x").is_some());
    }

    #[test]
    fn without_a_taker_everything_goes_to_the_log() {
        let (alerts, woken) = alerts();
        let half = "x".repeat(SHARE / 2);
        let went = alerts.raise("audit", &half);
        assert_eq!(went.as_deref(), Some("dispatch"));
        assert_eq!(alerts.raise("audit", &half), None);
        woken.lock().unwrap().clear();
        alerts.set_taker(None);
        assert_eq!(*woken.lock().unwrap(), ["audit"], "nobody waits in vain");
        assert!(alerts.raise("audit", &half).is_some());
        let counts = alerts.counts();
        assert_eq!((counts.logged, counts.waiting, counts.raised), (2, 0, 2));
        assert_eq!(alerts.after(None), None);
    }
}
