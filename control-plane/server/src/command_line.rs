//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The embedded control plane of MIG: relay, scheduler, API and database in one
/// process. Without a subcommand it serves until SIGTERM or SIGINT.
#[derive(Debug, Parser)]
#[command(name = "mig-server", version)]
pub struct CommandLine {
    /// Configuration file.
    #[arg(
        short = 'c',
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/mig/mig-server.cfg"
    )]
    pub config: PathBuf,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Check the configuration file.
    Check,
    /// Manage investigators while the server is stopped; while it runs, the API
    /// does.
    Investigator {
        /// What to do.
        #[command(subcommand)]
        task: InvestigatorTask,
    },
}

/// What to do with investigators.
#[derive(Debug, Subcommand)]
pub enum InvestigatorTask {
    /// Add an investigator; the first one of a site is made this way.
    Create {
        /// Name of the person.
        #[arg(long)]
        name: String,
        /// File with the armored OpenPGP public key.
        #[arg(long, value_name = "FILE")]
        pubkey: PathBuf,
        /// May manage investigators too.
        #[arg(long)]
        admin: bool,
        /// Also make an API key, which is printed this once.
        #[arg(long)]
        apikey: bool,
    },
    /// Show all investigators.
    List,
    /// Disable an investigator at once.
    Disable {
        /// Identifier, as `list` shows it.
        id: u64,
    },
    /// Enable a disabled investigator.
    Enable {
        /// Identifier, as `list` shows it.
        id: u64,
    },
}
