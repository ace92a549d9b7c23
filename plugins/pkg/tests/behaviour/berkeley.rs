//! `Packages`, written by Berkeley DB's own tool.

use crate::support::{REAL, Root, header, real_packages};
use mig_module_pkg::Package;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

pub const FILE: &str = "var/lib/rpm/Packages";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Loads headers into a database file; false when the tool is missing.
pub fn load(path: &Path, kind: &str, order: &str, blobs: &[&[u8]]) -> bool {
    let mut text = format!(
        "VERSION=3\nformat=bytevalue\ntype={kind}\ndb_pagesize=4096\ndb_lorder={order}\nHEADER=END\n"
    );
    let count = u32::try_from(blobs.len()).expect("few headers");
    // Number 0 counts the packages.
    let _ = writeln!(text, " 00000000\n {}", hex(&count.to_le_bytes()));
    for (number, blob) in (1u32..).zip(blobs) {
        let _ = writeln!(text, " {}\n {}", hex(&number.to_le_bytes()), hex(blob));
    }
    text.push_str("DATA=END\n");
    let input = path.with_extension("txt");
    std::fs::write(&input, text).expect("input");
    let status = Command::new("db5.3_load")
        .arg("-f")
        .arg(&input)
        .arg(path)
        .stdout(Stdio::null())
        .status();
    let loaded = match status {
        Ok(status) => {
            assert!(status.success());
            true
        }
        Err(_) => {
            mig_testkit::skip("db5.3_load is not installed (apt-get install db5.3-util)");
            false
        }
    };
    std::fs::remove_file(&input).expect("removed");
    loaded
}

pub fn sorted(mut packages: Vec<Package>) -> Vec<Package> {
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    packages
}

#[test]
fn hash_tables_and_trees_of_either_byte_order_are_read() {
    let blobs: Vec<&[u8]> = REAL.iter().map(|(blob, ..)| *blob).collect();
    for kind in ["hash", "btree"] {
        for order in ["1234", "4321"] {
            let root = Root::new();
            if !load(&root.path(FILE), kind, order, &blobs) {
                return;
            }
            assert_eq!(
                sorted(root.packages()),
                sorted(real_packages()),
                "{kind} {order}"
            );
        }
    }
}

#[test]
fn headers_of_every_size_are_found_on_their_pages() {
    let blobs: Vec<Vec<u8>> = (0..300)
        .map(|number| {
            header(
                &format!("p{number:03}"),
                "1",
                Some(number),
                number as usize * 61,
            )
        })
        .collect();
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    for kind in ["hash", "btree"] {
        let root = Root::new();
        if !load(&root.path(FILE), kind, "1234", &blobs) {
            return;
        }
        let packages = sorted(root.packages());
        assert_eq!(packages.len(), 300, "{kind}");
        for (number, package) in packages.iter().enumerate() {
            assert_eq!(package.name, format!("p{number:03}"));
            assert_eq!(package.version, format!("{number}:1-1.el9"));
        }
    }
}
