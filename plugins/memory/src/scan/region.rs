//! A stretch of readable memory, block by block.

use super::lane::{LaneScan, Piece};
use crate::plan::Plan;

/// Bytes that are read at a time: little enough that they are still in the
/// processor's cache when the patterns look at them.
pub const BLOCK: usize = 512 << 10;
/// Zeros that are looked at where a whole page and more was never written;
/// what follows them cannot differ for byte sequences.
const ZEROS: usize = 64 << 10;

/// A thread's block of memory and its patterns.
pub struct Stretch<'p> {
    /// What may stand before the block, then the block.
    buffer: Vec<u8>,
    /// Room for what stands before the block.
    room: usize,
    /// How much of it is filled, at its end.
    tail: usize,
    /// The patterns.
    pub lanes: Vec<LaneScan<'p>>,
}

impl<'p> Stretch<'p> {
    /// With working memory for a thread.
    pub fn new(plan: &'p Plan) -> Self {
        let room = plan.overlap();
        let memory = if plan.lanes.is_empty() { 0 } else { BLOCK };
        Self {
            buffer: vec![0; room + memory],
            room,
            tail: 0,
            lanes: plan.lanes.iter().map(LaneScan::new).collect(),
        }
    }

    /// Whether more memory can change anything.
    pub fn is_open(&self) -> bool {
        self.lanes.iter().any(LaneScan::is_open)
    }

    /// The lowest address that can change anything.
    pub fn lowest(&self) -> u64 {
        let open = self.lanes.iter().filter(|lane| lane.is_open());
        open.map(LaneScan::offset).min().unwrap_or(u64::MAX)
    }

    /// Where the next block goes.
    pub fn block(&mut self) -> &mut [u8] {
        &mut self.buffer[self.room..]
    }

    /// So many bytes are in the block, from this address; they follow what came
    /// before.
    pub fn filled(&mut self, address: u64, length: usize) {
        let piece = Piece {
            address,
            bytes: &self.buffer[self.room - self.tail..self.room + length],
            fresh: length,
        };
        for lane in &mut self.lanes {
            lane.piece(&piece);
        }
        let tail = (self.tail + length).min(self.room);
        let end = self.room + length;
        self.buffer.copy_within(end - tail..end, self.room - tail);
        self.tail = tail;
    }

    /// Memory that was never written and need not be read.
    pub fn zeros(&mut self, mut address: u64, mut length: u64) {
        let mut shown = (ZEROS + self.room) as u64;
        while length > 0 && shown > 0 && self.is_open() {
            let now = length.min(shown).min(ZEROS as u64);
            self.buffer[self.room..][..now as usize].fill(0);
            self.filled(address, now as usize);
            address += now;
            length -= now;
            shown -= now;
        }
        if length == 0 {
            return;
        }
        let mut known = true;
        for lane in &mut self.lanes {
            known &= lane.zeros(address, length);
        }
        if !known {
            self.end();
        }
    }

    /// Ends the stretch: what comes next does not follow what came before.
    pub fn end(&mut self) {
        self.tail = 0;
        for lane in &mut self.lanes {
            lane.end();
        }
    }
}
