//! Children that end with the program that started them.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};

use nix::sys::signal::Signal;

type Order = (Command, Signal, Sender<io::Result<Child>>);

/// The kernel sends the death signal when the *thread* that started the child
/// ends, and the threads of tests end early. So one thread that stays starts
/// them all.
static STARTER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
    let (orders, received) = channel::<Order>();
    std::thread::Builder::new()
        .name("servers".to_owned())
        .spawn(move || {
            for (mut command, signal, reply) in received {
                let own = std::process::id();
                // SAFETY: between fork and exec only two system calls are made,
                // and nothing is allocated.
                unsafe {
                    command.pre_exec(move || {
                        nix::sys::prctl::set_pdeathsig(signal)?;
                        // Too late for the signal if the program ended meanwhile.
                        if nix::unistd::getppid().as_raw().unsigned_abs() == own {
                            Ok(())
                        } else {
                            Err(io::ErrorKind::BrokenPipe.into())
                        }
                    });
                }
                // Nobody waiting for the answer is fine: the child is reaped below.
                if let Err(unsent) = reply.send(command.spawn())
                    && let Ok(mut child) = unsent.0
                {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        })
        .expect("a thread");
    Mutex::new(orders)
});

/// Starts a child that gets `signal` when this program ends.
pub(crate) fn spawn(command: Command, signal: Signal) -> io::Result<Child> {
    let (reply, answer) = channel();
    STARTER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((command, signal, reply))
        .expect("the starting thread stays");
    answer.recv().expect("the starting thread answers")
}

/// Sends a signal to a child of ours.
pub(crate) fn signal(child: &Child, signal: Signal) {
    let process = nix::unistd::Pid::from_raw(child.id().cast_signed());
    // It may have ended by itself.
    let _ = nix::sys::signal::kill(process, signal);
}
