//! What machines and time servers answer, and what files say about the latter.

/// The first byte chooses the parser.
pub fn probes(data: &[u8]) {
    match data.split_first() {
        Some((0, rest)) => mig_module_ping::fuzzing::answers(rest),
        Some((1, rest)) => mig_module_timedrift::fuzzing::answer(rest),
        Some((_, rest)) => mig_module_timedrift::fuzzing::configuration(rest),
        None => {}
    }
}
