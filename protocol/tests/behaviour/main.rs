//! How the protocol's documents, signatures and rules behave.

mod acl;
mod armor;
mod canonical;
mod documents;
mod foreign;
mod forged_keys;
mod keys;
mod signatures;
mod signing;
mod times;
mod validation;

use std::path::PathBuf;

/// A file of the committed test data.
fn data(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of the committed test data that is text.
fn text(name: &str) -> String {
    String::from_utf8(data(name)).expect("text")
}

/// A time, written as the wire writes it.
fn at(text: &str) -> mig_protocol::Time {
    text.parse().expect("a time")
}

/// The committed action.
fn action() -> mig_protocol::Action {
    mig_protocol::parse_action(&data("action.json")).expect("an action")
}
