//! The stream from a worker to its host: frames of kind, place and payload.
//!
//! Eight bytes of header: kind, zero, length of the place (16 bits) and of the
//! payload (32 bits), little-endian; then the place, then the payload. The
//! first frame is [`Kind::Ready`], the last one [`Kind::End`]. Whatever a worker
//! sends after it loaded foreign code may be foreign, so the reading side
//! trusts no length and buffers no more than it was told to accept.

/// Bytes before the place.
pub(crate) const HEADER: usize = 8;
/// Longest place, in bytes.
pub(crate) const MAX_PLACE: usize = 4096;
/// Longest payload of the small frames: logs, progress, reports.
const MAX_SMALL: usize = 64 << 10;
/// What a reader keeps in reserve while nothing comes.
const IDLE: usize = 4 << 10;
/// Longest alert of a serving module.
pub(crate) const MAX_ALERT: usize = 256 << 10;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The sandbox stands; payload: its report as JSON.
    Ready = 1,
    /// One finding at a place; payload in the profile.
    Element = 2,
    /// The rest of the answer; payload in the profile.
    Result = 3,
    /// Error record of the module; payload in the profile.
    Error = 4,
    /// Log line; payload: severity byte, then text.
    Log = 5,
    /// Progress; payload: two 64-bit numbers.
    Progress = 6,
    /// The worker left out output beyond the limit.
    Full = 7,
    /// The module could not be loaded or broke the rules; payload: why.
    Refused = 8,
    /// The operation returned for the last input; payload: its code, 32 bits.
    End = 9,
    /// The operation returned and is called again for the next input; payload
    /// as of the end.
    Next = 10,
    /// What the operation left behind, before the end; payload: JSON. Sent only
    /// when it was asked for.
    Diagnosis = 11,
    /// A serving module is at work.
    Attending = 12,
    /// Echo of a ping; place: its number, as in all of the following.
    Pong = 13,
    /// An alert of a serving module; payload: its text.
    Alert = 14,
    /// Answer to a query; payload in the profile.
    Answer = 15,
    /// Error record for a query; payload in the profile.
    Failure = 16,
    /// Forwarded alerts up to this number are in safe keeping.
    Stored = 17,
    /// Status of a serving module; payload in the profile.
    Status = 18,
    /// The worker left out so many log lines.
    LogsLeftOut = 19,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Kind::Ready,
            2 => Kind::Element,
            3 => Kind::Result,
            4 => Kind::Error,
            5 => Kind::Log,
            6 => Kind::Progress,
            7 => Kind::Full,
            8 => Kind::Refused,
            9 => Kind::End,
            10 => Kind::Next,
            11 => Kind::Diagnosis,
            12 => Kind::Attending,
            13 => Kind::Pong,
            14 => Kind::Alert,
            15 => Kind::Answer,
            16 => Kind::Failure,
            17 => Kind::Stored,
            18 => Kind::Status,
            19 => Kind::LogsLeftOut,
            _ => return None,
        })
    }

    /// Whether the payload counts against the output limit instead of a fixed
    /// one.
    fn is_output(self) -> bool {
        matches!(self, Kind::Element | Kind::Result | Kind::Answer)
    }
}

/// One frame, borrowed from the reader's buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    pub(crate) place: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Why a stream is not one of frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("sent bytes that are no answer (frame kind {0})")]
    UnknownKind(u8),
    #[error("sent an answer whose parts have impossible sizes")]
    Oversized,
    #[error("stopped in the middle of an answer")]
    Truncated,
    #[error("sent bytes after the end of its answer")]
    Trailing,
}

/// Appends one frame to a buffer.
pub(crate) fn append(buffer: &mut Vec<u8>, kind: Kind, place: &[u8], payload: &[u8]) {
    let place_length = u16::try_from(place.len()).unwrap_or(u16::MAX);
    let payload_length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&[kind as u8, 0]);
    buffer.extend_from_slice(&place_length.to_le_bytes());
    buffer.extend_from_slice(&payload_length.to_le_bytes());
    buffer.extend_from_slice(&place[..usize::from(place_length)]);
    buffer.extend_from_slice(&payload[..payload_length as usize]);
}

/// Cuts a stream into frames.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    start: usize,
    /// Largest payload of an output frame.
    output: usize,
    ended: bool,
}

impl Reader {
    /// A reader that accepts output frames of at most `output` bytes.
    pub(crate) fn new(output: u64) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            output: usize::try_from(output).unwrap_or(usize::MAX),
            ended: false,
        }
    }

    /// Adds what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let rest = &self.buffer[self.start..];
        if self.ended && !rest.is_empty() {
            return Err(FrameError::Trailing);
        }
        let Some(header) = rest.first_chunk::<HEADER>() else {
            return match rest.first() {
                Some(&kind) if Kind::from_byte(kind).is_none() => {
                    Err(FrameError::UnknownKind(kind))
                }
                _ => Ok(None),
            };
        };
        let kind = Kind::from_byte(header[0]).ok_or(FrameError::UnknownKind(header[0]))?;
        let place = usize::from(u16::from_le_bytes([header[2], header[3]]));
        let payload = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let most = match kind {
            Kind::Alert => MAX_ALERT,
            kind if kind.is_output() => self.output,
            _ => MAX_SMALL,
        };
        if header[1] != 0 || place > MAX_PLACE || payload > most {
            return Err(FrameError::Oversized);
        }
        let end = HEADER + place + payload;
        if rest.len() < end {
            return Ok(None);
        }
        self.ended = kind == Kind::End;
        let from = self.start + HEADER;
        self.start += end;
        Ok(Some(Frame {
            kind,
            place: &self.buffer[from..from + place],
            payload: &self.buffer[from + place..from + place + payload],
        }))
    }

    /// Gives memory back, unless it holds the beginning of a frame.
    pub(crate) fn shrink(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            self.buffer.shrink_to(IDLE);
        }
    }

    /// Says whether the stream may end here.
    pub(crate) fn finish(&self) -> Result<(), FrameError> {
        match (self.start == self.buffer.len(), self.ended) {
            (true, _) => Ok(()),
            (false, true) => Err(FrameError::Trailing),
            (false, false) => Err(FrameError::Truncated),
        }
    }
}

#[cfg(test)]
mod tests;
