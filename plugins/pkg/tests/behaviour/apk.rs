//! Alpine's list.

use crate::support::{Root, package};
use mig_module_pkg::Kind;

const TEXT: &str = "\
C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
S:1
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755

P:busybox
V:1.36.1-r15
A:x86_64
";

#[test]
fn paragraphs_become_packages() {
    for place in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        let root = Root::new();
        root.file(place, TEXT);
        let expected = [
            package(Kind::Apk, "musl", "1.2.4-r2", "x86_64"),
            package(Kind::Apk, "busybox", "1.36.1-r15", "x86_64"),
        ];
        assert_eq!(root.packages(), expected);
        assert_eq!(root.installed().managers, [Kind::Apk]);
    }
}

#[test]
fn two_paths_to_one_list_are_one_list() {
    let root = Root::new();
    root.file("usr/lib/apk/db/installed", TEXT);
    std::os::unix::fs::symlink("usr/lib", root.path("lib")).expect("a link");
    assert_eq!(root.packages().len(), 2);
}

#[test]
fn a_paragraph_without_a_name_is_told() {
    let root = Root::new();
    root.file("lib/apk/db/installed", format!("V:1\n\n{TEXT}"));
    let installed = root.installed();
    assert_eq!(installed.packages.len(), 2);
    assert!(installed.problems[0].contains("installed: damaged: a paragraph without P:"));
}
