//! Whatever a file holds, nothing panics and nothing that is no key is one.

use crate::support::{fixture_directory, fixtures};
use mig_module_sshkey::fuzzing;
use proptest::prelude::*;
use std::sync::LazyLock;

static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    fixtures()
        .iter()
        .map(|fixture| std::fs::read(fixture_directory().join(fixture.name)).expect("a key"))
        .collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_can_be_examined(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        fuzzing::examine_all(&bytes);
    }

    #[test]
    fn damaged_keys_can_be_examined(
        file in 0usize..60,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = FILES[file % FILES.len()].clone();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        fuzzing::examine_all(&bytes);
        let cut = cut.index(bytes.len());
        bytes.truncate(cut);
        fuzzing::examine_all(&bytes);
    }
}
