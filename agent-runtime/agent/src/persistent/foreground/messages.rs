//! The lines between a persistent module in the foreground and whoever started
//! it: one JSON message each, as between an original agent and its modules.

use std::io::{self, BufRead, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use mig_protocol::json::to_go_json;
use serde_json::{Map, Value, json};

/// Longest line that is read.
const LONGEST: u64 = 64 << 20;

/// What comes in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    /// How the module is configured, and where it runs.
    Config(Map<String, Value>),
    /// To be echoed, as it came.
    Ping(Value),
    /// An alert of another module.
    Alert(String),
    /// A query, with its parameters.
    Parameters(Value),
}

/// Understands a line.
pub(super) fn understand(line: &[u8]) -> Result<Message, String> {
    let message: Value = serde_json::from_slice(line)
        .map_err(|error| format!("a line on standard input is not JSON: {error}"))?;
    let parameters = member(&message, "parameters");
    match member(&message, "class").as_str() {
        Some("config") => match parameters {
            Value::Object(config) => Ok(Message::Config(config)),
            _ => Err("a message of class `config` has no parameters".into()),
        },
        Some("ping") => Ok(Message::Ping(message)),
        Some("alert") => match member(&parameters, "message") {
            Value::String(text) => Ok(Message::Alert(text)),
            _ => Err("a message of class `alert` has no message".into()),
        },
        Some("parameters") => Ok(Message::Parameters(parameters)),
        Some(class) => Err(format!(
            "a message of class `{}` is not understood",
            class.escape_debug()
        )),
        None => Err("a message has no class".into()),
    }
}

/// A member of an object, whatever the case of its name.
pub(super) fn member(object: &Value, name: &str) -> Value {
    let members = object.as_object().into_iter().flatten();
    members
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.clone())
        .next_back()
        .unwrap_or_default()
}

/// The next line; none at the end.
pub(super) fn line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let length = input.take(LONGEST).read_until(b'\n', &mut line)?;
    if length as u64 == LONGEST && !line.ends_with(b"\n") {
        let error = format!("a line has more than {LONGEST} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    Ok((length > 0).then_some(line))
}

/// Where messages go; clones share it.
#[derive(Clone)]
pub(super) struct Output(Arc<Mutex<dyn Write + Send>>);

impl Output {
    pub(super) fn new(to: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(to)))
    }

    /// Writes one message; false when nobody reads it.
    pub(super) fn send(&self, message: &Value) -> bool {
        let mut line = to_go_json(message).unwrap_or_default();
        line.push(b'\n');
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        output
            .write_all(&line)
            .and_then(|()| output.flush())
            .is_ok()
    }

    pub(super) fn log(&self, text: &str) -> bool {
        self.send(&json!({"class": "log", "parameters": {"message": text}}))
    }

    pub(super) fn alert(&self, text: &str) -> bool {
        self.send(&json!({"class": "alert", "parameters": {"message": text}}))
    }

    pub(super) fn register(&self, socket: &str) -> bool {
        self.send(&json!({"class": "register", "parameters": {"sockpath": socket}}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_message_is_understood() {
        for (line, meant) in [
            (
                r#"{"class":"ping"}"#,
                Message::Ping(json!({"class": "ping"})),
            ),
            (
                r#"{"Class":"alert","Parameters":{"message":"100%s"}}"#,
                Message::Alert("100%s".into()),
            ),
            (
                r#"{"class":"parameters","parameters":{"a":1}}"#,
                Message::Parameters(json!({"a": 1})),
            ),
            (
                r#"{"class":"config","parameters":{"hostname":"h"}}"#,
                Message::Config(Map::from_iter([("hostname".to_owned(), json!("h"))])),
            ),
        ] {
            assert_eq!(understand(line.as_bytes()).unwrap(), meant);
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (line, part) in [
            ("{", "not JSON"),
            ("7", "no class"),
            (r#"{"class":"x\n"}"#, "class `x\\n`"),
            (r#"{"class":"config"}"#, "no parameters"),
            (r#"{"class":"alert","parameters":{}}"#, "no message"),
        ] {
            let error = understand(line.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn lines_end_where_they_end() {
        let mut input = io::Cursor::new(b"a\n\nb".to_vec());
        assert_eq!(line(&mut input).unwrap().unwrap(), b"a\n");
        assert_eq!(line(&mut input).unwrap().unwrap(), b"\n");
        assert_eq!(line(&mut input).unwrap().unwrap(), b"b");
        assert_eq!(line(&mut input).unwrap(), None);
    }
}
