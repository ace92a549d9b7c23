//! Several checksums over one stream.

use crate::checks::{Algorithm, Algorithms, Digest};
use sha2::digest::DynDigest;

/// Hashers of one thread, kept from file to file.
#[derive(Default)]
pub(super) struct Digests {
    hashers: Vec<(Algorithm, Box<dyn DynDigest + Send>)>,
    active: Algorithms,
}

impl Digests {
    /// Starts a stream that needs these checksums.
    pub fn start(&mut self, wanted: Algorithms) {
        for (_, hasher) in &mut self.hashers {
            hasher.reset();
        }
        for algorithm in Algorithm::ALL {
            let known = self.hashers.iter().any(|(known, _)| *known == algorithm);
            if wanted.contains(algorithm) && !known {
                self.hashers.push((algorithm, hasher(algorithm)));
            }
        }
        self.active = wanted;
    }

    /// Goes on with fewer.
    pub fn keep(&mut self, wanted: Algorithms) {
        self.active = wanted;
    }

    /// Whether no checksum is wanted any more.
    pub fn is_idle(&self) -> bool {
        self.active.is_empty()
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for (algorithm, hasher) in &mut self.hashers {
            if self.active.contains(*algorithm) {
                hasher.update(bytes);
            }
        }
    }

    /// Ends the stream: the checksums that were wanted to the end.
    pub fn finish(&mut self) -> Vec<(Algorithm, Digest)> {
        let active = self.active;
        self.hashers
            .iter_mut()
            .filter(|(algorithm, _)| active.contains(*algorithm))
            .map(|(algorithm, hasher)| (*algorithm, hasher.finalize_reset()))
            .collect()
    }
}

fn hasher(algorithm: Algorithm) -> Box<dyn DynDigest + Send> {
    match algorithm {
        Algorithm::Md5 => Box::new(md5::Md5::default()),
        Algorithm::Sha1 => Box::new(sha1::Sha1::default()),
        Algorithm::Sha256 => Box::new(sha2::Sha256::default()),
        Algorithm::Sha384 => Box::new(sha2::Sha384::default()),
        Algorithm::Sha512 => Box::new(sha2::Sha512::default()),
        Algorithm::Sha3_224 => Box::new(sha3::Sha3_224::default()),
        Algorithm::Sha3_256 => Box::new(sha3::Sha3_256::default()),
        Algorithm::Sha3_384 => Box::new(sha3::Sha3_384::default()),
        Algorithm::Sha3_512 => Box::new(sha3::Sha3_512::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_gives_its_published_value_for_abc() {
        let published = [
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                Algorithm::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                Algorithm::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                 8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                Algorithm::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (
                Algorithm::Sha3_224,
                "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
            ),
            (
                Algorithm::Sha3_256,
                "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
            ),
            (
                Algorithm::Sha3_384,
                "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2\
                 98d88cea927ac7f539f1edf228376d25",
            ),
            (
                Algorithm::Sha3_512,
                "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e\
                 10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            ),
        ];
        let mut wanted = Algorithms::default();
        Algorithm::ALL.iter().for_each(|a| wanted.insert(*a));
        let mut digests = Digests::default();
        for _ in 0..2 {
            digests.start(wanted);
            digests.update(b"a");
            digests.update(b"bc");
            let found = digests.finish();
            assert_eq!(found.len(), published.len());
            for (algorithm, value) in published {
                let (_, digest) = found.iter().find(|(a, _)| *a == algorithm).unwrap();
                let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(hex, value, "{algorithm:?}");
            }
        }
    }
}
