//! One request for a whole table, and its answer.

use super::message::{HEADER, Malformed, Messages, u32_at};
use mig_plugin_sdk::Failure;
use std::io;

/// `NLM_F_REQUEST` and `NLM_F_DUMP`.
const REQUEST_DUMP: u16 = 0x0301;
/// `NLM_F_DUMP_INTR`: the table changed while it was read.
const CHANGED: u16 = 0x10;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;
/// The number of the only request that a socket makes.
const SEQUENCE: u32 = 1;
/// Messages in a row that answer something else before the kernel is given up.
const MOST_STRAYS: u32 = 1000;
/// Larger than any datagram of a dump: the kernel makes none above 32 KiB.
const BUFFER: usize = 64 << 10;

/// What a dump asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Kind of the request's message.
    pub kind: u16,
    /// Its payload.
    pub body: Vec<u8>,
}

/// A socket on which one request is made.
pub trait Transport {
    /// Hands the request to the kernel.
    ///
    /// # Errors
    /// The system's.
    fn send(&mut self, request: &[u8]) -> io::Result<()>;

    /// Waits for the kernel's next datagram and returns its whole length, also
    /// when that is more than the buffer holds.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when the kernel stays silent.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Whoever wants to know what the table has.
pub trait Listener {
    /// One entry.
    ///
    /// # Errors
    /// When the message is damaged: ends the dump.
    fn hear(&mut self, kind: u16, payload: &[u8]) -> Result<(), Malformed>;

    /// Time to breathe, after each datagram.
    ///
    /// # Errors
    /// When the run must end.
    fn rest(&mut self) -> Result<(), Failure>;
}

/// How a dump that came to its end ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With all there is.
    Whole,
    /// The table changed meanwhile: entries may be missing, or come twice.
    Changed,
}

/// Why a table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The system refused.
    #[error("{0}")]
    System(#[from] io::Error),
    /// The answer is not what the format says.
    #[error("damaged answer: {0}")]
    Damaged(#[from] Malformed),
    /// There is no way into the namespace.
    #[error("{0}")]
    Closed(String),
    /// The run must end.
    #[error("{0}")]
    Stopped(Failure),
}

/// Makes a request and hands every entry of the answer to the listener.
///
/// # Errors
/// What went wrong; the listener may have heard a part.
pub fn dump(
    transport: &mut dyn Transport,
    request: &Request,
    listener: &mut dyn Listener,
) -> Result<End, Trouble> {
    transport.send(&encoded(request))?;
    let mut buffer = vec![0; BUFFER];
    let mut end = End::Whole;
    let mut strays = 0;
    loop {
        let length = match transport.receive(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(silent(error)),
        };
        let datagram = buffer
            .get(..length)
            .ok_or(Malformed("a datagram is larger than any should be"))?;
        let mut done = false;
        let mut heard = false;
        for message in Messages::new(datagram) {
            let message = message?;
            if message.sequence != SEQUENCE {
                continue;
            }
            heard = true;
            if message.flags & CHANGED != 0 {
                end = End::Changed;
            }
            match message.kind {
                NLMSG_NOOP => {}
                NLMSG_ERROR | NLMSG_DONE => {
                    outcome(message.kind, message.payload)?;
                    done = true;
                    break;
                }
                NLMSG_OVERRUN => return Err(Malformed("the kernel lost a part").into()),
                kind => listener.hear(kind, message.payload)?,
            }
        }
        listener.rest().map_err(Trouble::Stopped)?;
        if done {
            return Ok(end);
        }
        strays = if heard { 0 } else { strays + 1 };
        if strays > MOST_STRAYS {
            return Err(Malformed("the kernel answers other questions").into());
        }
    }
}

fn encoded(request: &Request) -> Vec<u8> {
    let length = HEADER + request.body.len();
    let mut bytes = Vec::with_capacity(length);
    // Requests are a few dozen bytes.
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    bytes.extend(request.kind.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    bytes.extend(SEQUENCE.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(&request.body);
    bytes
}

/// An error message, and the end of a dump, carry a negated error number. The
/// end may lack it; 0 is success.
fn outcome(kind: u16, payload: &[u8]) -> Result<(), Trouble> {
    let code = match u32_at(payload, 0) {
        Some(code) => code.cast_signed(),
        None if kind == NLMSG_DONE => 0,
        None => return Err(Malformed("an error message is cut off").into()),
    };
    match code.checked_neg() {
        Some(0) => Ok(()),
        Some(code) if code > 0 => Err(io::Error::from_raw_os_error(code).into()),
        _ => Err(Malformed("an error that is none").into()),
    }
}

fn silent(error: io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::WouldBlock => Malformed("the kernel does not go on").into(),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::testing::{Script, message};

    #[derive(Default)]
    struct Ear {
        heard: Vec<(u16, Vec<u8>)>,
        rests: usize,
        patience: Option<usize>,
    }

    impl Listener for Ear {
        fn hear(&mut self, kind: u16, payload: &[u8]) -> Result<(), Malformed> {
            self.heard.push((kind, payload.to_vec()));
            if payload == b"bad!" {
                return Err(Malformed("bad"));
            }
            Ok(())
        }

        fn rest(&mut self) -> Result<(), Failure> {
            self.rests += 1;
            match self.patience {
                Some(most) if self.rests > most => Err(Failure::cancelled()),
                _ => Ok(()),
            }
        }
    }

    fn request() -> Request {
        Request {
            kind: 20,
            body: vec![1, 2, 3, 4],
        }
    }

    fn hear(datagrams: Vec<Vec<u8>>) -> (Result<End, Trouble>, Ear, Script) {
        let mut ear = Ear::default();
        let mut script = Script::of(datagrams);
        let end = dump(&mut script, &request(), &mut ear);
        (end, ear, script)
    }

    fn done(code: i32) -> Vec<u8> {
        message(NLMSG_DONE, 2, SEQUENCE, &code.to_ne_bytes())
    }

    #[test]
    fn a_table_comes_in_several_datagrams() {
        let mut first = message(20, 2, SEQUENCE, b"one.");
        first.extend(message(NLMSG_NOOP, 0, SEQUENCE, b""));
        // Of another request.
        first.extend(message(20, 2, SEQUENCE + 1, b"not!"));
        first.extend(message(20, 2, SEQUENCE, b"two."));
        let (end, ear, script) = hear(vec![first, message(21, 2, SEQUENCE, b"3"), done(0)]);
        assert_eq!(end.unwrap(), End::Whole);
        let wanted = [(20, "one."), (20, "two."), (21, "3")];
        let wanted = wanted.map(|(kind, text)| (kind, text.as_bytes().to_vec()));
        assert_eq!(ear.heard, wanted);
        assert_eq!(ear.rests, 3);
        // Header: length, kind, request and dump, number, no port; then the body.
        let mut sent = 20u32.to_ne_bytes().to_vec();
        sent.extend(20u16.to_ne_bytes());
        sent.extend(0x301u16.to_ne_bytes());
        sent.extend(1u32.to_ne_bytes());
        sent.extend([0, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(script.sent, [sent]);
    }

    #[test]
    fn a_change_underneath_is_told() {
        let entry = message(20, 2 | CHANGED, SEQUENCE, b"one.");
        let (end, ear, _) = hear(vec![entry, done(0)]);
        assert_eq!((end.unwrap(), ear.heard.len()), (End::Changed, 1));
        // The flag may come with the end alone.
        let last = message(NLMSG_DONE, 2 | CHANGED, SEQUENCE, &[0; 4]);
        let (end, ..) = hear(vec![last]);
        assert_eq!(end.unwrap(), End::Changed);
    }

    #[test]
    fn refusals_come_as_error_message_or_with_the_end() {
        let mut error = (-libc::EPERM).to_ne_bytes().to_vec();
        error.extend([0; 16]);
        for (datagram, code) in [
            (message(NLMSG_ERROR, 0, SEQUENCE, &error), libc::EPERM),
            (done(-libc::ENOENT), libc::ENOENT),
        ] {
            match hear(vec![datagram]).0 {
                Err(Trouble::System(error)) => assert_eq!(error.raw_os_error(), Some(code)),
                other => panic!("{other:?}"),
            }
        }
        // An acknowledgement and an end without a code are good ends.
        for datagram in [
            message(NLMSG_ERROR, 0, SEQUENCE, &[0; 4]),
            message(NLMSG_DONE, 0, SEQUENCE, &[]),
        ] {
            assert_eq!(hear(vec![datagram]).0.unwrap(), End::Whole);
        }
    }

    #[test]
    fn damage_ends_the_dump_with_a_reason() {
        let entry = message(20, 2, SEQUENCE, b"one.");
        let mut long = vec![0; BUFFER + 1];
        long[..entry.len()].copy_from_slice(&entry);
        for (what, datagram) in [
            ("cut off", entry[..entry.len() - 1].to_vec()),
            ("too large for the buffer", long),
            (
                "an error without a code",
                message(NLMSG_ERROR, 0, SEQUENCE, b"ab"),
            ),
            (
                "an error with a positive code",
                message(NLMSG_ERROR, 0, SEQUENCE, &[1; 4]),
            ),
            ("a code that cannot be negated", done(i32::MIN)),
            ("lost messages", message(NLMSG_OVERRUN, 0, SEQUENCE, b"")),
            ("refused by the listener", message(20, 2, SEQUENCE, b"bad!")),
        ] {
            let (end, ..) = hear(vec![datagram, done(0)]);
            assert!(matches!(end, Err(Trouble::Damaged(_))), "{what}: {end:?}");
        }
        // Silence before the end.
        let (end, ear, _) = hear(vec![entry]);
        assert!(matches!(end, Err(Trouble::Damaged(_))), "{end:?}");
        assert_eq!(ear.heard.len(), 1);
    }

    #[test]
    fn endless_answers_to_other_questions_are_given_up() {
        let stray = message(20, 2, SEQUENCE + 5, b"one.");
        let (end, ear, _) = hear(vec![stray; 2 * MOST_STRAYS as usize]);
        assert!(matches!(end, Err(Trouble::Damaged(_))), "{end:?}");
        assert!(ear.heard.is_empty());
    }

    #[test]
    fn the_run_can_be_ended_between_two_datagrams() {
        let mut ear = Ear {
            patience: Some(1),
            ..Ear::default()
        };
        let entry = message(20, 2, SEQUENCE, b"one.");
        let mut script = Script::of(vec![entry.clone(), entry.clone(), entry, done(0)]);
        let end = dump(&mut script, &request(), &mut ear);
        assert!(matches!(end, Err(Trouble::Stopped(_))), "{end:?}");
        assert_eq!(ear.heard.len(), 2);
    }
}
