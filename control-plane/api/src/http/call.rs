//! A request as handlers see it, and what they answer.

use std::net::IpAddr;

use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use mig_protocol::{Id, Investigator, to_go_json};
use serde::Serialize;

use crate::collection::{Document, Item};
use crate::error::{ApiError, ApiResult};

/// A request that was let in.
#[derive(Debug)]
pub(crate) struct Call {
    /// Ties the answer to the log.
    pub(crate) operation: Id,
    /// URL as the client sees it.
    pub(crate) href: String,
    /// The last part of the path, for endpoints that have one.
    pub(crate) last_part: Option<String>,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Address of the caller.
    pub(crate) client: IpAddr,
    /// Who calls; `None` at public endpoints.
    pub(crate) caller: Option<Investigator>,
}

/// The parameters behind the question mark. The first value of a name counts.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Query {
        Query(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// A parameter; one without a value counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// A parameter read as something.
    ///
    /// # Errors
    /// It is there but is none.
    pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> ApiResult<Option<T>> {
        self.get(name)
            .map(|value| {
                value
                    .parse()
                    .map_err(|error| ApiError::bad_request(format!("parameter {name}: {error}")))
            })
            .transpose()
    }

    /// An identifier that has to be there.
    ///
    /// # Errors
    /// It is missing, no number, or 0.
    pub(crate) fn id(&self, name: &str, what: &str) -> ApiResult<Id> {
        let id: Option<Id> = self.parsed(name)?;
        id.filter(|id| !id.is_zero()).ok_or_else(|| {
            let given = self.get(name).unwrap_or_default();
            ApiError::bad_request(format!(
                "Invalid {what} ID '{}'; parameter {name} must be a number above 0",
                given.escape_debug()
            ))
        })
    }

    /// All parameters.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// What a handler answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Items as Collection+JSON.
    ///
    /// # Errors
    /// A stored document cannot be written as JSON.
    pub(crate) fn items(call: &Call, status: StatusCode, items: Vec<Item>) -> ApiResult<Answer> {
        Answer::json(status, &Document::new(call.href.clone(), items))
    }

    /// Any JSON.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn json<T: Serialize>(status: StatusCode, document: &T) -> ApiResult<Answer> {
        Ok(Answer {
            status,
            body: to_go_json(document).map_err(ApiError::internal)?,
        })
    }

    /// Plain text.
    pub(crate) fn text(status: StatusCode, text: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status,
            body: text.into(),
        }
    }

    /// An error as Collection+JSON.
    pub(crate) fn error(href: &str, operation: Id, error: ApiError) -> Answer {
        let document =
            Document::new(href.to_owned(), error.items).with_error(operation, error.message);
        Answer {
            status: error.status,
            // Nothing in an error's items can fail to be written.
            body: to_go_json(&document).unwrap_or_default(),
        }
    }
}
