//! What `queue.declare` says about a queue.

use crate::exception::Exception;
use amq_protocol::types::{AMQPValue, FieldTable};

/// What happens to a publication that does not fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// It is refused, and its publisher told so under confirms. Also our own
    /// bounds do this, and queues with `x-max-length` that do not say: nothing
    /// is to be lost silently.
    #[default]
    RejectPublish,
    /// The oldest waiting message makes room.
    DropHead,
}

/// See the module. Times are milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct QueueSettings {
    pub durable: bool,
    pub exclusive: bool,
    pub auto_delete: bool,
    pub message_ttl: Option<u64>,
    pub expires: Option<u64>,
    pub max_length: Option<u64>,
    pub max_bytes: Option<u64>,
    pub overflow: Overflow,
}

impl QueueSettings {
    /// Reads the arguments of a declaration of queue `name`.
    ///
    /// # Errors
    /// 406 for a value out of range or of the wrong type, 540 for an argument
    /// that would change what happens to messages and is not implemented. Other
    /// arguments are ignored, as RabbitMQ does.
    pub fn read_arguments(mut self, name: &str, arguments: &FieldTable) -> Result<Self, Exception> {
        for (key, value) in arguments {
            let key = key.as_str();
            let number = |least: i64| {
                integer(value)
                    .filter(|number| *number >= least)
                    .and_then(|number| u64::try_from(number).ok())
                    .map(Some)
                    .ok_or_else(|| invalid(name, key, value))
            };
            match key {
                "x-message-ttl" => self.message_ttl = number(0)?,
                "x-expires" => self.expires = number(1)?,
                "x-max-length" => self.max_length = number(0)?,
                "x-max-length-bytes" => self.max_bytes = number(0)?,
                "x-overflow" => {
                    self.overflow = match text(value) {
                        Some(b"reject-publish") => Overflow::RejectPublish,
                        Some(b"drop-head") => Overflow::DropHead,
                        _ => return Err(invalid(name, key, value)),
                    }
                }
                "x-queue-type" => match text(value) {
                    Some(b"classic") => {}
                    Some(b"quorum" | b"stream") => {
                        return Err(Exception::not_implemented(format!(
                            "queue '{name}': only x-queue-type 'classic' exists here"
                        )));
                    }
                    _ => return Err(invalid(name, key, value)),
                },
                "x-dead-letter-exchange"
                | "x-dead-letter-routing-key"
                | "x-max-priority"
                | "x-single-active-consumer" => {
                    return Err(Exception::not_implemented(format!(
                        "queue '{name}': argument '{key}'"
                    )));
                }
                _ => {}
            }
        }
        Ok(self)
    }

    /// Compares with the settings of the existing queue.
    ///
    /// # Errors
    /// 406 naming the first difference.
    pub fn check_equivalent(
        &self,
        current: &Self,
        name: &str,
        vhost: &str,
    ) -> Result<(), Exception> {
        let option = |value: Option<u64>| value.map_or("none".into(), |v| v.to_string());
        let fields = [
            (
                "durable",
                self.durable.to_string(),
                current.durable.to_string(),
            ),
            (
                "exclusive",
                self.exclusive.to_string(),
                current.exclusive.to_string(),
            ),
            (
                "auto_delete",
                self.auto_delete.to_string(),
                current.auto_delete.to_string(),
            ),
            (
                "x-message-ttl",
                option(self.message_ttl),
                option(current.message_ttl),
            ),
            ("x-expires", option(self.expires), option(current.expires)),
            (
                "x-max-length",
                option(self.max_length),
                option(current.max_length),
            ),
            (
                "x-max-length-bytes",
                option(self.max_bytes),
                option(current.max_bytes),
            ),
            (
                "x-overflow",
                format!("{:?}", self.overflow),
                format!("{:?}", current.overflow),
            ),
        ];
        for (field, received, current) in fields {
            if received != current {
                return Err(Exception::precondition_failed(format!(
                    "inequivalent arg '{field}' for queue '{name}' in vhost '{vhost}': \
                     received '{received}' but current is '{current}'"
                )));
            }
        }
        Ok(())
    }
}

fn invalid(name: &str, key: &str, value: &AMQPValue) -> Exception {
    let shown = match (integer(value), text(value)) {
        (Some(number), _) => number.to_string(),
        (_, Some(bytes)) => String::from_utf8_lossy(bytes).escape_default().to_string(),
        _ => format!("{:?}", value.get_type()),
    };
    Exception::precondition_failed(format!("invalid arg '{key}' for queue '{name}': {shown}"))
}

fn integer(value: &AMQPValue) -> Option<i64> {
    Some(match value {
        AMQPValue::ShortShortInt(n) => i64::from(*n),
        AMQPValue::ShortShortUInt(n) => i64::from(*n),
        AMQPValue::ShortInt(n) => i64::from(*n),
        AMQPValue::ShortUInt(n) => i64::from(*n),
        AMQPValue::LongInt(n) => i64::from(*n),
        AMQPValue::LongUInt(n) => i64::from(*n),
        AMQPValue::LongLongInt(n) => *n,
        _ => return None,
    })
}

fn text(value: &AMQPValue) -> Option<&[u8]> {
    match value {
        AMQPValue::LongString(text) => Some(text.as_bytes()),
        AMQPValue::ByteArray(bytes) => Some(bytes.as_slice()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, AMQPValue)]) -> Result<QueueSettings, Exception> {
        let mut table = FieldTable::default();
        for (key, value) in pairs {
            table.insert((*key).into(), value.clone());
        }
        QueueSettings::default().read_arguments("q", &table)
    }

    #[test]
    fn arguments_are_read_in_any_integer_type() {
        let settings = read(&[
            ("x-message-ttl", AMQPValue::ShortShortUInt(0)),
            ("x-expires", AMQPValue::LongInt(1000)),
            ("x-max-length", AMQPValue::LongLongInt(5)),
            ("x-max-length-bytes", AMQPValue::LongUInt(6)),
            ("x-overflow", AMQPValue::LongString("drop-head".into())),
            ("x-queue-type", AMQPValue::LongString("classic".into())),
            ("x-something-else", AMQPValue::Void),
        ])
        .expect("valid arguments");
        let expected = QueueSettings {
            message_ttl: Some(0),
            expires: Some(1000),
            max_length: Some(5),
            max_bytes: Some(6),
            overflow: Overflow::DropHead,
            ..QueueSettings::default()
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let table = [
            ("x-message-ttl", AMQPValue::LongInt(-1), 406),
            ("x-expires", AMQPValue::LongInt(0), 406),
            ("x-expires", AMQPValue::LongString("5".into()), 406),
            ("x-overflow", AMQPValue::LongString("other".into()), 406),
            ("x-queue-type", AMQPValue::LongString("quorum".into()), 540),
            ("x-queue-type", AMQPValue::LongString("other".into()), 406),
            (
                "x-dead-letter-exchange",
                AMQPValue::LongString("d".into()),
                540,
            ),
            ("x-max-priority", AMQPValue::LongInt(5), 540),
        ];
        for (key, value, code) in table {
            assert_eq!(read(&[(key, value)]).expect_err(key).code, code, "{key}");
        }
    }

    #[test]
    fn a_difference_is_named() {
        let durable = QueueSettings {
            durable: true,
            ..QueueSettings::default()
        };
        assert!(durable.check_equivalent(&durable, "q", "/").is_ok());
        let error = QueueSettings::default()
            .check_equivalent(&durable, "q", "/")
            .expect_err("different");
        assert_eq!(
            error.text,
            "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': \
             received 'false' but current is 'true'"
        );
    }
}
