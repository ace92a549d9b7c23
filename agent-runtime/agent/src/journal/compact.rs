//! Reading the file at start and rewriting it without its history.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use super::Journal;
use super::entry::{Answer, Body, Entry};
use super::record::{self, Head, Kind, Source, Span};

/// A smaller file is not worth rewriting.
pub(super) const WORTH_IT: u64 = 1 << 20;

impl Journal {
    /// Replays the file into memory.
    pub(super) fn load(&mut self) -> io::Result<()> {
        let size = self.file.metadata()?.len();
        let mut at = 0;
        while at < size {
            if let Some((head, span)) = record::read_head(&self.file, at, size)? {
                self.replay(&head, span);
                at += record::record_size(span.length as usize);
                continue;
            }
            // A torn last record, or damage with good records behind it.
            let mut next = at;
            loop {
                next = record::next_marker(&self.file, next + 1, size)?;
                if next >= size || record::read_head(&self.file, next, size)?.is_some() {
                    break;
                }
            }
            if next >= size {
                self.condition.torn = size - at;
                break;
            }
            self.condition.damaged += next - at;
            at = next;
        }
        self.end = at;
        if at < size {
            self.file.set_len(at)?;
        }
        Ok(())
    }

    fn replay(&mut self, head: &Head, span: Span) {
        self.next = self.next.max(head.entry + 1);
        match head.kind {
            Kind::Accepted => {
                self.keys.insert(head.key, head.entry);
                self.entries.insert(
                    head.entry,
                    Entry {
                        id: head.id,
                        key: Some(head.key),
                        until: head.until,
                        command: Body::Stored(span),
                        started: Vec::new(),
                        answer: None,
                        over_since: None,
                    },
                );
            }
            Kind::Started => {
                if let Some(entry) = self.entries.get_mut(&head.entry) {
                    entry.started.push(head.number);
                }
            }
            Kind::Finished => {
                let entry = self.entries.entry(head.entry).or_insert_with(|| Entry {
                    id: head.id,
                    key: None,
                    until: 0,
                    command: Body::Held(Vec::new()),
                    started: Vec::new(),
                    answer: None,
                    over_since: None,
                });
                entry.answer = Some(Answer {
                    body: Some(Body::Stored(span)),
                    sent: false,
                    short: head.number != 0,
                });
            }
            Kind::Sent => {
                let kept = self.kept_bytes();
                if let Some(entry) = self.entries.get_mut(&head.entry) {
                    // A rewritten file says "sent" of answers it left out.
                    entry.answer.get_or_insert(Answer {
                        body: None,
                        sent: true,
                        short: false,
                    });
                    entry.mark_sent(kept);
                    if entry.key.is_none() {
                        entry.until = i64::MIN;
                    }
                }
            }
            Kind::Dropped => self.dropped = self.dropped.max(head.id),
        }
    }

    /// Bytes the file would have after a rewrite.
    pub(super) fn live_size(&self) -> u64 {
        let mut size = record::record_size(0);
        for entry in self.entries.values() {
            if entry.key.is_some() {
                size += record::record_size(entry.command.length());
            }
            size += entry.started.len() as u64 * record::record_size(0);
            if let Some(answer) = &entry.answer {
                if let Some(body) = &answer.body {
                    size += record::record_size(body.length());
                }
                if answer.sent {
                    size += record::record_size(0);
                }
            }
        }
        size
    }

    /// Writes a new file with what is still needed and puts it in place.
    pub(super) fn compact(&mut self) -> io::Result<()> {
        if self.end == self.live && self.condition.damaged == 0 {
            return Ok(());
        }
        let path = self.path.with_extension("journal.new");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        let mut end = 0;
        let mut places = Vec::with_capacity(self.entries.len());
        let mut put = |head: &Head, source: &Source<'_>, length: usize| {
            let span = record::write(&file, end, head, source)?;
            end += record::record_size(length);
            Ok::<_, io::Error>(span)
        };
        let mut head = self.head(Kind::Dropped, 0);
        head.id = self.dropped;
        put(&head, &Source::Bytes(&[]), 0)?;
        for (number, entry) in &self.entries {
            let mut moved = Moved::default();
            if let Some(key) = entry.key {
                let mut head = self.head(Kind::Accepted, *number);
                head.id = entry.id;
                head.until = entry.until;
                head.key = key;
                moved.command = Some(put(
                    &head,
                    &source(&self.file, &entry.command),
                    entry.command.length(),
                )?);
            }
            for operation in &entry.started {
                let mut head = self.head(Kind::Started, *number);
                head.number = *operation;
                put(&head, &Source::Bytes(&[]), 0)?;
            }
            if let Some(answer) = &entry.answer {
                if let Some(body) = &answer.body {
                    let mut head = self.head(Kind::Finished, *number);
                    head.id = entry.id;
                    head.number = u32::from(answer.short);
                    moved.answer = Some(put(&head, &source(&self.file, body), body.length())?);
                }
                if answer.sent {
                    put(&self.head(Kind::Sent, *number), &Source::Bytes(&[]), 0)?;
                }
            }
            places.push(moved);
        }
        file.sync_all()?;
        std::fs::rename(&path, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        for (entry, moved) in self.entries.values_mut().zip(places) {
            if let Some(span) = moved.command {
                entry.command = Body::Stored(span);
            }
            if let (Some(span), Some(answer)) = (moved.answer, &mut entry.answer) {
                answer.body = Some(Body::Stored(span));
            }
        }
        self.file = file;
        self.end = end;
        self.live = end;
        Ok(())
    }
}

/// Where an entry's documents lie in the new file.
#[derive(Default)]
struct Moved {
    command: Option<Span>,
    answer: Option<Span>,
}

fn source<'a>(file: &'a File, body: &'a Body) -> Source<'a> {
    match body {
        Body::Stored(span) => Source::File(file, *span),
        Body::Held(bytes) => Source::Bytes(bytes),
    }
}
