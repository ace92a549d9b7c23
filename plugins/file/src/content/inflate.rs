//! gzip, fed piece by piece: what is read once serves the file as it is and
//! its inside at the same time.

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// The two bytes a gzip file starts with.
pub(super) const MAGIC: [u8; 2] = [0x1F, 0x8B];
/// Header flags.
const HAS_CRC: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;

/// How a gzip file can be damaged, in the words of the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The compressed data makes no sense.
    #[error("flate: corrupt input")]
    Corrupt,
    /// The file ends early, or something else follows the last member.
    #[error("unexpected EOF")]
    UnexpectedEnd,
    /// The checksum or length behind a member is wrong.
    #[error("gzip: invalid checksum")]
    Checksum,
    /// The first header makes no sense.
    #[error("gzip: invalid header")]
    Header,
}

/// Where in a member we are.
#[derive(Debug)]
enum State {
    /// The ten fixed bytes, collected.
    Fixed,
    /// The two bytes of the length of the extra field.
    ExtraLength,
    /// So many bytes of it left.
    Extra(usize),
    /// A text up to its NUL.
    Name,
    /// A text up to its NUL.
    Comment,
    /// The two bytes of the header's own checksum.
    HeaderCrc,
    /// The compressed data.
    Body,
    /// The eight bytes behind it.
    Trailer,
}

/// Takes compressed bytes, gives the inside of all members.
pub(super) struct Inflater {
    state: State,
    /// Fixed-size parts, until they are complete.
    collected: Vec<u8>,
    flags: u8,
    first_member: bool,
    raw: Decompress,
    crc: Crc,
}

/// What one step did.
pub(super) struct Step {
    /// Bytes of input used up.
    pub read: usize,
    /// Bytes of output written.
    pub written: usize,
}

impl Inflater {
    pub fn new() -> Self {
        Self {
            state: State::Fixed,
            collected: Vec::with_capacity(10),
            flags: 0,
            first_member: true,
            raw: Decompress::new(false),
            crc: Crc::new(),
        }
    }

    /// Inflates some of `input` into `output`, which must not be empty. A step
    /// that read nothing and wrote nothing wants more input.
    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Damage> {
        let mut read = 0;
        while let Some(&byte) = input.get(read) {
            match self.state {
                State::Body => {
                    let (before_in, before_out) = (self.raw.total_in(), self.raw.total_out());
                    let status = self
                        .raw
                        .decompress(&input[read..], output, FlushDecompress::None)
                        .map_err(|_| Damage::Corrupt)?;
                    read += usize::try_from(self.raw.total_in() - before_in).unwrap_or(0);
                    let written = usize::try_from(self.raw.total_out() - before_out).unwrap_or(0);
                    self.crc.update(&output[..written]);
                    if status == Status::StreamEnd {
                        self.enter(State::Trailer);
                    }
                    return Ok(Step { read, written });
                }
                State::Extra(left) => {
                    let skip = left.min(input.len() - read);
                    read += skip;
                    self.state = State::Extra(left - skip);
                    if left == skip {
                        self.after(HAS_EXTRA);
                    }
                }
                State::Name | State::Comment => {
                    read += 1;
                    if byte == 0 {
                        let which = match self.state {
                            State::Name => HAS_NAME,
                            _ => HAS_COMMENT,
                        };
                        self.after(which);
                    }
                }
                State::Fixed | State::ExtraLength | State::HeaderCrc | State::Trailer => {
                    read += 1;
                    self.collected.push(byte);
                    self.fixed_part()?;
                }
            }
        }
        Ok(Step { read, written: 0 })
    }

    /// Ends the file.
    pub fn finish(&self) -> Result<(), Damage> {
        match self.state {
            State::Fixed if self.collected.is_empty() && !self.first_member => Ok(()),
            _ => Err(Damage::UnexpectedEnd),
        }
    }

    fn enter(&mut self, state: State) {
        self.collected.clear();
        self.state = state;
    }

    /// A byte of a part of known length arrived.
    fn fixed_part(&mut self) -> Result<(), Damage> {
        match (&self.state, self.collected.len()) {
            (State::Fixed, length) => {
                let header = &self.collected;
                let fits = header
                    .iter()
                    .zip([MAGIC[0], MAGIC[1], 8])
                    .all(|(a, b)| *a == b);
                if !fits {
                    // Behind a complete member this is trailing garbage.
                    return Err(if self.first_member {
                        Damage::Header
                    } else {
                        Damage::UnexpectedEnd
                    });
                }
                if length == 10 {
                    self.flags = header[3];
                    self.first_member = false;
                    self.raw.reset(false);
                    self.crc.reset();
                    self.after(0);
                }
            }
            (State::ExtraLength, 2) => {
                let length = u16::from_le_bytes([self.collected[0], self.collected[1]]);
                self.enter(State::Extra(usize::from(length)));
                if length == 0 {
                    self.after(HAS_EXTRA);
                }
            }
            (State::HeaderCrc, 2) => self.enter(State::Body),
            (State::Trailer, 8) => {
                let number = |at: usize| {
                    let bytes = &self.collected[at..at + 4];
                    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
                };
                if number(0) != self.crc.sum() || number(4) != self.crc.amount() {
                    return Err(Damage::Checksum);
                }
                self.enter(State::Fixed);
            }
            _ => {}
        }
        Ok(())
    }

    /// Goes to the next part of the header behind the optional part `done`.
    fn after(&mut self, done: u8) {
        for (flag, state) in [
            (HAS_EXTRA, State::ExtraLength),
            (HAS_NAME, State::Name),
            (HAS_COMMENT, State::Comment),
        ] {
            if flag > done && self.flags & flag != 0 {
                return self.enter(state);
            }
        }
        // Its flag has a smaller number than the others, but it comes last.
        if self.flags & HAS_CRC != 0 {
            self.enter(State::HeaderCrc);
        } else {
            self.enter(State::Body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder, write::GzEncoder};
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Feeds pieces of `size` bytes.
    fn inflate(data: &[u8], size: usize) -> (Vec<u8>, Result<(), Damage>) {
        let mut inflater = Inflater::new();
        let mut out = Vec::new();
        let mut buffer = [0; 64];
        for mut piece in data.chunks(size) {
            loop {
                match inflater.step(piece, &mut buffer) {
                    Ok(step) => {
                        out.extend_from_slice(&buffer[..step.written]);
                        piece = &piece[step.read..];
                        if step.written == 0 && piece.is_empty() {
                            break;
                        }
                    }
                    Err(damage) => return (out, Err(damage)),
                }
            }
        }
        (out, inflater.finish())
    }

    #[test]
    fn all_members_are_read_through_whatever_their_headers_carry() {
        let text: Vec<u8> = (0..5000u32).flat_map(u32::to_le_bytes).collect();
        let mut data = gzip(&text);
        let mut rich = GzBuilder::new()
            .filename("name")
            .comment("comment")
            .extra(vec![1, 2, 3])
            .write(Vec::new(), Compression::best());
        rich.write_all(b"second").unwrap();
        data.extend(rich.finish().unwrap());
        data.extend(gzip(b""));
        for size in [1, 7, 100, data.len()] {
            let (out, end) = inflate(&data, size);
            assert_eq!(end, Ok(()), "pieces of {size}");
            assert_eq!(out, [text.as_slice(), b"second"].concat());
        }
    }

    #[test]
    fn damage_is_named_as_the_original_names_it() {
        let good = gzip(b"some text that is compressed");
        let mut truncated = good.clone();
        truncated.truncate(good.len() - 3);
        assert_eq!(inflate(&truncated, 9).1, Err(Damage::UnexpectedEnd));
        assert_eq!(inflate(&good[..12], 9).1, Err(Damage::UnexpectedEnd));
        assert_eq!(inflate(&good[..2], 9).1, Err(Damage::UnexpectedEnd));

        let mut garbage = good.clone();
        garbage.extend_from_slice(b"garbage behind the member");
        assert_eq!(inflate(&garbage, 9).1, Err(Damage::UnexpectedEnd));
        let mut zeros = good.clone();
        zeros.extend_from_slice(&[0; 20]);
        assert_eq!(inflate(&zeros, 9).1, Err(Damage::UnexpectedEnd));

        let mut checksum = good.clone();
        let at = checksum.len() - 6;
        checksum[at] ^= 1;
        assert_eq!(inflate(&checksum, 9).1, Err(Damage::Checksum));

        let mut corrupt = good.clone();
        corrupt[10] = 0xFF;
        assert_eq!(inflate(&corrupt, 9).1, Err(Damage::Corrupt));

        let mut header = good;
        header[2] = 7;
        assert_eq!(inflate(&header, 9).1, Err(Damage::Header));
    }
}
