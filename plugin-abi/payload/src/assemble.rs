//! From streamed elements and a final result to one document.
//!
//! A module emits each finding at a place, a JSON pointer below `/elements`;
//! the host appends it to the array there and creates what is missing on the
//! way. The final result may repeat `elements`: its keys set the order and fill
//! in what was not streamed, and streamed values win.

use crate::document::{Document, Findings, Part};
use crate::profile::ProfileError;
use serde_json::{Map, Value};

/// Deepest place, in segments. It leaves room for the elements themselves.
pub const MAX_SEGMENTS: usize = 8;

/// Why an element has no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Not a pointer to something below `/elements`.
    #[error("place `{0}` is not a JSON pointer that starts with /elements")]
    NotElements(String),
    /// More than [`MAX_SEGMENTS`] segments.
    #[error("place `{0}` is deeper than 8 segments")]
    TooDeep(String),
    /// The same place was an array before and an object now, or the reverse.
    #[error("place `{0}` conflicts with an earlier one")]
    Conflict(String),
    /// The element itself breaks the profile.
    #[error("element: {0}")]
    Element(#[from] ProfileError),
    /// The element has no form in the profile.
    #[error("element: {0}")]
    Value(String),
}

/// Escapes one segment of a place: `~` becomes `~0` and `/` becomes `~1`.
pub fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// A place below `/elements` from its unescaped segments.
pub fn place(segments: &[&str]) -> String {
    let mut pointer = String::from("/elements");
    for segment in segments {
        pointer.push('/');
        pointer.push_str(&escape(segment));
    }
    pointer
}

/// Splits a place into the unescaped segments below `/elements`.
///
/// # Errors
/// When it is no pointer below `/elements`, or too deep.
pub fn segments(place: &str) -> Result<Vec<String>, PlaceError> {
    let below = match place.strip_prefix("/elements") {
        Some("") => return Ok(Vec::new()),
        Some(rest) => rest.strip_prefix('/'),
        None => None,
    };
    let Some(below) = below else {
        return Err(PlaceError::NotElements(shown(place)));
    };
    let segments: Vec<String> = below
        .split('/')
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
        .collect();
    if segments.len() >= MAX_SEGMENTS {
        return Err(PlaceError::TooDeep(shown(place)));
    }
    Ok(segments)
}

fn shown(place: &str) -> String {
    place.escape_debug().take(80).collect()
}

/// Collects what a run streams.
#[derive(Debug, Default)]
pub struct Assembler {
    /// Objects as the places say; in place of each list its number.
    places: Value,
    lists: Vec<Findings>,
}

impl Assembler {
    /// Nothing collected yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// True when no element has arrived.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// How many places have elements.
    pub fn places(&self) -> usize {
        self.lists.len()
    }

    /// Appends one element to the array at `place`.
    ///
    /// # Errors
    /// When the place is malformed or contradicts an earlier one, or the element
    /// cannot travel.
    pub fn add(&mut self, place: &str, element: &Value) -> Result<(), PlaceError> {
        self.list(place)?
            .push_value(element)
            .map_err(|error| PlaceError::Value(error.to_string()))
    }

    /// Appends one element as it came.
    ///
    /// # Errors
    /// As [`Assembler::add`].
    pub fn add_payload(&mut self, place: &str, payload: &[u8]) -> Result<(), PlaceError> {
        Ok(self.list(place)?.push(payload)?)
    }

    fn list(&mut self, place: &str) -> Result<&mut Findings, PlaceError> {
        let mut target = &mut self.places;
        for segment in segments(place)? {
            if target.is_null() {
                *target = Value::Object(Map::new());
            }
            match target {
                Value::Object(fields) => target = fields.entry(segment).or_insert(Value::Null),
                _ => return Err(PlaceError::Conflict(shown(place))),
            }
        }
        if target.is_null() {
            *target = Value::from(self.lists.len());
            self.lists.push(Findings::default());
        }
        number(target)
            .and_then(|number| self.lists.get_mut(number))
            .ok_or_else(|| PlaceError::Conflict(shown(place)))
    }

    /// The whole document: `last` is the payload of the final result, or
    /// anything else when the module never got there. The five keys come in
    /// their order; keys that no result has are kept behind them, so that the
    /// schema can object.
    pub fn finish(self, last: Value) -> Document {
        let mut last = match last {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let mut document = Map::new();
        for (key, missing) in [
            ("foundanything", Value::Bool(false)),
            ("success", Value::Bool(false)),
            ("elements", Value::Null),
            ("statistics", Value::Null),
            ("errors", Value::Null),
        ] {
            // Order of the leftovers does not matter, speed of removal neither.
            let value = last.shift_remove(key).unwrap_or(missing);
            document.insert(key.to_owned(), value);
        }
        document.extend(last);
        let (mut places, mut lists) = (self.places, self.lists);
        let members = document.into_iter().map(|(key, value)| {
            let part = match key.as_str() {
                "elements" => match merge(value, places.take(), &mut lists, 0) {
                    Part::Value(Value::Null) => Part::Value(Value::Object(Map::new())),
                    part => part,
                },
                _ => Part::Value(value),
            };
            (key, part)
        });
        Document {
            members: members.collect(),
        }
    }
}

/// The number of the list that stands at a place.
fn number(place: &Value) -> Option<usize> {
    place
        .as_u64()
        .and_then(|number| usize::try_from(number).ok())
}

/// Puts what was streamed into `declared`, whose key order stays.
fn merge(declared: Value, mut streamed: Value, lists: &mut [Findings], depth: usize) -> Part {
    if let Some(list) = number(&streamed).and_then(|number| lists.get_mut(number)) {
        return Part::Findings(std::mem::take(list));
    }
    let Value::Object(places) = &mut streamed else {
        return Part::Value(declared);
    };
    let declared = match declared {
        Value::Object(declared) if depth < MAX_SEGMENTS => declared,
        _ => Map::new(),
    };
    let mut members = Vec::with_capacity(places.len().max(declared.len()));
    for (key, value) in declared {
        let place = places.get_mut(&key).map(Value::take).unwrap_or_default();
        let part = merge(value, place, lists, depth + 1);
        members.push((key, part));
    }
    for (key, place) in std::mem::take(places) {
        if !place.is_null() {
            members.push((key, merge(Value::Null, place, lists, depth + 1)));
        }
    }
    Part::Members(members)
}
