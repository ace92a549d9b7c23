//! How an operation fails.

use mig_plugin_abi::code;
use mig_plugin_payload::ResultDocument;
use std::path::Path;

/// Why an operation ended early: a stable code and one line for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// One of [`mig_plugin_abi::code`], never `OK`.
    pub code: i32,
    /// What went wrong, naming the thing and the remedy.
    pub message: String,
    /// The parameter, flag or element place it is about.
    pub field: Option<String>,
    /// What the run can say nevertheless, for example statistics so far.
    pub partial: Option<Box<ResultDocument>>,
}

impl Failure {
    /// A failure with any code.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            partial: None,
        }
    }

    /// The parameter or flag `field` is not acceptable.
    pub fn bad_parameters(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(code::BAD_PARAMETERS, message)
        }
    }

    /// The host asked the operation to end.
    pub fn cancelled() -> Self {
        Self::new(code::CANCELLED, "cancelled")
    }

    /// A budget ran out, or the host takes no more output.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(code::LIMIT, message)
    }

    /// The operating system failed at `path`.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::PermissionDenied => code::PERMISSION,
            _ => code::IO,
        };
        Self::new(code, format!("{}: {error}", path.display()))
    }

    /// The module cannot do this, or not on this system.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(code::UNSUPPORTED, message)
    }

    /// Adds what the run can say nevertheless.
    #[must_use]
    pub fn with_partial(mut self, partial: ResultDocument) -> Self {
        self.partial = Some(Box::new(partial));
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::PermissionDenied => code::PERMISSION,
            _ => code::IO,
        };
        Self::new(code, error.to_string())
    }
}
