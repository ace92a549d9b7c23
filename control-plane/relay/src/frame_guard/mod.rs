//! What is checked on a frame before any codec sees it: its size, its end, and
//! how deeply its tables nest.
//!
//! The codec recurses into nested tables, so 14 KB sent before login would
//! exhaust its stack; and it believes the announced size, so the first seven
//! bytes would decide how much memory a stranger gets.

mod layout;
mod table;

use crate::exception::Exception;
pub(crate) use layout::{check_method, method_id};
pub(crate) use table::check_table;

/// Bytes of type, channel and size before the payload.
pub(crate) const HEADER: usize = 7;
/// Bytes of a frame that are not payload.
pub(crate) const OVERHEAD: usize = HEADER + 1;
/// The largest frame accepted before `tune-ok`, and the smallest `frame_max` a
/// client may ask for.
pub(crate) const MINIMUM_FRAME_MAX: usize = 4096;

const FRAME_END: u8 = 0xCE;

/// The four kinds of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Method,
    Header,
    Body,
    Heartbeat,
}

/// What the start of a buffer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scan {
    /// Not a whole frame yet: so many bytes make it one (or reveal its size).
    Incomplete { needed: usize },
    /// A whole frame; its payload starts at [`HEADER`].
    Frame {
        kind: FrameKind,
        channel: u16,
        payload: usize,
    },
}

/// Looks at the frame at the start of `buffer`. `frame_max` counts the whole
/// frame, header and end included, and is enforced from the header alone.
///
/// # Errors
/// 501 for an unknown type, an oversized frame or a wrong end byte.
pub(crate) fn scan(buffer: &[u8], frame_max: usize) -> Result<Scan, Exception> {
    let Some(header) = buffer.first_chunk::<HEADER>() else {
        return Ok(Scan::Incomplete { needed: HEADER });
    };
    let [kind, c0, c1, s0, s1, s2, s3] = *header;
    let kind = match kind {
        1 => FrameKind::Method,
        2 => FrameKind::Header,
        3 => FrameKind::Body,
        8 => FrameKind::Heartbeat,
        other => {
            return Err(Exception::frame_error(format!(
                "unknown frame type {other}"
            )));
        }
    };
    let channel = u16::from_be_bytes([c0, c1]);
    let payload = u32::from_be_bytes([s0, s1, s2, s3]) as usize;
    if payload > frame_max.saturating_sub(OVERHEAD) {
        return Err(Exception::frame_error(format!(
            "frame of {payload} bytes exceeds the {frame_max} allowed here"
        )));
    }
    let whole = payload + OVERHEAD;
    match buffer.get(whole - 1) {
        None => Ok(Scan::Incomplete { needed: whole }),
        Some(&FRAME_END) => Ok(Scan::Frame {
            kind,
            channel,
            payload,
        }),
        Some(other) => Err(Exception::frame_error(format!(
            "frame ends with {other:#04x} instead of {FRAME_END:#04x}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, channel: u16, payload: &[u8], end: u8) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend(channel.to_be_bytes());
        bytes.extend((payload.len() as u32).to_be_bytes());
        bytes.extend(payload);
        bytes.push(end);
        bytes
    }

    #[test]
    fn a_whole_frame_is_recognised_and_a_half_one_waits() {
        let bytes = frame(3, 7, b"abc", FRAME_END);
        for cut in 0..bytes.len() {
            let needed = if cut < HEADER { HEADER } else { bytes.len() };
            assert_eq!(scan(&bytes[..cut], 4096), Ok(Scan::Incomplete { needed }));
        }
        assert_eq!(
            scan(&bytes, 4096),
            Ok(Scan::Frame {
                kind: FrameKind::Body,
                channel: 7,
                payload: 3
            })
        );
    }

    #[test]
    fn size_type_and_end_are_checked() {
        let at_limit = frame(1, 0, &[0; 4088], FRAME_END);
        assert!(matches!(scan(&at_limit, 4096), Ok(Scan::Frame { .. })));
        let oversized = [1, 0, 0, 0, 0, 0x0F, 0xF9];
        assert_eq!(scan(&oversized, 4096).unwrap_err().code, 501);
        let huge = [3, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(scan(&huge, 131_072).unwrap_err().code, 501);
        assert_eq!(scan(b"GET / H", 4096).unwrap_err().code, 501);
        assert_eq!(scan(&frame(1, 0, b"", 0), 4096).unwrap_err().code, 501);
    }
}
