//! Records of one serial number put together.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::event::{Event, Record};
use super::execve;
use super::interpret;
use super::kinds::{AVC, BUFFERED, END, USER_AVC, belongs_to_call, from_user, kind_name};
use super::names::{Names, PasswdNames};
use super::tables;
use super::text::{self, Field};

/// How events are put together.
#[derive(Debug, Clone)]
pub struct Options {
    /// Keep the text of the records in [`Event::raw`].
    pub include_raw: bool,
    /// An event that nothing was added to for so long is finished without its
    /// end.
    pub quiet: Duration,
    /// An event is never older than this, even if more and more is added to it.
    pub longest: Duration,
    /// Most events that wait for their end; the oldest is then finished
    /// without it.
    pub waiting_events: usize,
    /// Most bytes of text that wait, of all events together.
    pub waiting_bytes: usize,
    /// Most bytes of text in one event; what comes after them is a further
    /// event of the same serial number.
    pub event_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            include_raw: false,
            quiet: Duration::from_secs(2),
            longest: Duration::from_secs(10),
            waiting_events: 1024,
            waiting_bytes: 4 * 1024 * 1024,
            event_bytes: 64 * 1024,
        }
    }
}

/// A record as it came.
struct Raw {
    kind: u16,
    text: Vec<u8>,
}

/// An event that waits for its end.
struct Waiting {
    key: Key,
    timestamp: String,
    serial: String,
    records: Vec<Raw>,
    bytes: usize,
    first: Instant,
    last: Instant,
}

/// The stamp as written: `1715934612.204:1442`.
type Key = Box<[u8]>;

/// Why an event is finished.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    End,
    Time,
    Room,
    Length,
}

/// Takes records, gives events. The caller takes the finished ones out after
/// each call with [`Assembler::next_event`]; they are not bounded here.
pub struct Assembler {
    options: Options,
    names: Box<dyn Names>,
    /// By age.
    waiting: BTreeMap<u64, Waiting>,
    ages: HashMap<Key, u64>,
    bytes: usize,
    next_age: u64,
    /// Nothing is due before this moment.
    due: Option<Instant>,
    finished: VecDeque<Event>,
    counters: Counters,
}

impl std::fmt::Debug for Assembler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Assembler")
            .field("waiting", &self.waiting.len())
            .field("finished", &self.finished.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl Assembler {
    /// Names users after `/etc/passwd`.
    pub fn new(options: Options) -> Self {
        Self::with_names(
            options,
            Box::new(PasswdNames::new(PathBuf::from("/etc/passwd"))),
        )
    }

    /// Names users as `names` says.
    pub fn with_names(options: Options, names: Box<dyn Names>) -> Self {
        Self {
            options,
            names,
            waiting: BTreeMap::new(),
            ages: HashMap::new(),
            bytes: 0,
            next_age: 0,
            due: None,
            finished: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Takes one record: the kind and the payload of a netlink message.
    pub fn record(&mut self, kind: u16, text: &[u8], now: Instant) {
        self.counters.records += 1;
        if tables::record_name(kind).is_none() {
            self.counters.unknown_kinds += 1;
        }
        let text = text::without_padding(text);
        let Some(stamp) = text::stamp(text) else {
            self.counters.malformed += 1;
            self.deliver_unreadable(kind, text, now);
            return;
        };
        if !BUFFERED.contains(&kind) {
            let (timestamp, serial) = (stamp.timestamp.to_owned(), stamp.serial.to_owned());
            let record = Raw {
                kind,
                text: text.to_vec(),
            };
            let event = self.event(timestamp, serial, vec![record], None, now);
            self.finish(event);
            return;
        }
        let inside = stamp.timestamp.len() + 1 + stamp.serial.len();
        let key = &text[b"audit(".len()..][..inside];
        let age = self.ages.get(key).copied();
        if kind == END {
            let waiting = age.and_then(|age| self.take(age));
            self.end(waiting, text, now);
            return;
        }
        let age = match age {
            Some(age) => age,
            None => self.begin(Key::from(key), &stamp, now),
        };
        self.add(age, kind, text, now);
    }

    /// Finishes the events whose end is overdue.
    pub fn due(&mut self, now: Instant) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        let ages: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| self.overdue_at(waiting) <= now)
            .map(|(&age, _)| age)
            .collect();
        for age in ages {
            if let Some(waiting) = self.take(age) {
                self.give_up(waiting, Cause::Time, now);
            }
        }
        self.due = self
            .waiting
            .values()
            .map(|waiting| self.overdue_at(waiting))
            .min();
    }

    /// When [`Assembler::due`] is to be called next; `None` while nothing
    /// waits.
    pub fn deadline(&self) -> Option<Instant> {
        match self.waiting.is_empty() {
            true => None,
            false => self.due,
        }
    }

    /// Finishes everything that waits: there will be no more records.
    pub fn flush(&mut self, now: Instant) {
        while let Some((&age, _)) = self.waiting.first_key_value() {
            if let Some(waiting) = self.take(age) {
                self.give_up(waiting, Cause::Time, now);
            }
        }
    }

    /// The next finished event, in the order in which they were finished.
    pub fn next_event(&mut self) -> Option<Event> {
        self.finished.pop_front()
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many events wait for their end.
    pub fn buffered(&self) -> usize {
        self.waiting.len()
    }

    fn overdue_at(&self, waiting: &Waiting) -> Instant {
        (waiting.last + self.options.quiet).min(waiting.first + self.options.longest)
    }

    fn begin(&mut self, key: Key, stamp: &text::Stamp<'_>, now: Instant) -> u64 {
        while self.waiting.len() >= self.options.waiting_events.max(1) {
            self.evict_oldest(now);
        }
        let age = self.next_age;
        self.next_age += 1;
        self.ages.insert(key.clone(), age);
        let waiting = Waiting {
            key,
            timestamp: stamp.timestamp.to_owned(),
            serial: stamp.serial.to_owned(),
            records: Vec::with_capacity(6),
            bytes: 0,
            first: now,
            last: now,
        };
        let at = self.overdue_at(&waiting);
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
        self.waiting.insert(age, waiting);
        age
    }

    fn add(&mut self, age: u64, kind: u16, text: &[u8], now: Instant) {
        if let Some(waiting) = self.waiting.get_mut(&age) {
            waiting.records.push(Raw {
                kind,
                text: text.to_vec(),
            });
            waiting.bytes += text.len();
            waiting.last = now;
            self.bytes += text.len();
            if waiting.bytes > self.options.event_bytes
                && let Some(waiting) = self.take(age)
            {
                self.give_up(waiting, Cause::Length, now);
            }
        }
        while self.bytes > self.options.waiting_bytes && !self.waiting.is_empty() {
            self.evict_oldest(now);
        }
    }

    fn evict_oldest(&mut self, now: Instant) {
        let oldest = self.waiting.first_key_value().map(|(&age, _)| age);
        if let Some(waiting) = oldest.and_then(|age| self.take(age)) {
            self.give_up(waiting, Cause::Room, now);
        }
    }

    fn take(&mut self, age: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&age)?;
        self.ages.remove(&waiting.key);
        self.bytes -= waiting.bytes;
        Some(waiting)
    }

    /// The end record came. Without anything before it the records went out
    /// already, or were lost on the way here.
    fn end(&mut self, waiting: Option<Waiting>, text: &[u8], now: Instant) {
        let event = match waiting {
            Some(Waiting {
                timestamp,
                serial,
                records,
                ..
            }) => self.event(timestamp, serial, records, Some((text, Cause::End)), now),
            None => {
                let record = Raw {
                    kind: END,
                    text: text.to_vec(),
                };
                let (timestamp, serial) = match text::stamp(text) {
                    Some(stamp) => (stamp.timestamp.to_owned(), stamp.serial.to_owned()),
                    None => (String::new(), String::new()),
                };
                let mut event = self.event(timestamp, serial, vec![record], None, now);
                event.incomplete = true;
                self.counters.incomplete += 1;
                event
            }
        };
        self.finish(event);
    }

    /// The end did not come, or there is no room to wait for it.
    fn give_up(&mut self, waiting: Waiting, cause: Cause, now: Instant) {
        let Waiting {
            key,
            timestamp,
            serial,
            records,
            ..
        } = waiting;
        // Only what a system call leaves behind is ended by the kernel.
        let of_call = records.iter().any(|record| belongs_to_call(record.kind));
        let incomplete = of_call || cause != Cause::Time;
        let alone = (!incomplete).then(|| records[0].kind);
        let prefix;
        let end = match (incomplete, records.len()) {
            (false, 1) => None,
            _ => {
                let key = String::from_utf8_lossy(&key);
                prefix = format!("audit({key}): ");
                Some((prefix.as_bytes(), cause))
            }
        };
        let mut event = self.event(timestamp, serial, records, end, now);
        event.incomplete = incomplete;
        if let Some(kind) = alone {
            event.kind = kind_name(kind);
        }
        match cause {
            Cause::Room => self.counters.evicted += 1,
            Cause::Length => self.counters.split += 1,
            Cause::End | Cause::Time => {}
        }
        match incomplete {
            true => self.counters.incomplete += 1,
            false => self.counters.standalone += 1,
        }
        self.finish(event);
    }

    /// One event of one or more records. `end`: it is an event of several
    /// records, ended by this text.
    fn event(
        &mut self,
        timestamp: String,
        serial: String,
        records: Vec<Raw>,
        end: Option<(&[u8], Cause)>,
        now: Instant,
    ) -> Event {
        let mut raw = String::new();
        let mut split: Vec<(u16, Vec<Field<'_>>)> = Vec::with_capacity(records.len());
        if let (true, Some((end, _))) = (self.options.include_raw, end) {
            raw.push_str(&String::from_utf8_lossy(end));
        }
        for record in &records {
            let body = text::stamp(&record.text).map_or(0, |stamp| stamp.body);
            let fields = text::fields(
                &record.text[body..],
                from_user(record.kind),
                matches!(record.kind, AVC | USER_AVC),
            );
            split.push((record.kind, fields));
            if self.options.include_raw {
                if end.is_some() {
                    raw.push(' ');
                    raw.push_str(&String::from_utf8_lossy(&record.text[body..]));
                } else {
                    raw.push_str(&String::from_utf8_lossy(&record.text));
                }
            }
        }
        execve::join(&mut split);
        let mut parts: Vec<Record> = Vec::with_capacity(split.len());
        for (kind, fields) in split {
            let (data, shadowed) = interpret::record(kind, &fields, self.names.as_mut(), now);
            self.counters.shadowed += shadowed;
            parts.push(Record {
                kind: kind_name(kind),
                data,
            });
        }
        let data = match parts.len() {
            0 | 1 => parts.pop().map(|record| record.data).unwrap_or_default(),
            _ => Event::all_of(&parts),
        };
        let kind = match end {
            Some(_) => END,
            None => records.first().map_or(END, |record| record.kind),
        };
        Event {
            serial,
            timestamp,
            kind: kind_name(kind),
            data,
            raw,
            records: parts,
            incomplete: false,
        }
    }

    /// A record without a stamp: its fields may still say something, and its
    /// text is kept in any case.
    fn deliver_unreadable(&mut self, kind: u16, text: &[u8], now: Instant) {
        let record = Raw {
            kind,
            text: text.to_vec(),
        };
        let mut event = self.event(String::new(), String::new(), vec![record], None, now);
        event.raw = String::from_utf8_lossy(text).into_owned();
        self.finish(event);
    }

    fn finish(&mut self, event: Event) {
        self.counters.events += 1;
        self.finished.push_back(event);
    }
}
