//! The text of a line, built from an event and the spans around it.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};

use crate::Severity;

/// What a line says, gathered from fields.
#[derive(Default, Clone)]
pub(crate) struct Line {
    pub(crate) operation: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) command: Option<String>,
    pub(crate) severity: Option<Severity>,
    message: String,
    fields: String,
}

impl Line {
    /// One that says just that.
    pub(crate) fn saying(message: String) -> Self {
        Self {
            message,
            ..Self::default()
        }
    }

    /// Takes ids that this line lacks from an outer span.
    pub(crate) fn inherit(&mut self, outer: &Line) {
        for (own, other) in [
            (&mut self.operation, &outer.operation),
            (&mut self.action, &outer.action),
            (&mut self.command, &outer.command),
        ] {
            if own.is_none() {
                own.clone_from(other);
            }
        }
    }

    /// The payload of the log line.
    pub(crate) fn render(&self, severity: Severity) -> String {
        let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "-".to_owned());
        let mut text = format!(
            "{} {} {} [{}] ",
            id(&self.operation),
            id(&self.action),
            id(&self.command),
            severity.label()
        );
        // A line is one line whatever a hostile name contains.
        for letter in self.message.chars().chain(self.fields.chars()) {
            text.push(if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            });
        }
        text
    }

    fn record(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        match field.name() {
            "op" => self.operation = Some(value.to_string()),
            "action" => self.action = Some(value.to_string()),
            "command" => self.command = Some(value.to_string()),
            "severity" => self.severity = Severity::from_label(&value.to_string()),
            "message" => self.message = value.to_string(),
            name => {
                let _ = write!(self.fields, " {name}={value}");
            }
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record(field, format_args!("{value}"));
    }
}
