//! Answers on their way to the relay.

use std::sync::Arc;

use super::Agent;
use crate::answer;
use crate::journal::{EntryId, Totals};

impl Agent {
    /// Answers may have been stored.
    pub(crate) fn answers_waiting(&self) {
        self.answers.notify_one();
    }

    /// Keeps the count of unsent answers current, after a change of the journal.
    pub(crate) fn count_unsent(&self, totals: Totals) {
        self.unsent.send_replace(totals.unsent);
    }

    /// The oldest answer that was not sent yet; waits for one.
    pub(crate) async fn next_answer(self: &Arc<Self>) -> (EntryId, Vec<u8>) {
        loop {
            let agent = Arc::clone(self);
            let next = tokio::task::spawn_blocking(move || agent.oldest_answer()).await;
            if let Ok(Some(next)) = next {
                return next;
            }
            self.answers.notified().await;
        }
    }

    fn oldest_answer(&self) -> Option<(EntryId, Vec<u8>)> {
        let mut journal = self.journal();
        while let Some(entry) = journal.next_unsent(None) {
            match journal.answer(entry) {
                Ok(Some(answer)) => return Some((entry, answer)),
                Ok(None) => journal.sent(entry, self.now().unix_seconds()),
                Err(error) => {
                    tracing::error!("a stored result is lost: {error}");
                    journal.sent(entry, self.now().unix_seconds());
                }
            }
        }
        self.count_unsent(journal.totals());
        None
    }

    /// The relay has it.
    pub(crate) fn answer_sent(&self, entry: EntryId) {
        let mut journal = self.journal();
        journal.sent(entry, self.now().unix_seconds());
        self.count_unsent(journal.totals());
        drop(journal);
        tracing::debug!("the relay has a result");
        self.worked.notify_one();
    }

    /// The relay will never take this answer: a notice takes its place.
    pub(crate) fn give_up(&self, entry: EntryId, reason: &str) {
        tracing::error!("a result is dropped, the relay does not accept it: {reason}");
        let own = self.record();
        let mut journal = self.journal();
        journal.shorten(entry, &|command| {
            self.record_unsent(command, reason);
            answer::dropped(command, reason, &own)
        });
        self.count_unsent(journal.totals());
    }
}
