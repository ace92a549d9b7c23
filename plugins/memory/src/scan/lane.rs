//! The patterns of one part of memory, in the midst of a process.

use crate::content::RegexStream;
use crate::plan::Lane;

/// What one thread knows of a [`Lane`].
pub struct LaneScan<'p> {
    lane: &'p Lane,
    /// Byte sequences still looked for.
    literals: Vec<bool>,
    /// Automata, and whether they are still looked for.
    regexes: Vec<(RegexStream<'p>, bool)>,
    open: usize,
    /// Bytes of this process that may still be read.
    left: u64,
    /// Bytes of the current stretch that were seen.
    seen: u64,
}

/// A piece of a stretch of memory.
pub struct Piece<'b> {
    /// Where the fresh bytes are.
    pub address: u64,
    /// The end of the piece before, then the fresh bytes.
    pub bytes: &'b [u8],
    /// Number of fresh bytes.
    pub fresh: usize,
}

impl<'p> LaneScan<'p> {
    /// With working memory for a thread.
    pub fn new(lane: &'p Lane) -> Self {
        Self {
            lane,
            literals: Vec::new(),
            regexes: lane
                .regexes
                .iter()
                .map(|regex| (RegexStream::new(regex), false))
                .collect(),
            open: 0,
            left: 0,
            seen: 0,
        }
    }

    /// Begins a process in which nothing is looked for yet.
    pub fn begin(&mut self) {
        self.literals.clear();
        self.literals.resize(self.lane.literals.len(), false);
        for (_, wanted) in &mut self.regexes {
            *wanted = false;
        }
        self.open = 0;
        self.left = self.lane.length;
        self.seen = 0;
    }

    /// Looks for a byte sequence.
    pub fn want_literal(&mut self, number: usize) {
        self.open += usize::from(!std::mem::replace(&mut self.literals[number], true));
    }

    /// Looks for a pattern.
    pub fn want_regex(&mut self, number: usize) {
        self.open += usize::from(!std::mem::replace(&mut self.regexes[number].1, true));
    }

    /// Whether more memory can change anything.
    pub fn is_open(&self) -> bool {
        self.open > 0 && self.left > 0
    }

    /// Lowest address that can change anything.
    pub fn offset(&self) -> u64 {
        self.lane.offset
    }

    /// Whether a byte sequence that was looked for is still missing.
    pub fn misses_literal(&self, number: usize) -> bool {
        self.literals[number]
    }

    /// Whether a pattern that was looked for is still missing.
    pub fn misses_regex(&self, number: usize) -> bool {
        self.regexes[number].1
    }

    /// The next piece of the current stretch.
    pub fn piece(&mut self, piece: &Piece<'_>) {
        let Some((from, length)) = self.part(piece.address, piece.fresh as u64) else {
            return;
        };
        let (from, length) = (from as usize, length as usize);
        let before = piece.bytes.len() - piece.fresh;
        let fresh = &piece.bytes[before + from..before + from + length];
        // Only so much of what stands before as belongs to this part.
        let known = usize::try_from(self.seen)
            .unwrap_or(usize::MAX)
            .min(before + from);
        let together = &piece.bytes[before + from - known..before + from + length];
        self.open -= self
            .lane
            .literals
            .search(together, length, &mut self.literals);
        for (stream, wanted) in self.regexes.iter_mut().filter(|(_, wanted)| *wanted) {
            if self.seen == 0 {
                stream.begin();
            }
            stream.push(fresh);
            if stream.matched() {
                *wanted = false;
                self.open -= 1;
            }
        }
        self.advance(length as u64);
    }

    /// Memory full of zeros that was not read, after the piece that showed the
    /// first of them. False when an automaton does not know what so many lead
    /// to: then the stretch ends here.
    pub fn zeros(&mut self, address: u64, length: u64) -> bool {
        let Some((_, length)) = self.part(address, length) else {
            return true;
        };
        let mut known = true;
        for (stream, wanted) in self.regexes.iter_mut().filter(|(_, wanted)| *wanted) {
            if self.seen == 0 {
                stream.begin();
            }
            known &= stream.push_zeros(length);
            if stream.matched() {
                *wanted = false;
                self.open -= 1;
            }
        }
        self.advance(length);
        known
    }

    /// Ends the current stretch.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.seen) == 0 {
            return;
        }
        for (stream, wanted) in self.regexes.iter_mut().filter(|(_, wanted)| *wanted) {
            if stream.finish() {
                *wanted = false;
                self.open -= 1;
            }
        }
    }

    /// What of a piece belongs to this part of memory, as offset and length.
    fn part(&self, address: u64, length: u64) -> Option<(u64, u64)> {
        let from = self.lane.offset.saturating_sub(address);
        if !self.is_open() || from >= length {
            return None;
        }
        Some((from, (length - from).min(self.left)))
    }

    fn advance(&mut self, length: u64) {
        self.seen = self.seen.saturating_add(length);
        self.left = self.left.saturating_sub(length);
        if self.left == 0 {
            self.end();
        }
    }
}
