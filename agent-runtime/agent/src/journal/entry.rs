//! What the journal knows of one command while the agent runs.

use std::fs::File;
use std::io;
use std::time::Duration;

use super::record::{self, Span};
use super::{KEEP_SENT, KEEP_SENT_TOTAL, ReplayKey};

/// A document, on the disk or, where the disk refused it, in memory.
pub(super) enum Body {
    Stored(Span),
    Held(Vec<u8>),
}

impl Body {
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Stored(span) => span.length as usize,
            Self::Held(bytes) => bytes.len(),
        }
    }

    pub(super) fn read(&self, file: &File) -> io::Result<Vec<u8>> {
        match self {
            Self::Stored(span) => record::read_body(file, *span),
            Self::Held(bytes) => Ok(bytes.clone()),
        }
    }
}

/// The answer to a command.
pub(super) struct Answer {
    /// None once it need not be kept.
    pub body: Option<Body>,
    /// Whether the relay confirmed it.
    pub sent: bool,
    /// A refusal or a notice: nothing is gained by shortening it.
    pub short: bool,
}

/// One command.
pub(super) struct Entry {
    pub id: u64,
    /// None for a refused command: nothing ran, nothing to guard against.
    pub key: Option<ReplayKey>,
    pub until: i64,
    /// When it was first seen to be over, by the journal's steady clock.
    pub over_since: Option<Duration>,
    pub command: Body,
    pub started: Vec<u32>,
    pub answer: Option<Answer>,
}

impl Entry {
    /// Bytes of the answer if it still waits to be sent.
    pub(super) fn unsent_bytes(&self) -> Option<u64> {
        let answer = self.answer.as_ref().filter(|answer| !answer.sent)?;
        answer.body.as_ref().map(|body| body.length() as u64)
    }

    /// Bytes of a sent answer that is kept for a redelivery.
    pub(super) fn kept_bytes(&self) -> u64 {
        self.answer
            .as_ref()
            .filter(|answer| answer.sent)
            .and_then(|answer| answer.body.as_ref())
            .map_or(0, |body| body.length() as u64)
    }

    /// The answer arrived. The command is not needed any longer; the answer is
    /// kept while there is room, `kept` bytes being taken already.
    pub(super) fn mark_sent(&mut self, kept: u64) {
        self.command = Body::Held(Vec::new());
        if let Some(answer) = &mut self.answer {
            answer.sent = true;
            let length = answer.body.as_ref().map_or(0, Body::length);
            if self.key.is_none() || length > KEEP_SENT || kept + length as u64 > KEEP_SENT_TOTAL {
                answer.body = None;
            }
        }
    }
}
