//! The contest of checksums.
//!
//! One `openssl dgst` process hashes every file and prints every checksum. The
//! module hashes every file too and reports those that are on a list, which is
//! what it is used for: the list holds every hundredth of the checksums that
//! openssl printed.

use mig_benches::process::Program;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// One file in so many is on the list.
const LISTED_EVERY: usize = 100;

/// openssl with all files as arguments, relative to the data: it takes them in
/// no other way.
pub fn program(root: &Path) -> Program {
    let mut arguments = ["dgst", "-sha256", "-r"].map(str::to_owned).to_vec();
    collect(root, root, &mut arguments);
    Program {
        name: "openssl".to_owned(),
        arguments,
        input: Vec::new(),
        directory: Some(root.to_path_buf()),
        remedy: "on Debian it is in the package openssl",
    }
}

fn collect(root: &Path, directory: &Path, arguments: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, arguments);
        } else if let Ok(name) = path.strip_prefix(root) {
            arguments.push(name.display().to_string());
        }
    }
}

/// Lines `checksum path`, with whole paths.
pub fn answer(output: &str, root: &Path) -> BTreeSet<String> {
    output
        .lines()
        .filter_map(|line| line.split_once(" *"))
        .map(|(sum, name)| format!("{sum} {}", root.join(name).display()))
        .collect()
}

/// The checksums on the list.
fn listed(answer: &BTreeSet<String>) -> BTreeSet<&str> {
    answer
        .iter()
        .step_by(LISTED_EVERY)
        .filter_map(|line| line.split_once(' '))
        .map(|(sum, _)| sum)
        .collect()
}

/// Every checksum reports alone.
pub fn question(root: &Path, answer: &BTreeSet<String>) -> Value {
    let list: Vec<&str> = listed(answer).into_iter().collect();
    json!({"searches": {"s1": {"paths": [root], "sha2": list}}})
}

/// The files whose checksums are on the list.
pub fn expected(answer: &BTreeSet<String>) -> BTreeSet<String> {
    let listed = listed(answer);
    answer
        .iter()
        .filter_map(|line| line.split_once(' '))
        .filter(|(sum, _)| listed.contains(sum))
        .map(|(_, path)| path.to_owned())
        .collect()
}
