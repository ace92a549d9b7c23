//! From the first connection to the end, through every loss.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mig_agent::intake::Received;
use mig_agent::relay::Backoff;
use rand::RngExt;

use super::session::{self, Ended};
use super::{Member, heartbeat};
use crate::configuration::HeartbeatPath;
use crate::scenario::Scenario;

/// Choices of when to connect first.
const ARRIVAL: u64 = 1;

/// Lives until everything ends.
pub(super) async fn live(member: &Arc<Member>) {
    let posting = async {
        match &member.common.configuration.heartbeats {
            HeartbeatPath::Relay => std::future::pending().await,
            HeartbeatPath::Api(url) => heartbeat::post(member, url).await,
        }
    };
    tokio::select! {
        () = stay(member) => {}
        () = posting => {}
    }
}

async fn stay(member: &Arc<Member>) {
    resume(member).await;
    let arrival = member.common.configuration.arrival;
    if member.scenario != Scenario::BootStorm && !arrival.is_zero() {
        let pause = arrival.mul_f64(member.choices(ARRIVAL).random_range(0.0..1.0));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = member.common.until_stopped() => return,
        }
    }
    let queue = member.agent.identity().queue();
    let mut backoff = Backoff::default();
    loop {
        let begun = Instant::now();
        // What is being made is cut as well.
        let outages = member.common.outages.subscribe();
        let opened = tokio::select! {
            opened = member.common.relay.open(member.number, &queue) => opened,
            () = member.common.until_stopped() => return,
        };
        let at_once = match opened {
            Ok(link) => {
                backoff.succeeded();
                {
                    let mut notes = member.notes();
                    notes.counts.connections += 1;
                    notes.times.connecting.add(begun.elapsed());
                    notes.connected = true;
                }
                let ended = session::run(member, link, outages).await;
                member.notes().connected = false;
                match ended {
                    Ended::Stopped => return,
                    Ended::Cut => {
                        member.notes().counts.cut += 1;
                        true
                    }
                    Ended::Outage => {
                        member.note_outage();
                        true
                    }
                    Ended::Lost => true,
                }
            }
            Err(_) => {
                member.notes().counts.failed_connections += 1;
                false
            }
        };
        let pause = match member.scenario {
            Scenario::BootStorm if at_once => Duration::ZERO,
            _ => backoff.next_pause(),
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = member.common.until_stopped() => return,
        }
    }
}

/// Takes up what an earlier life left in the journal.
async fn resume(member: &Arc<Member>) {
    let receiver = Arc::clone(member);
    let left = tokio::task::spawn_blocking(move || {
        let open = receiver.agent.journal().open_commands().unwrap_or_default();
        let resumed = open.into_iter().map(|open| receiver.agent.resume(open));
        resumed.collect::<Vec<_>>()
    });
    for received in left.await.unwrap_or_default() {
        if let Received::Run(task) = received {
            session::execute(member, *task);
        }
    }
}
