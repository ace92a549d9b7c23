//! A directory with an authority, and the calls that the tests make in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Names of the relay of every site here.
pub const RELAY: &str = "relay.example.com";
const DOMAIN: &str = "site.example";

/// The script of that name.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../pki-scripts")
        .join(name)
}

/// A directory of its own, empty at first.
pub struct Site {
    directory: TempDir,
}

impl Site {
    pub fn empty() -> Site {
        Site {
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    /// With everything that `create` makes.
    pub fn created(options: &[&str]) -> Site {
        let site = Site::empty();
        site.ok(&[&["create", "--relay", RELAY, "--yes"], options].concat());
        site
    }

    /// With an authority only.
    pub fn with_authority() -> Site {
        let site = Site::empty();
        site.ok(&["authority"]);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A call of the script in this directory, with nothing of the caller's
    /// surroundings but the path.
    pub fn call(&self, arguments: &[&str]) -> Command {
        let mut call = Command::new(script("mig-pki"));
        call.args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("MIG_PKI_DOMAIN", DOMAIN)
            .stdin(Stdio::null());
        call
    }

    /// Standard output of a call that succeeds.
    pub fn ok(&self, arguments: &[&str]) -> String {
        succeeded(&mut self.call(arguments))
    }

    /// What a call that fails says: exactly one line.
    pub fn refused(&self, arguments: &[&str]) -> String {
        refused(&mut self.call(arguments))
    }

    /// All files below, in order.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.directory.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// What openssl says about a certificate.
    pub fn openssl(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("openssl: {error}"))?;
        let text = text(&output);
        if output.status.success() {
            Ok(text)
        } else {
            Err(text)
        }
    }

    /// The public key of a certificate or of a private key.
    pub fn public_key(&self, file: &str) -> String {
        let arguments: &[&str] = if file.ends_with(".crt") {
            &["x509", "-noout", "-pubkey", "-in", file]
        } else {
            &["pkey", "-pubout", "-in", file]
        };
        self.openssl(arguments).expect("a public key")
    }

    pub fn serial(&self, file: &str) -> String {
        self.openssl(&["x509", "-noout", "-serial", "-in", file])
            .expect("a serial number")
    }

    /// Whether a certificate is good with this authority for this purpose.
    pub fn verify(&self, authority: &str, purpose: &str, file: &str) -> Result<String, String> {
        self.openssl(&[
            "verify",
            "-x509_strict",
            "-purpose",
            purpose,
            "-CAfile",
            authority,
            file,
        ])
    }
}

pub fn text(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

pub fn succeeded(call: &mut Command) -> String {
    let output = call.output().expect("the script");
    assert!(output.status.success(), "{call:?}: {}", text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn refused(call: &mut Command) -> String {
    let output = call.output().expect("the script");
    let said = text(&output);
    assert!(!output.status.success(), "{call:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{call:?}: {said}");
    assert!(said.starts_with("mig-pki: "), "{said}");
    said
}
