//! The refusals of AMQP 0-9-1: a code, a sentence, and whether they end the
//! channel or the whole connection.

use amq_protocol::protocol::{AMQPHardError, AMQPSoftError};

/// What a refusal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The channel on which it happened (a "soft" error).
    Channel,
    /// The connection with all its channels (a "hard" error).
    Connection,
}

/// A refusal as it goes to the client in `channel.close` or `connection.close`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Exception {
    pub scope: Scope,
    pub code: u16,
    /// `NOT_FOUND - no queue 'x' in vhost '/'`
    pub text: String,
}

impl Exception {
    /// A refusal that ends the channel.
    pub fn soft(kind: AMQPSoftError, reason: impl AsRef<str>) -> Self {
        Self {
            scope: Scope::Channel,
            code: kind.get_id(),
            text: sentence(&kind.to_string(), reason.as_ref()),
        }
    }

    /// A refusal that ends the connection.
    pub fn hard(kind: AMQPHardError, reason: impl AsRef<str>) -> Self {
        Self {
            scope: Scope::Connection,
            code: kind.get_id(),
            text: sentence(&kind.to_string(), reason.as_ref()),
        }
    }

    /// A failed login: the one soft code that ends a connection.
    pub fn login_refused(mechanism: &str) -> Self {
        Self {
            scope: Scope::Connection,
            ..Self::access_refused(format!(
                "Login was refused using authentication mechanism {mechanism}. \
                 For details see the relay's log."
            ))
        }
    }

    /// 403, ends the channel.
    pub fn access_refused(reason: impl AsRef<str>) -> Self {
        Self::soft(AMQPSoftError::ACCESSREFUSED, reason)
    }

    /// 404, ends the channel.
    pub fn not_found(reason: impl AsRef<str>) -> Self {
        Self::soft(AMQPSoftError::NOTFOUND, reason)
    }

    /// 405, ends the channel.
    pub fn resource_locked(reason: impl AsRef<str>) -> Self {
        Self::soft(AMQPSoftError::RESOURCELOCKED, reason)
    }

    /// 406, ends the channel.
    pub fn precondition_failed(reason: impl AsRef<str>) -> Self {
        Self::soft(AMQPSoftError::PRECONDITIONFAILED, reason)
    }

    /// 501, ends the connection.
    pub fn frame_error(reason: impl AsRef<str>) -> Self {
        Self::hard(AMQPHardError::FRAMEERROR, reason)
    }

    /// 502, ends the connection.
    pub fn syntax_error(reason: impl AsRef<str>) -> Self {
        Self::hard(AMQPHardError::SYNTAXERROR, reason)
    }

    /// 503, ends the connection.
    pub fn command_invalid(reason: impl AsRef<str>) -> Self {
        Self::hard(AMQPHardError::COMMANDINVALID, reason)
    }

    /// 504, ends the connection.
    pub fn channel_error(reason: impl AsRef<str>) -> Self {
        Self::hard(AMQPHardError::CHANNELERROR, reason)
    }

    /// 505, ends the connection.
    pub fn unexpected_frame(reason: impl AsRef<str>) -> Self {
        Self::hard(AMQPHardError::UNEXPECTEDFRAME, reason)
    }

    /// 530, ends the connection.
    pub fn not_allowed(reason: impl AsRef<str>) -> Self {
        Self::hard(AMQPHardError::NOTALLOWED, reason)
    }

    /// 540, ends the connection.
    pub fn not_implemented(reason: impl AsRef<str>) -> Self {
        Self::hard(AMQPHardError::NOTIMPLEMENTED, reason)
    }

    /// 541, ends the connection.
    pub fn internal_error(reason: impl AsRef<str>) -> Self {
        Self::hard(AMQPHardError::INTERNALERROR, reason)
    }
}

fn sentence(name: &str, reason: &str) -> String {
    // Names read `NOT-FOUND` in the specification and `NOT_FOUND` in what
    // clients of RabbitMQ are used to.
    format!("{} - {reason}", name.replace('-', "_"))
}

/// The longest prefix of `text` that fits the 255 bytes of a short string.
pub(crate) fn short(text: &str) -> &str {
    let mut end = text.len().min(255);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_scopes_are_those_of_the_specification() {
        let table = [
            (Exception::access_refused("x"), 403, Scope::Channel),
            (Exception::not_found("x"), 404, Scope::Channel),
            (Exception::resource_locked("x"), 405, Scope::Channel),
            (Exception::precondition_failed("x"), 406, Scope::Channel),
            (Exception::login_refused("PLAIN"), 403, Scope::Connection),
            (Exception::frame_error("x"), 501, Scope::Connection),
            (Exception::syntax_error("x"), 502, Scope::Connection),
            (Exception::command_invalid("x"), 503, Scope::Connection),
            (Exception::channel_error("x"), 504, Scope::Connection),
            (Exception::unexpected_frame("x"), 505, Scope::Connection),
            (Exception::not_allowed("x"), 530, Scope::Connection),
            (Exception::not_implemented("x"), 540, Scope::Connection),
            (Exception::internal_error("x"), 541, Scope::Connection),
        ];
        for (exception, code, scope) in table {
            assert_eq!(
                (exception.code, exception.scope),
                (code, scope),
                "{exception}"
            );
        }
        assert_eq!(
            Exception::not_found("no queue 'q'").text,
            "NOT_FOUND - no queue 'q'"
        );
    }

    #[test]
    fn reply_texts_are_cut_at_a_character() {
        let text = "é".repeat(200);
        assert_eq!(short(&text).len(), 254);
        assert_eq!(short("abc"), "abc");
    }
}
