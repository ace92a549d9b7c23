//! What one operation of one module is allowed, from its manifest.

use mig_plugin_payload::{Capability, Manifest};
use serde::{Deserialize, Serialize};

use crate::job::Operation;

/// What stays open. Everything that is false is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// Read any file and directory.
    pub(crate) filesystem_read: bool,
    /// Change files.
    pub(crate) filesystem_write: bool,
    /// Read the files that its manifest or its configuration names.
    pub(crate) named_files: bool,
    /// Sockets, and the files that name resolution reads.
    pub(crate) network: bool,
    /// Raw sockets.
    pub(crate) raw_network: bool,
    /// Other network namespaces.
    pub(crate) network_namespaces: bool,
    /// What `/proc` says of other processes.
    pub(crate) process_information: bool,
    /// Memory of other processes.
    pub(crate) trace: bool,
    /// The kernel's audit stream.
    pub(crate) audit: bool,
    /// Start programs.
    pub(crate) processes: bool,
    /// Send signals to other processes.
    pub(crate) signal: bool,
    /// Keep files in a directory of its own.
    pub(crate) state_directory: bool,
    /// Watch, for as long as the host lives: what it reads comes to an end only
    /// by being read in time.
    pub(crate) serves: bool,
}

impl Profile {
    /// The profile of one operation. All but `run` and `serve` are pure: they
    /// compute an answer from their input and need nothing of the machine.
    pub(crate) fn of(manifest: &Manifest, operation: Operation) -> Self {
        if !matches!(operation, Operation::Run | Operation::Serve) {
            return Self::default();
        }
        let needs = |capability: Capability| manifest.needs(&capability);
        Self {
            filesystem_read: needs(Capability::FilesystemRead),
            filesystem_write: needs(Capability::FilesystemWrite),
            named_files: !manifest.reads.is_empty()
                || (operation == Operation::Serve && manifest.names_files()),
            // Whoever enters a namespace asks there, through sockets.
            network: needs(Capability::Network) || needs(Capability::NetworkNamespaces),
            raw_network: needs(Capability::RawNetwork),
            network_namespaces: needs(Capability::NetworkNamespaces),
            process_information: needs(Capability::ProcessInformation),
            trace: needs(Capability::Ptrace),
            audit: needs(Capability::NetlinkAudit),
            processes: needs(Capability::Processes),
            signal: needs(Capability::Signal),
            state_directory: operation == Operation::Serve && needs(Capability::StateDirectory),
            serves: operation == Operation::Serve,
        }
    }

    /// Whether it may make sockets of any kind.
    pub(crate) fn sockets(&self) -> bool {
        self.network || self.raw_network || self.audit
    }

    /// Whether it has no business with any file, once it is loaded.
    pub(crate) fn without_files(&self) -> bool {
        !(self.filesystem_read
            || self.filesystem_write
            || self.named_files
            || self.network
            || self.process_information
            || self.trace
            || self.processes
            || self.state_directory)
    }

    /// Whether it reads nothing but single files: what is not listed for it is
    /// closed.
    pub(crate) fn reads_single_files(&self) -> bool {
        (self.network || self.named_files)
            && !(self.filesystem_read
                || self.filesystem_write
                || self.processes
                || self.other_processes())
    }

    /// Whether it may change any file at all.
    pub(crate) fn changes_files(&self) -> bool {
        self.filesystem_write || self.state_directory
    }

    /// Whether it looks into other processes. Landlock has no exception for
    /// that: inside any of its domains the kernel refuses access to processes
    /// outside, which includes the links below `/proc/PID`.
    pub(crate) fn other_processes(&self) -> bool {
        self.process_information || self.trace
    }
}
