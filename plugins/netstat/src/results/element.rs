//! One entry of `elements`, in the field order of the original; what is empty
//! or zero is left out.

use crate::facts::Socket;
use crate::owners::Owner;
use crate::questions::Kind;
use serde::Serialize;

/// An entry.
#[derive(Debug, Default, Serialize)]
pub struct Element<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub localmacaddr: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub remotemacaddr: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub localaddr: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub localport: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remoteaddr: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub remoteport: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub protocol: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rawpath: Option<&'a str>,
}

impl Element<'_> {
    /// Fills in a socket, as far as this kind of question shows it.
    pub fn set_socket(&mut self, kind: Kind, socket: &Socket) {
        self.localaddr = socket.local.0.to_string();
        self.localport = socket.local.1;
        if kind == Kind::ConnectedIp {
            self.remoteaddr = socket.remote.0.to_string();
            self.remoteport = socket.remote.1;
        }
        self.protocol = socket.protocol.word();
        self.state = socket.state.word(socket.protocol);
    }
}

impl<'a> Element<'a> {
    /// Fills in who has the socket open.
    pub fn set_owner(&mut self, owner: &'a Owner) {
        self.pid = Some(owner.pid);
        self.process = Some(&owner.process)
            .filter(|name| !name.is_empty())
            .map(String::as_str);
        self.rawpath = owner.rawpath.as_deref();
    }
}

fn is_zero(port: &u16) -> bool {
    *port == 0
}
