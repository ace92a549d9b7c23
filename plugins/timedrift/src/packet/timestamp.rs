//! The 64-bit time of NTP.

const NANOSECONDS: i128 = 1_000_000_000;
/// From 1900, where NTP starts to count, to 1970.
const EPOCH: i128 = 2_208_988_800;
/// Seconds of an era: 136 years.
const ERA: i128 = 1 << 32;

/// A point in time as NTP writes it: seconds, and a binary fraction. All zero
/// means "not known".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Reads eight bytes; `None` when they are zero.
    pub fn known(bytes: [u8; 8]) -> Option<Self> {
        match u64::from_be_bytes(bytes) {
            0 => None,
            value => Some(Self(value)),
        }
    }

    /// Nanoseconds since 1970.
    ///
    /// Seconds of NTP overflow in 2036. With the highest bit set they belong to
    /// the era that ends then, without it to the next one (RFC 4330, section
    /// 3), so times from 1968 to 2104 are understood whatever the local clock
    /// says.
    pub fn unix_nanoseconds(self) -> i128 {
        let seconds = i128::from(self.0 >> 32);
        let fraction = i128::from(self.0 & 0xffff_ffff);
        let era = if self.0 >> 63 == 0 { ERA } else { 0 };
        (seconds + era - EPOCH) * NANOSECONDS + ((fraction * NANOSECONDS) >> 32)
    }

    /// The timestamp of nanoseconds since 1970, in whichever era.
    #[cfg(test)]
    pub fn of_unix_nanoseconds(nanoseconds: i128) -> Self {
        let seconds = nanoseconds.div_euclid(NANOSECONDS) + EPOCH;
        let part = nanoseconds.rem_euclid(NANOSECONDS);
        // Rounded up, so that reading it back cuts to the same nanosecond.
        let fraction = ((part << 32) + NANOSECONDS - 1) / NANOSECONDS;
        let seconds = u64::try_from(seconds.rem_euclid(ERA)).expect("32 bits");
        let fraction = u64::try_from(fraction).expect("32 bits");
        Self((seconds << 32) + fraction)
    }
}
