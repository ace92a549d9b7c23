//! A connection that ends when it is to end, whatever the relay does.

use std::fmt;
use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::Connection;

/// How long leaving may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection to the relay. Gone with it is its socket too: left to itself, the
/// client waits for a relay that does not answer a goodbye and no longer looks at
/// heartbeats then, which takes a thread and a connection for as long as the kernel
/// tries to deliver the goodbye, a quarter of an hour.
///
/// A limit of the kernel's (`TCP_USER_TIMEOUT`) would not do instead: it also ends
/// the connection to a relay that is short of memory or disk and reads nothing for
/// a while, but lives.
pub struct RelayConnection {
    connection: Connection,
    // Dropped last.
    _socket: Socket,
}

impl RelayConnection {
    pub(super) fn new(connection: Connection, socket: Socket) -> Self {
        Self {
            connection,
            _socket: socket,
        }
    }

    /// Leaves the relay politely, but does not wait for one that is gone.
    pub async fn close(self) {
        let goodbye = self.connection.close(200, "bye".into());
        // Whether it succeeds or not, the connection is over.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

impl Deref for RelayConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl fmt::Debug for RelayConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connection.fmt(formatter)
    }
}

/// The socket of a connection, once there is one; shut down when this value goes.
#[derive(Default)]
pub(super) struct Socket(Keeper);

/// Where the socket is put by who opens it.
#[derive(Clone, Default)]
pub(super) struct Keeper(Arc<Mutex<Option<TcpStream>>>);

impl Socket {
    pub(super) fn keeper(&self) -> Keeper {
        self.0.clone()
    }
}

impl Keeper {
    pub(super) fn set(&self, socket: TcpStream) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let socket = &self.0.0;
        if let Some(socket) = socket.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It may be gone already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
