//! Children that end with the program that started them, also when that is killed.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;

/// Starts a program that is killed when this one ends, however that comes about.
/// Its network is that of the calling thread.
///
/// # Errors
/// When it cannot be started.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    spawn_until(command, Signal::SIGKILL)
}

/// The same for a program that gets another signal then.
///
/// # Errors
/// When it cannot be started.
///
/// # Panics
/// When the thread that starts programs is gone.
pub fn spawn_until(command: &mut Command, signal: Signal) -> io::Result<Child> {
    let (reply, answer) = channel();
    // Left in its place until it comes back.
    let lent = std::mem::replace(command, Command::new("/nonexistent"));
    let order = Order {
        command: lent,
        signal,
        network: File::open(NETWORK)?,
        reply,
    };
    STARTER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send(order)
        .expect("the starting thread stays");
    let (back, child) = answer.recv().expect("the starting thread answers");
    *command = back;
    child
}

/// The network of whichever thread looks.
const NETWORK: &str = "/proc/thread-self/ns/net";

struct Order {
    command: Command,
    signal: Signal,
    network: File,
    reply: Sender<(Command, io::Result<Child>)>,
}

/// The kernel sends the death signal when the *thread* that started the child
/// ends, and the threads of tests end early. So one thread that stays starts
/// them all.
static STARTER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
    let (orders, received) = channel::<Order>();
    std::thread::Builder::new()
        .name("starter".to_owned())
        .spawn(move || {
            for mut order in received {
                let child = order.start();
                // Whoever asked waits for it.
                let _ = order.reply.send((order.command, child));
            }
        })
        .expect("a thread");
    Mutex::new(orders)
});

impl Order {
    fn start(&mut self) -> io::Result<Child> {
        let (own, signal) = (std::process::id(), self.signal);
        // SAFETY: between fork and exec only two system calls are made, and nothing
        // is allocated.
        unsafe {
            self.command.pre_exec(move || {
                nix::sys::prctl::set_pdeathsig(signal)?;
                // Too late for the signal if the program ended meanwhile.
                if nix::unistd::getppid().as_raw().unsigned_abs() == own {
                    Ok(())
                } else {
                    Err(io::ErrorKind::BrokenPipe.into())
                }
            });
        }
        let here = File::open(NETWORK)?;
        if here.metadata()?.ino() == self.network.metadata()?.ino() {
            return self.command.spawn();
        }
        setns(&self.network, CloneFlags::CLONE_NEWNET)?;
        let child = self.command.spawn();
        // The next one is somebody else's.
        setns(&here, CloneFlags::CLONE_NEWNET).expect("back to the first network");
        child
    }
}
