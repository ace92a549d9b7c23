//! What the host tells a worker before it loads anything: a length, a JSON
//! header with a descriptor attached when the module is a file, and the input
//! of the operation.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use crate::job::{Limits, Operation};
use crate::sandbox::Profile;
use crate::sys::descriptors::receive_exact;

/// Longest header; it is written by this program.
const MAX_HEADER: usize = 1 << 20;

/// Everything a worker needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) module: String,
    pub(crate) operation: Operation,
    /// SHA-256 of the manifest that was inspected, in hex.
    pub(crate) manifest: String,
    /// Whether the module comes as a descriptor.
    pub(crate) dynamic: bool,
    /// Shared libraries the module links: loaded before the sandbox closes the
    /// file system.
    pub(crate) libraries: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) profile: Profile,
    /// Files and directories it may read when it may not read everything.
    pub(crate) readable: Vec<String>,
    /// The module's own directory.
    pub(crate) directory: Option<String>,
    /// Whether to report what the operation leaves behind.
    pub(crate) diagnose: bool,
    /// Bytes of each input that follows; the operation is called once for each.
    pub(crate) inputs: Vec<u64>,
}

impl Request {
    /// The bytes to send: length, header, inputs.
    pub(crate) fn encode(&self, inputs: &[Vec<u8>]) -> Vec<u8> {
        // Strings, numbers and flags: this cannot fail.
        let header = serde_json::to_vec(self).unwrap_or_default();
        let length = u32::try_from(header.len()).unwrap_or(u32::MAX);
        let body: usize = inputs.iter().map(Vec::len).sum();
        let mut bytes = Vec::with_capacity(4 + header.len() + body);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&header);
        for input in inputs {
            bytes.extend_from_slice(input);
        }
        bytes
    }

    /// Reads the header, and the module's descriptor when there is one.
    pub(crate) fn receive(socket: BorrowedFd<'_>) -> io::Result<(Self, Option<OwnedFd>)> {
        let mut length = [0; 4];
        let module = receive_exact(socket, &mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_HEADER {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut header = vec![0; length];
        receive_exact(socket, &mut header)?;
        let request: Self = serde_json::from_slice(&header)?;
        if request.dynamic != module.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok((request, module))
    }

    /// Reads the inputs.
    pub(crate) fn receive_inputs(&self, socket: BorrowedFd<'_>) -> io::Result<Vec<Vec<u8>>> {
        self.inputs
            .iter()
            .map(|length| {
                let mut input = vec![0; usize::try_from(*length).unwrap_or(usize::MAX)];
                receive_exact(socket, &mut input)?;
                Ok(input)
            })
            .collect()
    }
}
