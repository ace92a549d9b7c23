//! From streamed elements and a final result to one document.
//!
//! A module emits each finding at a place, a JSON pointer below `/elements`;
//! the host appends it to the array there and creates what is missing on the
//! way. The final result may repeat `elements`: its keys set the order and fill
//! in what was not streamed, and streamed values win.

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
    elements: Value,
}

impl Assembler {
    /// Nothing collected yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// True when no element has arrived.
    pub fn is_empty(&self) -> bool {
        self.elements.is_null()
    }

    /// Appends one element to the array at `place`.
    ///
    /// # Errors
    /// When the place is malformed or contradicts an earlier one.
    pub fn add(&mut self, place: &str, element: Value) -> Result<(), PlaceError> {
        let mut target = &mut self.elements;
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
            *target = Value::Array(Vec::new());
        }
        match target {
            Value::Array(items) => {
                items.push(element);
                Ok(())
            }
            _ => Err(PlaceError::Conflict(shown(place))),
        }
    }

    /// The whole document: `last` is the payload of the final result, or
    /// anything else when the module never got there. The five keys come in
    /// their order; keys that no result has are kept behind them, so that the
    /// schema can object.
    pub fn finish(self, last: Value) -> Value {
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
        if let Some(declared) = document.get_mut("elements") {
            merge(declared, self.elements, 0);
            if declared.is_null() {
                *declared = Value::Object(Map::new());
            }
        }
        Value::Object(document)
    }
}

/// Puts `streamed` into `declared`, whose key order stays.
fn merge(declared: &mut Value, streamed: Value, depth: usize) {
    match (declared, streamed) {
        (_, Value::Null) => {}
        (Value::Object(declared), Value::Object(streamed)) if depth < MAX_SEGMENTS => {
            for (key, value) in streamed {
                merge(declared.entry(key).or_insert(Value::Null), value, depth + 1);
            }
        }
        (declared, streamed) => *declared = streamed,
    }
}
