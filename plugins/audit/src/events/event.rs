//! A finished event.

use super::json;

/// Names and values, sorted by name, each name once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Data(Vec<(String, String)>);

impl Data {
    /// From names and values in the order of the records; of equal names the
    /// last one counts.
    pub(super) fn from_pairs(mut pairs: Vec<(String, String)>) -> Self {
        // Stable: equal names stay in order, and the last of them is kept.
        pairs.sort_by(|one, other| one.0.cmp(&other.0));
        pairs.reverse();
        pairs.dedup_by(|one, kept| one.0 == kept.0);
        pairs.reverse();
        Self(pairs)
    }

    /// The value of a name.
    #[cfg(test)]
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self
            .0
            .binary_search_by(|(key, _)| key.as_str().cmp(name))
            .ok()?;
        Some(&self.0[place].1)
    }

    /// All names and values, by name.
    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// One record of an event of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its kind: `SYSCALL`, `PATH`, …, or `UNKNOWN[1399]`.
    pub kind: String,
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
    pub kind: String,
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
        let mut data = self.data.clone();
        let mut longest = usize::MAX;
        loop {
            let text = self.write(&data, false, true);
            if text.len() <= limit || longest == 0 {
                return (text, false);
            }
            longest = if longest > 8192 { 8192 } else { longest / 4 };
            if longest == 0 {
                data = Data::default();
            }
            for (_, value) in &mut data.0 {
                let cut = (0..=longest.min(value.len()))
                    .rev()
                    .find(|&at| value.is_char_boundary(at));
                value.truncate(cut.unwrap_or(0));
            }
        }
    }

    fn write(&self, data: &Data, everything: bool, truncated: bool) -> String {
        let mut out = String::with_capacity(1024);
        out.push_str("{\"Serial\":");
        json::string(&mut out, &self.serial);
        out.push_str(",\"Timestamp\":");
        json::string(&mut out, &self.timestamp);
        out.push_str(",\"Type\":");
        json::string(&mut out, &self.kind);
        out.push_str(",\"Data\":");
        json::object(&mut out, &data.0);
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
                json::object(&mut out, &record.data.0);
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
