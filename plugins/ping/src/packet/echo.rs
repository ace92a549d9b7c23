//! Echo requests.

/// Bytes of the fixed part of an echo message.
pub const HEADER: usize = 8;
/// Bytes that follow it: as many as the original sends.
pub const PAYLOAD: usize = 45;
/// What fills the payload behind the token.
const FILLING: &[u8] = b"Ping!";

/// Which ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// ICMP of IPv4.
    V4,
    /// ICMPv6.
    V6,
}

impl Version {
    /// Type of an echo request.
    pub fn request(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    /// Type of an echo reply.
    pub fn reply(self) -> u8 {
        match self {
            Self::V4 => 0,
            Self::V6 => 129,
        }
    }

    /// The protocol's number in an IP header.
    pub fn protocol(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 58,
        }
    }

    /// Whether a message of this type and code says that a packet did not
    /// reach its destination: unreachable, or too many hops.
    pub fn says_unreachable(self, kind: u8, code: u8) -> bool {
        match self {
            // "Fragmentation needed" (code 4) is about size only.
            Self::V4 => (kind == 3 && code != 4) || kind == 11,
            Self::V6 => kind == 1 || kind == 3,
        }
    }
}

/// One echo request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echo {
    /// Which ICMP it belongs to.
    pub version: Version,
    /// Number of the program; `None` when the kernel chooses it, checks it in
    /// answers and so hands over no others.
    pub identifier: Option<u16>,
    /// Number of the attempt.
    pub sequence: u16,
    /// Makes the payload unlike that of any other program.
    pub token: [u8; 8],
}

impl Echo {
    /// What follows the header: the token, then filling.
    pub fn payload(&self) -> [u8; PAYLOAD] {
        let mut payload = [0; PAYLOAD];
        let (token, filling) = payload.split_at_mut(self.token.len());
        token.copy_from_slice(&self.token);
        for (byte, fill) in filling.iter_mut().zip(FILLING.iter().cycle()) {
            *byte = *fill;
        }
        payload
    }

    /// The packet. The kernel replaces the checksum of ICMPv6, which covers
    /// addresses that only the kernel knows, and the identifier if it chooses.
    pub fn packet(&self) -> [u8; HEADER + PAYLOAD] {
        let mut packet = [0; HEADER + PAYLOAD];
        packet[0] = self.version.request();
        packet[4..6].copy_from_slice(&self.identifier.unwrap_or(0).to_be_bytes());
        packet[6..8].copy_from_slice(&self.sequence.to_be_bytes());
        packet[HEADER..].copy_from_slice(&self.payload());
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
        packet
    }
}

/// The Internet checksum (RFC 1071). Over bytes that contain their own correct
/// checksum it is zero.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u64 = bytes
        .chunks(2)
        .map(|pair| {
            let low = pair.get(1).copied().unwrap_or(0);
            u64::from(u16::from_be_bytes([pair[0], low]))
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // Folded to 16 bits above.
    !(sum as u16)
}
