//! What is sent of an alert, in the original's form.

mod mozdef;

use mig_plugin_sdk::Surroundings;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

pub(crate) use mozdef::Sender;

/// Keys of the environment in the order in which the original writes them.
const ENVIRONMENT: [&str; 10] = [
    "init",
    "ident",
    "os",
    "arch",
    "isproxied",
    "proxy",
    "addresses",
    "publicip",
    "aws",
    "modules",
];

/// Writes records; everything but the event is prepared once.
#[derive(Debug)]
pub(crate) struct Records {
    hostname: String,
    /// The record as far as the event.
    beginning: String,
    mozdef: Option<Sender>,
}

impl Records {
    /// For a machine; with a sender in the form of MozDef.
    pub fn new(surroundings: &Surroundings, mozdef: Option<Sender>) -> Self {
        let mut records = Self {
            hostname: String::new(),
            beginning: String::new(),
            mozdef,
        };
        records.describe(surroundings);
        records
    }

    /// The machine is described differently from now on.
    pub fn describe(&mut self, surroundings: &Surroundings) {
        let hostname = Value::from(surroundings.hostname.as_str());
        let environment = Value::Object(in_order(&surroundings.environment));
        // Of strings only: cannot fail, and sorted by key.
        let tags = serde_json::to_string(&surroundings.tags).unwrap_or_else(|_| "{}".to_owned());
        let beginning = format!(
            r#"{{"hostname":{hostname},"environment":{environment},"tags":{tags},"event":"#
        );
        self.beginning = escaped(&beginning);
        self.hostname = escaped(&hostname.to_string());
    }

    /// The record of one alert. An alert that is JSON stays as it is, to the
    /// last digit; one that is not becomes a string.
    pub fn record(&self, text: &str) -> String {
        let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
        let event = match serde_json::from_str::<IgnoredAny>(trimmed) {
            Ok(_) => escaped(trimmed),
            Err(_) => escaped(&Value::from(text).to_string()),
        };
        let mut record = String::with_capacity(self.beginning.len() + event.len() + 1);
        record.push_str(&self.beginning);
        record.push_str(&event);
        record.push('}');
        match &self.mozdef {
            None => record,
            Some(sender) => sender.wrap(&self.hostname, &record),
        }
    }
}

/// The known keys first, as the original has them; then what is new.
fn in_order(environment: &Value) -> Map<String, Value> {
    let Some(given) = environment.as_object() else {
        return Map::new();
    };
    let known = ENVIRONMENT
        .iter()
        .filter_map(|key| given.get_key_value(*key));
    let rest = given
        .iter()
        .filter(|(key, _)| !ENVIRONMENT.contains(&key.as_str()));
    known
        .chain(rest)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Go's escapes on top of JSON's. All five characters can only stand inside of
/// strings, so that the text as a whole may be treated.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn machine() -> Surroundings {
        serde_json::from_value(json!({
            "hostname": "db1.example.net",
            // Not in the order of the original on purpose.
            "environment": {"os": "linux", "aws": {}, "arch": "amd64", "isproxied": false,
                "ident": "Debian 12", "init": "systemd"},
            "tags": {"operator": "ops"},
        }))
        .unwrap()
    }

    #[test]
    fn a_record_is_the_originals_to_the_byte() {
        let records = Records::new(&machine(), None);
        assert_eq!(
            records.record(r#"{"severity":"low","alert":"path /etc/x removed"}"#),
            r#"{"hostname":"db1.example.net","environment":{"init":"systemd","ident":"Debian 12","os":"linux","arch":"amd64","isproxied":false,"aws":{}},"tags":{"operator":"ops"},"event":{"severity":"low","alert":"path /etc/x removed"}}"#
        );
    }

    #[test]
    fn text_that_is_not_json_is_sent_as_a_string() {
        let records = Records::new(&Surroundings::default(), None);
        for (text, event) in [
            ("disk is 100% full", r#""disk is 100% full""#),
            ("%s %d %n", r#""%s %d %n""#),
            ("{\"half\":", r#""{\"half\":""#),
            ("a <b> & c", r#""a \u003cb\u003e \u0026 c""#),
            ("", r#""""#),
            (
                r#" {"id":18446744073709551615} "#,
                r#"{"id":18446744073709551615}"#,
            ),
            ("12", "12"),
            ("\"a\u{2028}<\"", r#""a\u2028\u003c""#),
        ] {
            assert_eq!(
                records.record(text),
                format!(r#"{{"hostname":"","environment":{{}},"tags":{{}},"event":{event}}}"#)
            );
        }
    }

    #[test]
    fn a_new_description_counts_from_then_on() {
        let mut records = Records::new(&Surroundings::default(), None);
        records.describe(&machine());
        assert!(
            records
                .record("1")
                .starts_with(r#"{"hostname":"db1.example.net""#)
        );
    }

    proptest! {
        #[test]
        fn any_text_gives_a_record_that_holds_it(text in ".{0,200}") {
            let record = Records::new(&machine(), None).record(&text);
            let read: Value = serde_json::from_str(&record).unwrap();
            let wanted = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
            prop_assert_eq!(&read["event"], &wanted);
        }
    }
}
