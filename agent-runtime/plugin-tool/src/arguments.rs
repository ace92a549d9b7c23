//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Where publishers' keys are kept on endpoints.
pub const KEYRING: &str = "/etc/mig/pluginkeys";

#[derive(Debug, Parser)]
#[command(
    name = "mig-plugin",
    version,
    about = "Inspects, checks, signs and verifies MIG module plugins",
    disable_help_subcommand = true
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Says what a plugin file is and whether this machine would load it,
    /// without executing any of it
    Inspect(Inspect),
    /// Tries what a host relies on: runs the plugin's operations in workers with
    /// good, bad and invented input. Only for plugins you trust enough to run
    Check(Check),
    /// Makes a key pair for a publisher of plugins
    Keygen(Keygen),
    /// Makes a directory with a new module in Rust that builds and passes its
    /// tests
    New(New),
    /// Signs a plugin file; the signature goes to FILE.sig
    Sign(Sign),
    /// Checks the signatures in FILE.sig against a directory of public keys
    Verify(Verify),
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// The plugin, usually libNAME.so
    pub file: PathBuf,
    /// Print the manifest and the facts as JSON
    #[arg(long)]
    pub json: bool,
    /// Check against this version of glibc instead of this machine's
    #[arg(long, value_name = "VERSION")]
    pub glibc: Option<String>,
    /// Check against this version of Linux instead of this machine's
    #[arg(long, value_name = "VERSION")]
    pub kernel: Option<String>,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The plugin
    pub file: PathBuf,
    /// Parameters of a run that shall end well, as JSON; otherwise those of the
    /// manifest's examples
    #[arg(long, value_name = "JSON")]
    pub parameters: Option<String>,
    /// Configuration of a persistent module, an object of sections; without, an
    /// empty one
    #[arg(long, value_name = "JSON")]
    pub configuration: Option<String>,
    /// Time each operation may take
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub wall: u64,
}

#[derive(Debug, Args)]
pub struct Keygen {
    /// Where to write: PREFIX.key (secret) and PREFIX.pub
    pub prefix: PathBuf,
    /// Kind of key
    #[arg(long, value_enum, default_value_t = Kind::Openpgp)]
    pub kind: Kind,
    /// User id of an OpenPGP key, usually `Name <address>`
    #[arg(long, value_name = "TEXT", default_value = "MIG plugin publisher")]
    pub user_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// An Ed25519 key in OpenPGP form
    Openpgp,
    /// A bare Ed25519 key in PEM, as openssl writes it
    Ed25519,
}

#[derive(Debug, Args)]
pub struct New {
    /// Name of the module and of the directory to make
    pub name: String,
    /// Directory of the SDK's source, `plugin-abi/sdk` of MIG
    #[arg(long, value_name = "DIR")]
    pub sdk: PathBuf,
    /// One that watches for as long as the agent runs
    #[arg(long)]
    pub persistent: bool,
    /// Who publishes the module
    #[arg(long, value_name = "TEXT", default_value = "nobody yet")]
    pub publisher: String,
}

#[derive(Debug, Args)]
pub struct Sign {
    /// The plugin
    pub file: PathBuf,
    /// Secret key: armored OpenPGP or Ed25519 PEM. $MIGPGPPASSPHRASE opens a
    /// locked OpenPGP key
    #[arg(long, value_name = "KEY")]
    pub key: PathBuf,
    /// Keep the signatures that FILE.sig has already
    #[arg(long)]
    pub add: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The plugin; its signatures are in FILE.sig
    pub file: PathBuf,
    /// Directory of public keys, one per file
    #[arg(long, value_name = "DIR", default_value = KEYRING)]
    pub keyring: PathBuf,
    /// How many different keys must have signed
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub required: usize,
}
