//! The bound on answers that wait to be sent.

use super::entry::Entry;
use super::record::Kind;
use super::{EntryId, Journal};

impl Journal {
    /// Turns the oldest unsent answers into notices until the bound holds, and
    /// drops the oldest notices where even that is not enough.
    pub(super) fn bound_spool(&mut self, notice: &dyn Fn(&[u8]) -> Vec<u8>) {
        while self.unsent_bytes() > self.spool {
            let oldest_full = self
                .unsent_entries()
                .find(|(_, entry)| entry.answer.as_ref().is_some_and(|answer| !answer.short))
                .map(|(number, _)| number);
            self.count_dropped();
            let limit = self.spool;
            match oldest_full {
                Some(number) => {
                    tracing::error!(
                        "result of journal entry {number} dropped: more than {limit} bytes of results wait for the relay"
                    );
                    self.replace_by_notice(number, notice);
                }
                None => {
                    let Some(number) = self.unsent_entries().map(|(number, _)| number).next()
                    else {
                        return;
                    };
                    tracing::error!(
                        "notice of journal entry {number} dropped: more than {limit} bytes of results wait for the relay"
                    );
                    self.drop_answer(number);
                }
            }
        }
    }

    pub(super) fn unsent_entries(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.unsent_bytes().is_some())
            .map(|(number, entry)| (*number, entry))
    }

    pub(super) fn unsent_bytes(&self) -> u64 {
        self.unsent_entries()
            .filter_map(|(_, entry)| entry.unsent_bytes())
            .sum()
    }

    pub(super) fn kept_bytes(&self) -> u64 {
        self.entries.values().map(Entry::kept_bytes).sum()
    }

    /// Turns an answer that cannot be sent into its notice; a notice that cannot
    /// be sent goes. Either is counted.
    pub fn shorten(&mut self, entry: EntryId, notice: &dyn Fn(&[u8]) -> Vec<u8>) {
        self.count_dropped();
        let full = self
            .entries
            .get(&entry.0)
            .and_then(|entry| entry.answer.as_ref())
            .is_some_and(|answer| !answer.short);
        if full {
            self.replace_by_notice(entry.0, notice);
        } else {
            self.drop_answer(entry.0);
        }
    }

    fn count_dropped(&mut self) {
        self.dropped += 1;
        let mut head = self.head(Kind::Dropped, 0);
        head.id = self.dropped;
        let _ = self.append(&head, &[]);
    }

    fn replace_by_notice(&mut self, number: u64, notice: &dyn Fn(&[u8]) -> Vec<u8>) {
        let command = self
            .entries
            .get(&number)
            .and_then(|entry| entry.command.read(&self.file).ok())
            .unwrap_or_default();
        let _ = self.store_answer(number, notice(&command), true);
    }

    fn drop_answer(&mut self, number: u64) {
        if let Some(answer) = self
            .entries
            .get_mut(&number)
            .and_then(|entry| entry.answer.as_mut())
        {
            answer.body = None;
            answer.sent = true;
        }
        let head = self.head(Kind::Sent, number);
        let _ = self.append(&head, &[]);
    }
}
