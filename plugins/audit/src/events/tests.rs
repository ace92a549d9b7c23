//! Events from the texts of records.

mod against_ausearch;
mod assembling;
mod fields;
mod hostile;
mod promises;

use super::{Assembler, Event, Options};
use crate::events::names::Names;
use std::time::Instant;

/// Users of a machine that is the same everywhere.
struct Known;

impl Names for Known {
    fn user(&mut self, uid: u32, _: Instant) -> Option<&str> {
        match uid {
            0 => Some("root"),
            1000 => Some("alice"),
            _ => None,
        }
    }
}

fn assembler(options: Options) -> Assembler {
    Assembler::with_names(options, Box::new(Known))
}

fn all(assembler: &mut Assembler) -> Vec<Event> {
    std::iter::from_fn(|| assembler.next_event()).collect()
}

/// The one event that a record which stands alone becomes.
fn alone(kind: u16, body: &str) -> Event {
    let mut assembler = assembler(Options::default());
    assembler.record(
        kind,
        format!("audit(1715934612.204:1442): {body}").as_bytes(),
        Instant::now(),
    );
    assembler.flush(Instant::now());
    let mut events = all(&mut assembler);
    assert_eq!(events.len(), 1, "{body}");
    events.remove(0)
}

/// What a field of such a record says.
#[track_caller]
fn says(kind: u16, body: &str, key: &str, wanted: &str) {
    let event = alone(kind, body);
    assert_eq!(event.data.get(key), Some(wanted), "kind {kind}: {body}");
}
