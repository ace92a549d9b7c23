//! What queued messages cost, and whom they come from: nobody fills the relay up
//! to the last place while others need some.

use super::Broker;
use crate::queue::ConnectionId;
use crate::queue::backlog::Entry;
use std::collections::HashMap;

/// Memory of a queued message beside its body and properties, roughly.
const ENTRY_COST: u64 = 400;
/// Of each bound, one part in so many is kept for those who have little.
const RESERVE: u64 = 8;

/// Messages and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub messages: u64,
    pub bytes: u64,
}

/// What is queued of each connection, also of one that is gone; connection 0
/// stands for all before the last restart.
#[derive(Debug, Default)]
pub(crate) struct Origins(HashMap<ConnectionId, Amount>);

impl Origins {
    pub fn of(&self, connection: ConnectionId) -> Amount {
        self.0.get(&connection).copied().unwrap_or_default()
    }

    pub fn add(&mut self, connection: ConnectionId, bytes: u64) {
        let amount = self.0.entry(connection).or_default();
        amount.messages += 1;
        amount.bytes += bytes;
    }

    pub fn remove(&mut self, connection: ConnectionId, bytes: u64) {
        if let Some(amount) = self.0.get_mut(&connection) {
            amount.messages -= 1;
            amount.bytes -= bytes;
            if amount.messages == 0 {
                self.0.remove(&connection);
            }
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Whether `more` fits below `most` beside the `present`, for a sender that has
/// `own` of these already. The last part of the room is for others as soon as
/// there are any and the sender has half of it all.
pub(super) fn fits(present: u64, own: u64, more: u64, most: u64, others: bool) -> bool {
    let sum = present.saturating_add(more);
    let modest = own.saturating_add(more) <= most / 2;
    sum <= most && (modest || !others || sum <= most - most / RESERVE)
}

impl Broker {
    /// Takes note of a message that enters a queue.
    pub(super) fn count_in(&mut self, entry: &Entry) {
        self.messages += 1;
        self.origins.add(entry.publisher, entry.length);
        self.queued_memory += memory(entry);
        self.look_at_memory();
    }

    /// The opposite.
    pub(super) fn uncount(&mut self, entry: &Entry) {
        self.messages -= 1;
        self.origins.remove(entry.publisher, entry.length);
        self.queued_memory -= memory(entry);
        self.look_at_memory();
    }

    fn look_at_memory(&mut self) {
        let high = self.limits.memory_high_bytes;
        // Publishers go on when there is some room, not for each message.
        let short = if self.short_of_memory {
            self.queued_memory > high - high / RESERVE
        } else {
            self.queued_memory > high
        };
        if short != self.short_of_memory {
            self.short_of_memory = short;
            self.alarms.set_memory(short);
        }
    }
}

/// The same for as long as the message lives.
fn memory(entry: &Entry) -> u64 {
    let body = entry.body.as_ref().map_or(0, |_| entry.length);
    let envelope = &entry.envelope;
    ENTRY_COST + body + (envelope.properties.len() + envelope.routing_key.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_is_for_those_who_have_little() {
        // Alone, one may fill everything.
        assert!(fits(99, 99, 1, 100, false));
        assert!(!fits(100, 100, 1, 100, false));
        // With others around, the greedy stop earlier and the modest do not.
        assert!(fits(87, 87, 1, 100, true));
        assert!(!fits(88, 88, 1, 100, true));
        assert!(fits(88, 10, 1, 100, true));
        assert!(fits(99, 49, 1, 100, true));
        assert!(!fits(100, 0, 1, 100, true));
        // Tiny bounds have no part to keep.
        assert!(fits(2, 2, 1, 3, true));
        assert!(!fits(u64::MAX, 0, 1, u64::MAX - 1, true));
    }

    #[test]
    fn origins_are_forgotten_with_their_last_message() {
        let mut origins = Origins::default();
        origins.add(7, 10);
        origins.add(7, 0);
        assert_eq!(
            origins.of(7),
            Amount {
                messages: 2,
                bytes: 10
            }
        );
        origins.remove(7, 10);
        origins.remove(7, 0);
        assert!(origins.0.is_empty());
        assert_eq!(origins.of(7), Amount::default());
    }
}
