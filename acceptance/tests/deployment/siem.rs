//! The server that the pages let a webhook post to: `siem.example.org`.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use mig_acceptance::Sink;
use nix::sched::{CloneFlags, setns};

use crate::machine::{FIRST_ADDRESS, Machine};

/// The port that stands on the page.
const PORT: u16 = 8080;

/// An HTTP server in the network of a machine. Only a thread can go there, so one
/// stays as long as the server does.
pub struct Siem {
    sink: Option<Arc<Sink>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Siem {
    /// Listens where the pages say.
    ///
    /// # Panics
    /// When it cannot.
    pub fn start(machine: &Machine) -> Self {
        let network = File::open(machine.network()).expect("its network");
        let address = SocketAddr::new(FIRST_ADDRESS.parse().expect("an address"), PORT);
        let (made, sink) = channel();
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::spawn(move || {
            setns(network, CloneFlags::CLONE_NEWNET).expect("that network");
            let sink = Arc::new(Sink::at(address).expect("a server"));
            made.send(Arc::clone(&sink)).expect("somebody waits");
            // Both words mean the same: the other half is gone.
            let _ = stopped.recv();
        });
        Self {
            sink: Some(sink.recv().expect("a server")),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Whether something with all these parts was posted.
    pub fn has(&self, parts: &[&str]) -> bool {
        self.sink.as_ref().is_some_and(|sink| sink.has(parts))
    }
}

impl Drop for Siem {
    fn drop(&mut self) {
        // The last to let go of the server has to be in its network.
        drop(self.sink.take());
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
