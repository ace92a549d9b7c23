//! `mig-agent -q`: asking a running agent through its status page.

use std::io::Write;
use std::time::{Duration, Instant};

use http::StatusCode;
use thiserror::Error;

use super::IDENTITY_HEADER;
use crate::http::{Ask, HttpError};

/// Pause between two looks at whether the agent is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Time an agent gets to end: it stops modules and stores their results.
const SHUTDOWN: Duration = Duration::from_secs(60);

/// Why a question was not answered.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The configuration turns the status page off.
    #[error("the agent has no status page: `socket` in [agent] is empty")]
    Disabled,
    /// Not a question.
    #[error("unknown query `{0}`; ask for `pid` or `shutdown`")]
    Unknown(String),
    /// No agent answers there.
    #[error("no agent answers on {address}: {source}")]
    NoAgent {
        /// Where it was asked.
        address: String,
        /// What happened.
        source: HttpError,
    },
    /// There is no identity to prove anything with.
    #[error("cannot read the agent's identity in {0}; run this as the user mig-agent runs as")]
    NoIdentity(String),
    /// The agent said no.
    #[error("the agent on {address} refused: {answer}")]
    Refused {
        /// Where it was asked.
        address: String,
        /// Its answer.
        answer: String,
    },
    /// It did not go.
    #[error("the agent on {0} is still there after 60 s")]
    StillThere(String),
}

/// Asks for the process id.
///
/// # Errors
/// Nobody answers, or not with a number.
pub async fn pid(address: &str) -> Result<u32, QueryError> {
    let body = ask(address, "/pid", &[]).await?;
    body.trim().parse().map_err(|_| QueryError::Refused {
        address: address.to_owned(),
        answer: first_line(&body),
    })
}

/// Asks the agent to end and waits until it did, printing a dot to `dots` now
/// and then.
///
/// # Errors
/// Nobody answers, the agent refuses, or it is still there after a minute.
pub async fn shut_down(
    address: &str,
    secret: &str,
    dots: &mut dyn Write,
) -> Result<(), QueryError> {
    ask(address, "/shutdown", &[(IDENTITY_HEADER, secret)]).await?;
    let end = Instant::now() + SHUTDOWN;
    while pid(address).await.is_ok() {
        if Instant::now() >= end {
            return Err(QueryError::StillThere(address.to_owned()));
        }
        let _ = write!(dots, ".");
        let _ = dots.flush();
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

async fn ask(address: &str, path: &str, headers: &[(&str, &str)]) -> Result<String, QueryError> {
    if address.is_empty() {
        return Err(QueryError::Disabled);
    }
    let url = format!("http://{address}{path}");
    let mut ask = Ask::get(&url);
    ask.headers = headers;
    ask.total = Duration::from_secs(10);
    let (status, body) = ask.send().await.map_err(|source| QueryError::NoAgent {
        address: address.to_owned(),
        source,
    })?;
    let body = String::from_utf8_lossy(&body).into_owned();
    if status == StatusCode::OK {
        return Ok(body);
    }
    Err(QueryError::Refused {
        address: address.to_owned(),
        answer: first_line(&body),
    })
}

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(120)
        .collect::<String>()
        .escape_debug()
        .to_string()
}
