//! One line per request.

use std::net::IpAddr;

use ::http::{HeaderMap, Method, Version};
use mig_protocol::{Id, Investigator};

use crate::endpoints::Access;

/// What is written about a request besides its answer.
pub(super) struct Seen {
    pub(super) operation: Id,
    pub(super) client: IpAddr,
    pub(super) access: Option<Access>,
    pub(super) method: Method,
    pub(super) version: Version,
    /// Path and query as sent.
    pub(super) uri: String,
    pub(super) user_agent: String,
}

impl Seen {
    pub(super) fn user_agent(headers: &HeaderMap) -> String {
        let value = headers.get(::http::header::USER_AGENT);
        let value = value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        value.unwrap_or_default()
    }

    /// Writes the line. Text of the caller cannot forge another one.
    pub(super) fn write(&self, caller: Option<&Investigator>, status: u16, size: usize) {
        let category = match self.access {
            Some(Access::Investigator(_)) => "investigator",
            Some(Access::Public) | None => "public",
        };
        let (name, id) = caller.map_or(("noauth", Id(0)), |caller| (&caller.name, caller.id));
        tracing::info!(
            op = self.operation.0,
            "src={} category={category} auth=[{} {id}] {} {:?} {} resp_code={status} resp_size={size} user-agent={}",
            self.client,
            name.escape_debug(),
            self.method,
            self.version,
            self.uri.escape_debug(),
            self.user_agent.escape_debug(),
        );
    }
}
