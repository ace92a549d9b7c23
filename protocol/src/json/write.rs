//! Writing JSON the way Go does.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::number::format_double;

/// The document as Go's encoder writes it: compact, keys in the document's
/// order, `<`, `>`, `&` and U+2028/2029 escaped, doubles in Go's form.
///
/// # Errors
/// A value that JSON cannot carry, for instance a time outside the years 0 to
/// 9999.
pub fn to_go_json<T: Serialize + ?Sized>(document: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    document.serialize(&mut Serializer::with_formatter(
        &mut out,
        GoFormatter(CompactFormatter),
    ))?;
    Ok(out)
}

/// The document as [`to_go_json`] writes it, indented by four spaces, as the
/// original's tools show and save it.
///
/// # Errors
/// As [`to_go_json`].
pub fn to_go_json_pretty<T: Serialize + ?Sized>(
    document: &T,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    let formatter = GoFormatter(PrettyFormatter::with_indent(b"    "));
    document.serialize(&mut Serializer::with_formatter(&mut out, formatter))?;
    Ok(out)
}

/// The canonical form of a value, as the signing string shows it: compact, keys
/// sorted by their UTF-8 bytes, every number as the double nearest to it.
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(&mut out, value);
    out
}

pub(crate) fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&format_double(number.as_f64().unwrap_or_default())),
        Value::String(text) => write_text(out, text),
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(out, element);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| name.as_bytes());
            out.push('{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(out, name);
                out.push(':');
                write_canonical(out, member);
            }
            out.push('}');
        }
    }
}

/// Writes a text with its quotes.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, letter) in text.char_indices() {
        if let Some(escape) = escape(letter) {
            out.push_str(&text[plain..at]);
            out.push_str(&escape);
            plain = at + letter.len_utf8();
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// How Go escapes a character; none if it stays as it is.
fn escape(letter: char) -> Option<std::borrow::Cow<'static, str>> {
    Some(match letter {
        '"' => "\\\"".into(),
        '\\' => "\\\\".into(),
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\t' => "\\t".into(),
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            format!("\\u{:04x}", u32::from(letter)).into()
        }
        _ => return None,
    })
}

/// One of serde_json's formatters with Go's texts and numbers.
struct GoFormatter<F>(F);

/// Passes the layout on to the formatter inside.
macro_rules! delegate {
    ($($method:ident($($argument:ident: $type:ty),*);)+) => {
        $(fn $method<W: io::Write + ?Sized>(&mut self, writer: &mut W $(, $argument: $type)*) -> io::Result<()> {
            self.0.$method(writer $(, $argument)*)
        })+
    };
}

impl<F: Formatter> Formatter for GoFormatter<F> {
    delegate! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_f64<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(format_double(value).as_bytes())
    }

    fn write_f32<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        self.write_f64(writer, value.into())
    }

    /// What serde_json does not escape by itself but Go does.
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, letter) in fragment.match_indices(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            writer.write_all(&fragment.as_bytes()[plain..at])?;
            let letter_value = letter.chars().next().map_or(0, u32::from);
            write!(writer, "\\u{letter_value:04x}")?;
            plain = at + letter.len();
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::Backspace => writer.write_all(b"\\u0008"),
            CharEscape::FormFeed => writer.write_all(b"\\u000c"),
            other => CompactFormatter.write_char_escape(writer, other),
        }
    }
}
