//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use mig_daemons::investigators::InvestigatorTask;

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
    /// Check the configuration and the files that it names.
    Check,
    /// Manage investigators while the server is stopped; while it runs, the API
    /// does.
    Investigator {
        /// What to do.
        #[command(subcommand)]
        task: InvestigatorTask,
    },
}
