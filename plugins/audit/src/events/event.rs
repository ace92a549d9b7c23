//! A finished event.

use std::borrow::Cow;

use super::json;

/// Names and values, sorted by name, each name once.
///
/// All of them are in one text: an event has a hundred, and ten thousand
/// events may come in a second.
#[derive(Clone, Default)]
pub struct Data {
    text: String,
    entries: Vec<Entry>,
}

/// Where a name begins, where its value begins, and where that ends.
#[derive(Clone, Copy)]
struct Entry {
    /// The first eight bytes of the name: most names differ in them.
    first: u64,
    name: usize,
    value: usize,
    end: usize,
}

impl Data {
    /// With room for some fields of a record of so many bytes.
    pub(super) fn with_room(bytes: usize, fields: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            entries: Vec::with_capacity(fields),
        }
    }

    /// Appends a field; [`Data::sort`] is to follow.
    pub(super) fn push(&mut self, name: [&str; 2], value: &str) {
        let start = self.text.len();
        self.text.push_str(name[0]);
        self.text.push_str(name[1]);
        let middle = self.text.len();
        self.text.push_str(value);
        let mut first = [0; 8];
        let name = &self.text.as_bytes()[start..middle];
        let some = name.len().min(first.len());
        first[..some].copy_from_slice(&name[..some]);
        self.entries.push(Entry {
            first: u64::from_be_bytes(first),
            name: start,
            value: middle,
            end: self.text.len(),
        });
    }

    /// Puts the fields in order; of equal names the last one counts.
    pub(super) fn sort(&mut self) {
        let Self { text, entries } = self;
        let name = |entry: &Entry| &text[entry.name..entry.value];
        // Later ones were pushed later and so begin later in the text.
        entries.sort_unstable_by(|one, other| {
            name(one).cmp(name(other)).then(other.name.cmp(&one.name))
        });
        entries.dedup_by(|one, kept| one.first == kept.first && name(one) == name(kept));
    }

    /// The fields of several records as one.
    fn union<'a>(records: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let bytes = records.clone().map(|data| data.text.len()).sum();
        let fields = records.clone().map(|data| data.entries.len()).sum();
        let mut all = Self::with_room(bytes, fields);
        for data in records {
            let from = all.text.len();
            all.text.push_str(&data.text);
            all.entries.extend(data.entries.iter().map(|entry| Entry {
                first: entry.first,
                name: entry.name + from,
                value: entry.value + from,
                end: entry.end + from,
            }));
        }
        all.sort();
        all
    }

    /// The same with values of at most so many bytes; without any when that
    /// is nothing.
    fn shortened(&self, longest: usize) -> Self {
        let mut short = Self::default();
        if longest > 0 {
            for (name, value) in self.iter() {
                let cut = (0..=longest.min(value.len()))
                    .rev()
                    .find(|&at| value.is_char_boundary(at));
                short.push([name, ""], &value[..cut.unwrap_or(0)]);
            }
        }
        short
    }

    /// The value of a name.
    #[cfg(test)]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// All names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| {
            (
                &self.text[entry.name..entry.value],
                &self.text[entry.value..entry.end],
            )
        })
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Data {}

impl std::fmt::Debug for Data {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

/// One record of an event of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its kind: `SYSCALL`, `PATH`, …, or `UNKNOWN[1399]`.
    pub kind: Cow<'static, str>,
    /// Its fields, interpreted.
    pub data: Data,
}

/// One event: a record that stands alone, or all records of one serial number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The number that the kernel gave it; empty when the record had none.
    pub serial: String,
    /// Seconds and milliseconds since 1970; empty when the record had none.
    pub timestamp: String,
    /// The kind of a record that stands alone, and `EOE` for an event of the
    /// buffered range, after the record that ends it.
    pub kind: Cow<'static, str>,
    /// The fields of all records; of equal names the last one counts.
    pub data: Data,
    /// The text of the records, when that is wanted, and always when a record
    /// could not be read.
    pub raw: String,
    /// The records one by one and in order, when there is more than one.
    pub records: Vec<Record>,
    /// The record that ends the event never came.
    pub incomplete: bool,
}

impl Event {
    /// The fields of all records.
    pub(super) fn all_of(records: &[Record]) -> Data {
        Data::union(records.iter().map(|record| &record.data))
    }

    /// The event as one line of JSON. The first five names are the
    /// original's; `Records` and `Incomplete` are only there when they say
    /// something.
    pub fn to_json(&self) -> String {
        self.write(&self.data, true, false)
    }

    /// The event as at most `limit` bytes of JSON, and whether it is whole. One
    /// that is too long loses, until it fits: its text and its single records,
    /// then the ends of its longest values. It then says `"Truncated":true`.
    pub fn to_json_within(&self, limit: usize) -> (String, bool) {
        let whole = self.to_json();
        if whole.len() <= limit {
            return (whole, true);
        }
        for longest in [usize::MAX, 8192, 2048, 512, 128, 32, 0] {
            let text = self.write(&self.data.shortened(longest), false, true);
            if text.len() <= limit {
                return (text, false);
            }
        }
        (self.write(&Data::default(), false, true), false)
    }

    fn write(&self, data: &Data, everything: bool, truncated: bool) -> String {
        let mut out = String::with_capacity(4096);
        out.push_str("{\"Serial\":");
        json::string(&mut out, &self.serial);
        out.push_str(",\"Timestamp\":");
        json::string(&mut out, &self.timestamp);
        out.push_str(",\"Type\":");
        json::string(&mut out, &self.kind);
        out.push_str(",\"Data\":");
        json::object(&mut out, data.iter());
        out.push_str(",\"Raw\":");
        json::string(&mut out, if everything { &self.raw } else { "" });
        if everything && !self.records.is_empty() {
            out.push_str(",\"Records\":[");
            for (place, record) in self.records.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                out.push_str("{\"Type\":");
                json::string(&mut out, &record.kind);
                out.push_str(",\"Data\":");
                json::object(&mut out, record.data.iter());
                out.push('}');
            }
            out.push(']');
        }
        if self.incomplete {
            out.push_str(",\"Incomplete\":true");
        }
        if truncated {
            out.push_str(",\"Truncated\":true");
        }
        out.push('}');
        out
    }
}
