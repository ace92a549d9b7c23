//! Kinds of checks.

/// The parameter list that a check comes from, in the order in which results
/// list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `contents`.
    Content,
    /// `names`.
    Name,
    /// `sizes`.
    Size,
    /// `modes`.
    Mode,
    /// `mtimes`.
    Mtime,
    /// `md5`.
    Md5,
    /// `sha1`.
    Sha1,
    /// `sha2`.
    Sha2,
    /// `sha3`.
    Sha3,
}

impl Kind {
    /// The word that `mismatch` and printed lines use.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Content => "content",
            Kind::Name => "name",
            Kind::Size => "size",
            Kind::Mode => "mode",
            Kind::Mtime => "mtime",
            Kind::Md5 => "md5",
            Kind::Sha1 => "sha1",
            Kind::Sha2 => "sha2",
            Kind::Sha3 => "sha3",
        }
    }
}

/// A checksum algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 9] = [
        Algorithm::Md5,
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Sha3_224,
        Algorithm::Sha3_256,
        Algorithm::Sha3_384,
        Algorithm::Sha3_512,
    ];

    /// The algorithm of a checksum with this many hexadecimal digits.
    pub fn of(kind: Kind, digits: usize) -> Option<Self> {
        Some(match (kind, digits) {
            (Kind::Md5, 32) => Algorithm::Md5,
            (Kind::Sha1, 40) => Algorithm::Sha1,
            (Kind::Sha2, 64) => Algorithm::Sha256,
            (Kind::Sha2, 96) => Algorithm::Sha384,
            (Kind::Sha2, 128) => Algorithm::Sha512,
            (Kind::Sha3, 56) => Algorithm::Sha3_224,
            (Kind::Sha3, 64) => Algorithm::Sha3_256,
            (Kind::Sha3, 96) => Algorithm::Sha3_384,
            (Kind::Sha3, 128) => Algorithm::Sha3_512,
            _ => return None,
        })
    }
}

/// The bytes of a checksum.
pub type Digest = Box<[u8]>;

/// A set of algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Algorithms(u16);

impl Algorithms {
    /// Adds one.
    pub fn insert(&mut self, algorithm: Algorithm) {
        self.0 |= 1 << algorithm as u16;
    }

    /// Adds all of another set.
    pub fn union(&mut self, other: Algorithms) {
        self.0 |= other.0;
    }

    /// Whether it is in the set.
    pub fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & (1 << algorithm as u16) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}
