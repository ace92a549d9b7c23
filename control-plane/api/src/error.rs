//! Why a request fails: what the caller reads and what the log says are apart.

use ::http::StatusCode;
use mig_store::StoreError;

use crate::collection::Item;

/// Result of a handler.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// Why a request fails.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// One line for the caller.
    pub(crate) message: String,
    /// For the log only.
    pub(crate) cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// Items that go with the error.
    pub(crate) items: Vec<Item>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            message: message.into(),
            cause: None,
            items: Vec::new(),
        }
    }

    /// The request cannot be understood or is not allowed by the rules.
    pub(crate) fn bad_request(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    /// The caller did not prove who they are, or may not do this; the original
    /// has one status for both.
    pub(crate) fn unauthorized(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, message)
    }

    /// The server failed.
    pub(crate) fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ApiError {
        ApiError {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "the server could not do this; its log says why under this code".to_owned(),
            cause: Some(cause.into()),
            items: Vec::new(),
        }
    }

    /// Items that go with the error.
    pub(crate) fn with_items(mut self, items: Vec<Item>) -> ApiError {
        self.items = items;
        self
    }

    /// Message and everything that led to it, for the log.
    pub(crate) fn for_log(&self) -> String {
        let mut text = self.message.clone();
        let mut cause: Option<&dyn std::error::Error> = match &self.cause {
            Some(cause) => Some(cause.as_ref()),
            None => None,
        };
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match &error {
            StoreError::NotFound { .. } => ApiError::not_found(error.to_string()),
            StoreError::Duplicate { .. } | StoreError::Conflict { .. } | StoreError::LastAdmin => {
                ApiError::bad_request(error.to_string())
            }
            // No 503, which means that nothing was done and invites to try again.
            StoreError::Unsure { .. } => ApiError {
                cause: Some(error.into()),
                ..ApiError::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "the connection to the server's database was lost, and it is not known \
                     whether this was stored; look it up by its name or identifier before you \
                     send it again",
                )
            },
            StoreError::Full { .. } => ApiError {
                cause: Some(error.into()),
                ..ApiError::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the disk of the server's database is full and nothing was stored; try again \
                     when there is room",
                )
            },
            _ => ApiError::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_stored_is_never_denied() {
        let unsure = StoreError::Unsure {
            database: "mig at 192.0.2.1".into(),
            doing: "stored an action",
            reason: "gone".into(),
        };
        let error = ApiError::from(unsure);
        assert_eq!(error.status, StatusCode::GATEWAY_TIMEOUT);
        assert!(error.message.contains("not known whether"));
        assert!(error.message.contains("look it up"), "{}", error.message);
        assert!(!error.message.contains("192.0.2.1"));
        assert!(error.for_log().ends_with("stored an action: gone"));
    }
}
