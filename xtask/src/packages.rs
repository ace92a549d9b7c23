//! Debian packages that the tests, the demo and the benches use.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::building::target_directory;

/// A package and a file that tells whether it is installed; one part of its path
/// may be `*`.
struct Package {
    name: &'static str,
    evidence: &'static str,
}

impl Package {
    fn is_installed(&self) -> bool {
        match self.evidence.split_once("/*/") {
            None => Path::new(self.evidence).exists(),
            Some((parent, rest)) => std::fs::read_dir(parent).is_ok_and(|mut entries| {
                entries.any(|entry| entry.is_ok_and(|entry| entry.path().join(rest).exists()))
            }),
        }
    }
}

/// Other AMQP clients and OpenPGP implementations to test against, and what
/// makes network namespaces with something in them.
const FOR_TESTS: &[Package] = &[
    Package {
        name: "python3-pika",
        evidence: "/usr/lib/python3/dist-packages/pika/__init__.py",
    },
    Package {
        name: "gnupg",
        evidence: "/usr/bin/gpg",
    },
    Package {
        name: "openssl",
        evidence: "/usr/bin/openssl",
    },
    Package {
        name: "curl",
        evidence: "/usr/bin/curl",
    },
    Package {
        name: "openssh-client",
        evidence: "/usr/bin/ssh-keygen",
    },
    Package {
        name: "iproute2",
        evidence: "/usr/sbin/ip",
    },
    Package {
        name: "rpm",
        evidence: "/usr/bin/rpmbuild",
    },
    Package {
        name: "db5.3-util",
        evidence: "/usr/bin/db5.3_load",
    },
    Package {
        name: "postgresql",
        evidence: "/usr/lib/postgresql/*/bin/postgres",
    },
    Package {
        name: "libfaketime",
        evidence: "/usr/lib/*/faketime/libfaketimeMT.so.1",
    },
    Package {
        name: "rabbitmq-server",
        evidence: "/usr/sbin/rabbitmqctl",
    },
];

/// Servers to test against, with the file that is wanted. They are unpacked
/// beside what cargo builds and not installed: an installed one would start.
const TO_UNPACK: &[Package] = &[Package {
    name: "chrony",
    evidence: "usr/sbin/chronyd",
}];

/// Peers that the benches run side by side with MIG.
const FOR_BENCHES: &[Package] = &[
    Package {
        name: "fd-find",
        evidence: "/usr/bin/fdfind",
    },
    Package {
        name: "ripgrep",
        evidence: "/usr/bin/rg",
    },
    Package {
        name: "openssl",
        evidence: "/usr/bin/openssl",
    },
    Package {
        name: "yara",
        evidence: "/usr/bin/yara",
    },
];

/// Installs what the tests use, or says what is missing.
pub fn for_tests() {
    install(
        FOR_TESTS,
        "the tests that need it will be reported as skipped",
    );
    for package in TO_UNPACK {
        unpack(package);
    }
}

/// Unpacks a package without installing it, or says that it is missing.
fn unpack(package: &Package) {
    let peers = target_directory().join("peers");
    let installed = Path::new("/").join(package.evidence);
    if installed.exists() || peers.join(package.evidence).exists() {
        return;
    }
    let name = package.name;
    println!(
        "unpacking the Debian package {name} below {}",
        peers.display()
    );
    let script = "set -e; mkdir -p \"$1\"; cd \"$1\"; \
        apt-get download -q \"$2\" || { apt-get update -q; apt-get download -q \"$2\"; }; \
        for file in \"$2\"_*.deb; do dpkg -x \"$file\" .; rm \"$file\"; done";
    let unpacked = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(&peers)
        .arg(name)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !unpacked || !peers.join(package.evidence).exists() {
        println!("missing: {name}; the tests that need it will be reported as skipped");
    }
}

/// Installs what the benches use, or says what is missing.
pub fn for_benches() {
    install(FOR_BENCHES, "its comparison will be left out");
}

fn install(packages: &[Package], consequence: &str) {
    let missing = |packages: &[Package]| -> Vec<&'static str> {
        packages
            .iter()
            .filter(|package| !package.is_installed())
            .map(|package| package.name)
            .collect()
    };
    let wanted = missing(packages);
    if wanted.is_empty() {
        return;
    }
    if mig_testkit::is_root() && Path::new("/usr/bin/apt-get").exists() {
        println!("installing Debian packages: {}", wanted.join(" "));
        let _unstarted = Unstarted::begin();
        let apt = |arguments: &[&str]| {
            Command::new("apt-get")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["-o", "Acquire::Retries=3"])
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        let mut arguments = vec!["install", "-y", "--no-install-recommends"];
        arguments.extend(&wanted);
        // The package lists may be absent or old: a failed first try is not final.
        if !apt(&arguments) {
            apt(&["update"]);
            apt(&arguments);
        }
    }
    for name in missing(packages) {
        println!("missing: {name} (apt-get install {name}); {consequence}");
    }
}

/// Debian asks this program before it starts a service after installing it.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// While this value lives, installed servers are not started: tests start
/// private instances. What somebody else has decided stays.
struct Unstarted {
    ours: bool,
}

impl Unstarted {
    fn begin() -> Unstarted {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(POLICY);
        let ours = file.is_ok_and(|mut file| file.write_all(b"#!/bin/sh\nexit 101\n").is_ok());
        Unstarted { ours }
    }
}

impl Drop for Unstarted {
    fn drop(&mut self) {
        if self.ours {
            // Left behind, it would keep services from starting for good.
            if let Err(error) = std::fs::remove_file(POLICY) {
                println!("{POLICY}: {error}; remove it by hand");
            }
        }
    }
}
