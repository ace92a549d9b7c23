//! What can go wrong between a person and the control plane.

use thiserror::Error;

/// Errors of the client library. The text is what a person sees.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The configuration file is absent.
    #[error(
        "{path}: no configuration file; write one with [api] url and [gpg] keyfile, or name one with -c"
    )]
    NoConfiguration {
        /// Where it was looked for.
        path: String,
    },
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration is refused; the text names file, line and key.
    #[error("{0}")]
    Configuration(String),
    /// Nothing can be reached under the API's address.
    #[error("cannot reach the API at {url}: {reason}")]
    Unreachable {
        /// Address asked.
        url: String,
        /// What the transport says.
        reason: String,
    },
    /// The API refuses, and says why.
    #[error("the API refuses ({status}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The API's reason.
        message: String,
    },
    /// A body that does not have the promised form.
    #[error("the API's answer is not {what}: is the URL right?")]
    Answer {
        /// What was expected.
        what: &'static str,
        /// What the decoder says.
        source: serde_json::Error,
    },
    /// A document that the answer should hold.
    #[error("the API's answer holds no {0}")]
    Missing(&'static str),
    /// The key cannot sign.
    #[error("cannot sign: {0}")]
    Signing(String),
    /// An action file or an action that cannot be launched.
    #[error("{0}")]
    Action(String),
    /// A module that is not there or does not do what was asked of it.
    #[error("{0}")]
    Module(String),
    /// The API's address has changed, or leads through http where https is meant.
    #[error("the API has moved to {to}; set [api] url to where it is now")]
    Moved {
        /// Where the answer points.
        to: String,
    },
    /// The target matches nobody.
    #[error("no agent matches the target `{0}`; `mig` targets online agents unless told otherwise")]
    NoAgents(String),
}

impl ClientError {
    /// True when a search found nothing. Any other 404 means that the address
    /// leads elsewhere, which must not pass for an answer.
    pub fn is_nothing_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, message } if message == "no results found")
    }
}
