//! The owner's record, which somebody may have had their hands on.

/// The first two bytes number the files, the rest is what is in them.
pub fn record(data: &[u8]) {
    mig_agent::record::reader::fuzzing::read(data.to_vec());
}
