//! Identities that follow from the seed, so that a swarm can be started again.

use std::fs;
use std::path::Path;

use mig_agent::identity::{self, FILE, Identity, IdentityError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Characters of an identity, as real ones have.
const LENGTH: usize = 100;
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// The identity of an agent, which is put into its run directory when there is
/// none yet.
pub(super) fn at(directory: &Path, seed: u64, number: usize) -> Result<Identity, IdentityError> {
    let file = directory.join(FILE);
    let error = |source| IdentityError::File {
        path: file.clone(),
        source,
    };
    fs::create_dir_all(directory).map_err(error)?;
    if !file.exists() {
        fs::write(&file, secret(seed, number)).map_err(error)?;
    }
    identity::load_or_create(directory)
}

/// The name of an agent's queue without its prefix.
pub(super) fn queueloc(seed: u64, number: usize) -> String {
    format!("{}.{}", mig_agent::sys::os(), secret(seed, number))
}

fn secret(seed: u64, number: usize) -> String {
    let mut random = StdRng::seed_from_u64(seed ^ (number as u64) << 32);
    let number = format!("swarm{number:05}x");
    let rest = (number.len()..LENGTH).map(|_| {
        let digit = DIGITS[random.random_range(0..DIGITS.len())];
        char::from(digit)
    });
    let rest: String = rest.collect();
    format!("{number}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_follows_from_the_seed_and_is_one_to_the_agent() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("agent");
        let first = at(&run, 5, 12).unwrap();
        assert_eq!(first.queueloc, queueloc(5, 12));
        // What is there stays.
        assert_eq!(at(&run, 6, 13).unwrap().queueloc, first.queueloc);
        assert_ne!(queueloc(5, 12), queueloc(5, 13));
        assert_ne!(queueloc(5, 12), queueloc(6, 12));
    }
}
