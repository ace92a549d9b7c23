//! A relay that stood still itself, as on a machine that was suspended.

use crate::durability::Process;
use crate::raw::{Raw, encode};
use crate::support::PATIENCE;
use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, channel};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// Seconds between heartbeats.
const HEARTBEAT: u16 = 5;
/// More than the two intervals after which a client is taken for gone.
const STANDSTILL: Duration = Duration::from_secs(11);

/// What became of the clients of a relay that stood still.
enum Outcome {
    Stayed,
    Lost,
    /// Lost, but they had stood still themselves while the relay did not.
    TooLate,
}

fn lost(late: bool) -> Outcome {
    if late {
        Outcome::TooLate
    } else {
        Outcome::Lost
    }
}

fn state(relay: &Process) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", relay.child.id())).ok()?;
    // After the name, which is in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.chars().next()
}

async fn stand_still() -> Outcome {
    let directory = tempfile::tempdir().expect("a directory");
    let relay = Process::spawn(directory.path(), &[]);
    let address = relay.address.parse().expect("an address");
    let interval = Duration::from_secs(HEARTBEAT.into());
    let heartbeat = encode(&AMQPFrame::Heartbeat);
    let before = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..8 {
        match Raw::try_login(address, 131_072, HEARTBEAT, &[]).await {
            Some(client) => clients.push(client),
            None => return lost(before.elapsed() > interval),
        }
    }
    let pid = Pid::from_raw(relay.child.id().cast_signed());
    kill(pid, Signal::SIGSTOP).expect("a signal");
    mig_testkit::wait_until("the relay to stand still", PATIENCE, || {
        state(&relay) == Some('T')
    });
    let stopped = Instant::now();
    for client in &mut clients {
        client.send(&heartbeat).await;
    }
    mig_testkit::wait_until("two intervals being over", 2 * STANDSTILL, || {
        stopped.elapsed() >= STANDSTILL
    });
    for client in &mut clients {
        client.send(&heartbeat).await;
    }
    let again = Instant::now();
    kill(pid, Signal::SIGCONT).expect("a signal");
    // Whoever was dropped gets no answer.
    let open = AMQPClass::Channel(channel::AMQPMethod::Open(channel::Open {}));
    let mut stayed = true;
    for client in &mut clients {
        client.method(1, open.clone()).await;
        let answer = client.frame().await;
        stayed &= matches!(
            answer,
            Some(AMQPFrame::Method(
                1,
                AMQPClass::Channel(channel::AMQPMethod::OpenOk(_))
            ))
        );
    }
    if stayed {
        return Outcome::Stayed;
    }
    lost(stopped - before > interval || again.elapsed() > interval)
}

#[tokio::test]
async fn clients_that_sent_heartbeats_meanwhile_stay() {
    for _ in 0..5 {
        match stand_still().await {
            Outcome::Stayed => return,
            Outcome::Lost => panic!("clients that sent heartbeats were dropped"),
            Outcome::TooLate => {}
        }
    }
    panic!("the machine stands still all the time");
}
