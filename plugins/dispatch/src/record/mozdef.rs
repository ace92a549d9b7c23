//! The envelope of MozDef, for collectors that expect its events.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Who sends, as the envelope says it.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    process: u32,
    name: String,
}

impl Sender {
    /// This process.
    pub fn this_process() -> Self {
        let name = std::env::args_os().next();
        Self {
            process: std::process::id(),
            name: name.map_or_else(
                || "mig-agent".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            ),
        }
    }

    /// Wraps a record; the name of the host comes as JSON.
    pub fn wrap(&self, hostname: &str, record: &str) -> String {
        self.wrap_at(OffsetDateTime::now_utc(), hostname, record)
    }

    fn wrap_at(&self, now: OffsetDateTime, hostname: &str, record: &str) -> String {
        // Years of four digits always have this form.
        let timestamp = now.format(&Rfc3339).unwrap_or_default();
        let process = self.process;
        let name = super::escaped(&Value::from(self.name.as_str()).to_string());
        format!(
            r#"{{"timestamp":"{timestamp}","category":"mig","hostname":{hostname},"processid":{process},"processname":{name},"severity":"INFO","source":"","summary":"mig dispatch event","tags":["mig-dispatch"],"details":{record}}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_envelope_is_the_originals() {
        let sender = Sender {
            process: 7,
            name: "/sbin/mig-agent".to_owned(),
        };
        assert_eq!(
            sender.wrap_at(
                datetime!(2024-05-17 08:30:12.5 UTC),
                r#""db1""#,
                r#"{"event":1}"#
            ),
            r#"{"timestamp":"2024-05-17T08:30:12.5Z","category":"mig","hostname":"db1","processid":7,"processname":"/sbin/mig-agent","severity":"INFO","source":"","summary":"mig dispatch event","tags":["mig-dispatch"],"details":{"event":1}}"#
        );
    }
}
