//! Signing through GnuPG, so that the secret key stays with gpg-agent or on a
//! card.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::certificate::one_line;
use super::super::fingerprint::Fingerprint;
use super::{SignError, Signer};
use crate::timestamp::Time;

/// Signs by running `gpg --detach-sign`. The signature's time is gpg's own.
#[derive(Debug)]
pub struct GpgSigner {
    program: PathBuf,
    home: Option<PathBuf>,
    fingerprint: Fingerprint,
    passphrase: Option<String>,
}

impl GpgSigner {
    /// A signer for the key with this primary fingerprint, in GnuPG's home
    /// directory `home` or its default one.
    pub fn new(home: Option<&Path>, fingerprint: Fingerprint) -> GpgSigner {
        GpgSigner {
            program: "gpg".into(),
            home: home.map(Path::to_owned),
            fingerprint,
            passphrase: None,
        }
    }

    /// Uses another program than `gpg`.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<PathBuf>) -> GpgSigner {
        self.program = program.into();
        self
    }

    /// Gives the passphrase to gpg instead of letting gpg-agent ask for it.
    #[must_use]
    pub fn with_passphrase(mut self, passphrase: impl Into<String>) -> GpgSigner {
        self.passphrase = Some(passphrase.into());
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // Preferred, not ordered: the large curves need a longer hash.
        command.args([
            "--batch",
            "--quiet",
            "--no-armor",
            "--personal-digest-preferences",
            "SHA256",
        ]);
        if let Some(home) = &self.home {
            command.arg("--homedir").arg(home);
        }
        if self.passphrase.is_some() {
            // gpg reads one line from the descriptor and leaves the rest, so
            // passphrase and data share standard input.
            command.args(["--pinentry-mode", "loopback", "--passphrase-fd", "0"]);
        }
        command
            .arg("--local-user")
            .arg(self.fingerprint.to_string());
        command.args(["--output", "-", "--detach-sign"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Signer for GpgSigner {
    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn sign_packet(&self, data: &[u8], _now: Time) -> Result<Vec<u8>, SignError> {
        let failed = |message: String| SignError::Gpg {
            key: self.fingerprint,
            message,
        };
        let missing = |source| SignError::GpgMissing {
            program: self.program.clone(),
            source,
        };
        let mut child = self.command().spawn().map_err(missing)?;
        let mut input = Vec::new();
        if let Some(passphrase) = &self.passphrase {
            input.extend_from_slice(passphrase.as_bytes());
            input.push(b'\n');
        }
        input.extend_from_slice(data);
        // gpg prints nothing before it has read everything, so writing all
        // first cannot block on its output. It may leave early, saying why.
        let written = match child.stdin.take() {
            Some(mut stdin) => stdin.write_all(&input),
            None => Ok(()),
        };
        let output = child
            .wait_with_output()
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            let last = errors
                .lines()
                .rev()
                .find(|line| !line.trim().is_empty())
                .unwrap_or("it gave no reason");
            return Err(failed(one_line(last)));
        }
        written.map_err(|error| failed(error.to_string()))?;
        Ok(output.stdout)
    }
}
