//! Input nobody would write, the same in every run of the check.

use mig_plugin_payload::Schema;
use serde_json::{Map, Value, json};

/// Deepest nesting of an invented value.
const DEPTH: u32 = 5;

/// A small generator with a fixed seed: what breaks once breaks again.
pub struct Inventor {
    state: u64,
    names: Vec<String>,
}

impl Inventor {
    /// Knows the names of the module's parameters, to get beyond its first
    /// checks.
    pub fn new(parameters: Option<&Schema>) -> Self {
        let mut names = vec![
            String::new(),
            "x".to_owned(),
            "\u{1b}[2J\u{fffd}é".to_owned(),
        ];
        if let Some(schema) = parameters {
            collect(schema, &mut names);
        }
        Self {
            state: 0x9e37_79b9_7f4a_7c15,
            names,
        }
    }

    fn next(&mut self, below: usize) -> usize {
        // xorshift64
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % below as u64) as usize
    }

    fn name(&mut self) -> String {
        let index = self.next(self.names.len());
        self.names[index].clone()
    }

    /// Any JSON value.
    pub fn value(&mut self, depth: u32) -> Value {
        match self.next(if depth < DEPTH { 10 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.next(2) == 0),
            2 => json!(self.next(1000)),
            3 => json!(-9_007_199_254_740_991i64),
            4 => json!(1.5e300),
            5 => json!(self.name()),
            6 => json!("y".repeat(self.next(3000))),
            7 => {
                let count = self.next(4);
                (0..count).map(|_| self.value(depth + 1)).collect()
            }
            _ => {
                let count = self.next(4);
                let fields = (0..count).map(|_| (self.name(), self.value(depth + 1)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// Words of a command line.
    pub fn words(&mut self) -> Vec<String> {
        let count = self.next(5);
        (0..count)
            .map(|_| {
                let dashes = "-".repeat(self.next(4));
                let name = self.name();
                match self.next(3) {
                    0 => format!("{dashes}{name}=1"),
                    1 => name,
                    _ => format!("{dashes}{name}"),
                }
            })
            .collect()
    }
}

fn collect(schema: &Schema, names: &mut Vec<String>) {
    for (name, member) in schema.properties() {
        names.push(name.to_owned());
        collect(member, names);
    }
    for below in [schema.items(), schema.additional()].into_iter().flatten() {
        collect(below, names);
    }
}
