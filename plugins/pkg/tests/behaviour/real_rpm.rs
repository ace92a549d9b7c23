//! Databases that rpm makes, and what rpm reads in them.

use crate::berkeley::{self, sorted};
use crate::support::{REAL, Root, listed};
use mig_module_pkg::Kind;
use std::path::Path;
use std::process::{Command, Stdio};

const SPEC: &str = "\
Name: tiny
Version: 1.2~rc1
Release: 3
Epoch: 2
Summary: tiny
License: MIT
BuildArch: noarch
%description
x
%package big
Summary: big
%description big
%(for i in $(seq 1 3000); do echo line $i of a text that takes pages; done)
%package -n other
Summary: other
Epoch: 0
Version: 7^git1
%description -n other
o
%files
%files big
%files -n other
";

fn rpm(database: &Path, arguments: &[&str]) -> String {
    let output = Command::new("rpm")
        .arg("--dbpath")
        .arg(database)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("rpm runs");
    assert!(output.status.success(), "rpm {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

const LIST: &[&str] = &["-qa", "--qf", "%{NAME}\t%{EVR}\t%{ARCH}\n"];

fn is_missing(tool: &str) -> bool {
    let call = Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let missing = call.is_err();
    if missing {
        mig_testkit::skip(&format!("{tool} is not installed (apt-get install rpm)"));
    }
    missing
}

#[test]
fn what_rpm_installs_and_erases_is_listed_as_rpm_lists_it() {
    if is_missing("rpmbuild") {
        return;
    }
    let root = Root::new();
    let spec = root.file("build/tiny.spec", SPEC);
    let top = root.path("build");
    let built = Command::new("rpmbuild")
        .args(["-bb", "--define", &format!("_topdir {}", top.display())])
        .arg(&spec)
        .output()
        .expect("rpmbuild runs");
    assert!(built.status.success(), "{built:?}");
    let database = root.path("usr/lib/sysimage/rpm");
    std::fs::create_dir_all(&database).expect("a directory");
    rpm(&database, &["--initdb"]);
    assert_eq!(root.packages(), []);
    let packages = std::fs::read_dir(top.join("RPMS/noarch")).expect("packages");
    for package in packages {
        let path = package.expect("a package").path();
        let install = [
            "-i",
            "--justdb",
            "--nodeps",
            "--force-debian",
            path.to_str().expect("text"),
        ];
        rpm(&database, &install);
        assert_eq!(root.packages(), listed(&rpm(&database, LIST), Kind::Rpm));
    }
    assert_eq!(root.packages().len(), 3);
    rpm(
        &database,
        &["-e", "--justdb", "--nodeps", "--force-debian", "tiny-big"],
    );
    let left = root.packages();
    assert_eq!(left.len(), 2);
    assert_eq!(left, listed(&rpm(&database, LIST), Kind::Rpm));
}

#[test]
fn rpm_reads_the_same_in_a_berkeley_database() {
    if is_missing("rpm") {
        return;
    }
    let root = Root::new();
    let blobs: Vec<&[u8]> = REAL.iter().map(|(blob, ..)| *blob).collect();
    let path = root.path(berkeley::FILE);
    if !berkeley::load(&path, "hash", "1234", &blobs) {
        return;
    }
    let directory = path.parent().expect("a directory");
    let mut call = vec!["--define", "_db_backend bdb_ro"];
    call.extend(LIST);
    let said = listed(&rpm(directory, &call), Kind::Rpm);
    assert_eq!(said.len(), REAL.len());
    assert_eq!(sorted(root.packages()), sorted(said));
}
