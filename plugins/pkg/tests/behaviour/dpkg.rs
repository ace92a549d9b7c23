//! dpkg's status file.

use crate::support::{Root, listed, package};
use mig_module_pkg::{Kind, installed_until};
use std::path::Path;
use std::process::Command;

const STATUS: &str = "var/lib/dpkg/status";

fn dpkg(name: &str, version: &str, arch: &str) -> mig_module_pkg::Package {
    package(Kind::Dpkg, name, version, arch)
}

fn stanza(name: &str, status: &str, version: &str, arch: &str, more: &str) -> String {
    format!("Package: {name}\nStatus: {status}\nArchitecture: {arch}\nVersion: {version}\n{more}\n")
}

#[test]
fn this_hosts_packages_are_those_that_dpkg_lists() {
    let query = Command::new("dpkg-query")
        .args([
            "-W",
            "-f",
            "${db:Status-Status}\t${binary:Package}\t${Version}\t${Architecture}\n",
        ])
        .output();
    let Ok(query) = query else {
        return mig_testkit::skip("dpkg is not installed");
    };
    let text = String::from_utf8(query.stdout).expect("text");
    let lines: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(status, _)| {
            ["installed", "triggers-awaited", "triggers-pending"].contains(status)
        })
        .map(|(_, rest)| rest)
        .collect();
    assert!(lines.len() > 50, "{text}");
    let installed = installed_until(Path::new("/"), &|| false);
    let ours: Vec<_> = installed
        .packages
        .into_iter()
        .filter(|package| package.kind == Kind::Dpkg)
        .collect();
    assert_eq!(ours, listed(&lines.join("\n"), Kind::Dpkg));
}

#[test]
fn what_is_installed_counts_whatever_is_planned_for_it() {
    let root = Root::new();
    let stanzas = [
        ("normal", "install ok installed"),
        ("held", "hold ok installed"),
        ("leaving", "deinstall ok installed"),
        ("waiting", "install ok triggers-pending"),
        ("broken", "install reinstreq installed"),
        ("removed", "deinstall ok config-files"),
        ("half", "install ok half-configured"),
        ("unpacked", "install ok unpacked"),
        ("gone", "purge ok not-installed"),
    ];
    let text: String = stanzas
        .iter()
        .map(|(name, status)| stanza(name, status, "1-1", "all", "Description: x\n more: y\n .\n"))
        .collect();
    root.file(STATUS, text);
    let names: Vec<String> = root
        .packages()
        .into_iter()
        .map(|package| package.name)
        .collect();
    assert_eq!(names, ["broken", "held", "leaving", "normal", "waiting"]);
}

#[test]
fn names_carry_the_architecture_where_dpkg_writes_it() {
    let root = Root::new();
    let ok = "install ok installed";
    let text = [
        stanza("zlib1g", ok, "1", "i386", "Multi-Arch: same\n"),
        stanza("zlib1g", ok, "1", "amd64", "Multi-Arch: same\n"),
        stanza("wine32", ok, "2", "i386", ""),
        stanza("tzdata", ok, "3", "all", "Multi-Arch: foreign\n"),
        stanza("dpkg", ok, "1.21", "amd64", ""),
    ];
    root.file(STATUS, text.concat());
    let expected = [
        dpkg("dpkg", "1.21", "amd64"),
        dpkg("tzdata", "3", "all"),
        dpkg("wine32:i386", "2", "i386"),
        dpkg("zlib1g:amd64", "1", "amd64"),
        dpkg("zlib1g:i386", "1", "i386"),
    ];
    assert_eq!(root.packages(), expected);
}

#[test]
fn updates_of_a_running_dpkg_replace_what_the_status_file_says() {
    let root = Root::new();
    let ok = "install ok installed";
    root.file(
        STATUS,
        [
            stanza("a", ok, "1", "all", ""),
            stanza("b", ok, "1", "all", ""),
        ]
        .concat(),
    );
    root.file("var/lib/dpkg/updates/0001", stanza("a", ok, "2", "all", ""));
    root.file("var/lib/dpkg/updates/0002", stanza("a", ok, "3", "all", ""));
    root.file(
        "var/lib/dpkg/updates/0003",
        stanza("b", "deinstall ok config-files", "1", "all", ""),
    );
    root.file("var/lib/dpkg/updates/0004", stanza("c", ok, "1", "all", ""));
    root.file(
        "var/lib/dpkg/updates/tmp.i",
        stanza("d", ok, "1", "all", ""),
    );
    assert_eq!(
        root.packages(),
        [dpkg("a", "3", "all"), dpkg("c", "1", "all")]
    );
}

#[test]
fn images_without_dpkg_list_their_packages_in_a_directory() {
    let root = Root::new();
    root.file(
        "var/lib/dpkg/status.d/base",
        "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n",
    );
    root.file(
        "var/lib/dpkg/status.d/base.md5sums",
        "0123  etc/os-release\n",
    );
    root.file(
        "var/lib/dpkg/status.d/bGliYzY",
        "Package: libc6\nVersion: 2.36\nArchitecture: amd64\nMulti-Arch: same\n",
    );
    assert_eq!(
        root.packages(),
        [
            dpkg("base-files", "12.4", "amd64"),
            dpkg("libc6:amd64", "2.36", "amd64")
        ]
    );
}

#[test]
fn damage_costs_the_damaged_part() {
    let root = Root::new();
    let ok = "install ok installed";
    let mut text = stanza("first", ok, "1", "all", "").into_bytes();
    text.extend(b"Package: torn\nStatus: inst\0\0\0\0\0\0\n\0\0\0\0\n\n");
    text.extend(b"Version: 7\nStatus: install ok installed\n\n");
    text.extend(stanza("last\u{fffd}", ok, "1", "all", "").into_bytes());
    text.extend(
        b"Package: bad\xff\x1b[31m\nStatus: install ok installed\nVersion: 1\nArchitecture: all",
    );
    root.file(STATUS, text);
    let installed = root.installed();
    let names: Vec<&str> = installed
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    assert_eq!(names, ["bad\u{fffd}\u{1b}[31m", "first", "last\u{fffd}"]);
    assert_eq!(installed.problems.len(), 1);
    let problem = &installed.problems[0];
    assert!(
        problem.contains("status: damaged: line 8 is no field"),
        "{problem}"
    );
    assert!(problem.ends_with("(and 2 more problems)"), "{problem}");
}
