//! Refusals, of which anybody who can reach the relay may cause any number:
//! equal ones within a minute are one line and a count, and so are those beyond
//! a number of different ones.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use mig_protocol::Time;
use sha2::{Digest, Sha256};

use super::entry::{Entry, Refused};

/// Time for which equal refusals are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// Different refusals with lines of their own in that time.
const DIFFERENT: usize = 32;

/// The refusals of the current minute.
#[derive(Default)]
pub(super) struct Refusals {
    since: Option<Time>,
    known: HashMap<[u8; 32], Repeated>,
    others: BTreeMap<String, (u64, Time)>,
}

struct Repeated {
    like: Refused,
    /// Beyond the first.
    count: u64,
    first: Time,
}

impl Refusals {
    /// Takes one refusal; returns the lines to be written now.
    pub(super) fn take(&mut self, refused: Refused, now: Time) -> Vec<Entry> {
        let mut lines = self.due(now);
        self.since.get_or_insert(now);
        let key = key(&refused);
        if let Some(known) = self.known.get_mut(&key) {
            if known.count == 0 {
                known.first = now;
            }
            known.count += 1;
        } else if self.known.len() < DIFFERENT {
            self.known.insert(
                key,
                Repeated {
                    like: refused.clone(),
                    count: 0,
                    first: now,
                },
            );
            lines.push(Entry::Refused(Box::new(refused)));
        } else {
            self.others.entry(refused.kind).or_insert((0, now)).0 += 1;
        }
        lines
    }

    /// The counts of a minute that is over.
    pub(super) fn due(&mut self, now: Time) -> Vec<Entry> {
        match self.since {
            // A clock that was set back ends the minute as well.
            Some(since) if now < since || now.since(since) >= WINDOW => self.all(),
            _ => Vec::new(),
        }
    }

    /// All counts.
    pub(super) fn all(&mut self) -> Vec<Entry> {
        self.since = None;
        let mut repeated: Vec<Repeated> = self
            .known
            .drain()
            .map(|(_, repeated)| repeated)
            .filter(|repeated| repeated.count > 0)
            .collect();
        repeated.sort_by_key(|repeated| repeated.first);
        let mut lines: Vec<Entry> = repeated
            .into_iter()
            .map(|repeated| {
                let mut refused = repeated.like;
                refused.count = repeated.count;
                refused.since = repeated.first.to_utc().to_string();
                Entry::Refused(Box::new(refused))
            })
            .collect();
        for (kind, (count, first)) in std::mem::take(&mut self.others) {
            lines.push(Entry::Refused(Box::new(Refused {
                kind,
                reason: "too many different refusals at one time; these are only counted".into(),
                count,
                since: first.to_utc().to_string(),
                claimed: None,
            })));
        }
        lines
    }

    /// Whether something is counted that no line tells of yet.
    pub(super) fn pending(&self) -> u64 {
        self.known.values().map(|known| known.count).sum::<u64>()
            + self.others.values().map(|(count, _)| count).sum::<u64>()
    }
}

/// What makes refusals equal: everything but identifiers, which whoever sends
/// them counts up, and the time of day in a reason.
fn key(refused: &Refused) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    part(&refused.kind);
    if refused.kind != "time" {
        part(&refused.reason);
    }
    if let Some(claimed) = &refused.claimed {
        part(&claimed.action.name);
        part(&claimed.action.target);
        for module in &claimed.modules {
            part(module);
        }
        part(&claimed.asked.sha256);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::entry::Claims;

    fn refused(kind: &str, name: &str, command: u64) -> Refused {
        let mut claimed = Claims {
            command: command.to_string(),
            ..Claims::default()
        };
        claimed.action.name = name.into();
        Refused {
            kind: kind.into(),
            reason: format!("{kind}!"),
            count: 1,
            since: String::new(),
            claimed: Some(claimed),
        }
    }

    fn counts(lines: &[Entry]) -> Vec<(String, u64)> {
        lines
            .iter()
            .map(|line| match line {
                Entry::Refused(refused) => (refused.kind.clone(), refused.count),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn equal_ones_are_one_line_and_a_count() {
        let mut refusals = Refusals::default();
        let start = Time::from_unix(1000);
        assert_eq!(refusals.take(refused("acl", "a", 1), start).len(), 1);
        for command in 2..100 {
            let now = start + Duration::from_millis(command);
            assert!(refusals.take(refused("acl", "a", command), now).is_empty());
        }
        assert_eq!(refusals.take(refused("acl", "b", 100), start).len(), 1);
        assert_eq!(refusals.pending(), 98);
        let later = start + WINDOW;
        assert_eq!(counts(&refusals.due(later)), [("acl".to_owned(), 98)]);
        assert_eq!(refusals.pending(), 0);
        // The next minute begins with a line again.
        assert_eq!(refusals.take(refused("acl", "a", 101), later).len(), 1);
    }

    #[test]
    fn a_flood_of_different_ones_is_counted_by_kind() {
        let mut refusals = Refusals::default();
        let now = Time::from_unix(1000);
        let lines: usize = (0..10_000)
            .map(|number| {
                let kind = ["acl", "target"][number % 2];
                let refused = refused(kind, &number.to_string(), number as u64);
                refusals.take(refused, now).len()
            })
            .sum();
        assert_eq!(lines, DIFFERENT);
        let rest = counts(&refusals.all());
        assert_eq!(
            rest.iter().map(|(_, count)| count).sum::<u64>() + lines as u64,
            10_000
        );
        assert_eq!(rest.len(), 2);
    }

    #[test]
    fn a_clock_set_back_does_not_hold_counts_back() {
        let mut refusals = Refusals::default();
        refusals.take(refused("acl", "a", 1), Time::from_unix(1000));
        refusals.take(refused("acl", "a", 2), Time::from_unix(1000));
        assert_eq!(refusals.due(Time::from_unix(500)).len(), 1);
    }
}
