//! A collector behind an HTTP or HTTPS address.

use super::{Client, Later, Sink, Verdict, answer, for_all, label};
use crate::configuration::HttpTarget;
use crate::spool::Entry;
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{HeaderName, HeaderValue};

/// Most bytes of records in one request.
const BYTES: usize = 1 << 20;

/// Posts records.
pub(super) struct Collector<'a> {
    target: &'a HttpTarget,
    batch: usize,
    client: &'a Client,
}

impl<'a> Collector<'a> {
    pub fn new(target: &'a HttpTarget, batch: usize, client: &'a Client) -> Self {
        Self {
            target,
            batch,
            client,
        }
    }

    fn headers(&self, label: &str) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = self.target.headers.clone();
        let json = HeaderValue::from_static("application/json");
        if !headers.iter().any(|(name, _)| *name == CONTENT_TYPE) {
            headers.push((CONTENT_TYPE, json));
        }
        // Of hexadecimal digits, digits, a slash and a dash.
        if let Ok(value) = HeaderValue::from_str(label) {
            headers.push((HeaderName::from_static("x-mig-alert-id"), value));
        }
        headers
    }
}

impl Sink for Collector<'_> {
    fn send(&mut self, identity: u64, batch: &[&Entry]) -> Vec<Verdict> {
        let headers = self.headers(&label(identity, batch));
        let body = body(batch, self.target.lists);
        let verdict = match self.client.post(&self.target.url, &headers, body) {
            Ok(reply) => answer::verdict(&reply),
            Err(reason) => Verdict::Later(Later::new(reason)),
        };
        for_all(batch.len(), verdict)
    }

    fn most(&self) -> usize {
        self.batch
    }

    fn bytes(&self) -> usize {
        BYTES
    }
}

/// One record, or a list of them.
fn body(batch: &[&Entry], list: bool) -> Vec<u8> {
    let records: Vec<&str> = batch.iter().map(|entry| entry.record.as_str()).collect();
    let records = records.join(",");
    match list {
        true => format!("[{records}]").into_bytes(),
        false => records.into_bytes(),
    }
}
