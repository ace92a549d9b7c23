//! What happens while a connection lasts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicPublishOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Consumer};
use mig_agent::intake::{Received, Task};
use mig_agent::relay::Backoff;
use mig_protocol::{Time, command_id_hint};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::{oneshot, watch};

use super::connect::Link;
use super::lies::Liar;
use super::{Member, heartbeat};
use crate::configuration::HeartbeatPath;
use crate::scenario::Scenario;
use crate::seen::Event;

/// Exchange that carries answers and heartbeats.
pub(super) const TO_SCHEDULERS: &str = "toschedulers";
/// Routing key of answers.
pub(super) const RESULTS: &str = "mig.agt.results";
/// Routing key of heartbeats.
pub(super) const HEARTBEATS: &str = "mig.agt.heartbeats";
/// Time to say goodbye.
const CLOSING: Duration = Duration::from_secs(2);
/// Choices of how slow to be and when to go.
const PACE: u64 = 2;

/// How a session ended.
pub(super) enum Ended {
    /// Everything ends.
    Stopped,
    /// The agent cut it.
    Cut,
    /// The network failed for all.
    Outage,
    /// The relay is gone.
    Lost,
}

/// Works until the connection breaks or everything ends.
pub(super) async fn run(
    member: &Arc<Member>,
    link: Link,
    mut outages: watch::Receiver<u64>,
) -> Ended {
    let Link {
        connection,
        channel,
        mut consumer,
        switch,
    } = link;
    // Otherwise every session would be as slow and as short as the first.
    let life = member.notes().counts.connections;
    let liar = (member.scenario == Scenario::Lying).then(|| Liar::new(member, &connection, life));
    let ended = tokio::select! {
        () = consume(member, &mut consumer, liar.as_ref(), life) => Ended::Lost,
        () = publish_answers(member, &channel, liar.as_ref(), life) => Ended::Lost,
        () = beat(member, &channel) => Ended::Lost,
        () = flap(member, life) => Ended::Cut,
        _ = outages.changed() => Ended::Outage,
        () = member.common.until_stopped() => Ended::Stopped,
    };
    match ended {
        Ended::Cut | Ended::Outage => switch.cut(),
        Ended::Lost => {}
        Ended::Stopped => {
            let close = connection.close(200, "OK".into());
            let _ = tokio::time::timeout(CLOSING, close).await;
            // What did not hear it must not keep a thread.
            switch.cut();
        }
    }
    ended
}

async fn beat(member: &Member, channel: &Channel) {
    match member.common.configuration.heartbeats {
        HeartbeatPath::Relay => drop(heartbeat::publish(member, channel).await),
        HeartbeatPath::Api(_) => std::future::pending().await,
    }
}

/// Ends when a flapping agent loses its connection; otherwise never.
async fn flap(member: &Member, life: u64) {
    if member.scenario != Scenario::Flap {
        std::future::pending::<()>().await;
    }
    let longest = member.common.configuration.flapping;
    let share = member.choices(PACE + life).random_range(0.1..1.0);
    tokio::time::sleep(longest.mul_f64(share)).await;
}

/// Takes its time where the agent is slow.
async fn dawdle(member: &Member, choices: &mut StdRng) {
    if member.scenario == Scenario::Slow {
        let longest = member.common.configuration.slowness;
        tokio::time::sleep(longest.mul_f64(choices.random_range(0.0..1.0))).await;
    }
}

/// Takes commands until the connection breaks. Each is in the journal before
/// the relay hears that it arrived.
async fn consume(
    member: &Arc<Member>,
    consumer: &mut Consumer,
    liar: Option<&Liar<'_>>,
    life: u64,
) {
    let mut choices = member.choices(PACE + life);
    // What is not acknowledged stays with the relay, which hears nothing of it.
    let mut ignored = Vec::new();
    while let Some(Ok(delivery)) = consumer.next().await {
        dawdle(member, &mut choices).await;
        let id = command_id_hint(&delivery.data).map(|id| id.0);
        note_arrival(member, id);
        if member.scenario == Scenario::Silent {
            member.notes().counts.ignored += 1;
            ignored.push(delivery);
            continue;
        }
        if !take(member, delivery, id, liar).await {
            return;
        }
    }
}

/// Takes one command in; false when the connection is gone.
async fn take(
    member: &Arc<Member>,
    delivery: Delivery,
    id: Option<u64>,
    liar: Option<&Liar<'_>>,
) -> bool {
    let Delivery { data, acker, .. } = delivery;
    let (journalled, arrived) = oneshot::channel();
    let (lied, told) = oneshot::channel::<()>();
    let receiver = Arc::clone(member);
    // A task of its own: what was journalled must run even if the connection is
    // lost at this very moment.
    tokio::spawn(async move {
        let inner = Arc::clone(&receiver);
        let received = tokio::task::spawn_blocking(move || inner.agent.receive(&data))
            .await
            .unwrap_or(Received::Nothing);
        match received {
            Received::Run(task) => {
                note_delivery_time(&receiver, task.command.starttime);
                let _ = journalled.send(Some(task.command.clone()));
                // Until the lies were told, or cannot be.
                let _ = told.await;
                execute(&receiver, *task);
            }
            Received::Answered => {
                note_refusal(&receiver, id);
                receiver.answers.notify_one();
                let _ = journalled.send(None);
            }
            Received::Nothing => drop(journalled.send(None)),
            Received::NotNow => drop(journalled),
        }
    });
    let Ok(command) = arrived.await else {
        // Nothing was journalled: it comes again with the next connection.
        return false;
    };
    if let (Some(command), Some(liar)) = (command, liar) {
        liar.before(&command).await;
    }
    drop(lied);
    acker.ack(BasicAckOptions::default()).await.is_ok()
}

/// Carries a journalled command out, in a task of its own.
pub(super) fn execute(member: &Arc<Member>, task: Task) {
    let member = Arc::clone(member);
    let id = task.command.id.0;
    tokio::spawn(async move {
        member.modules.expect(&task.command);
        Arc::clone(&member.agent).execute(task, None).await;
        member.modules.ended(id);
        member.note(Event::Answered, id);
        {
            let mut notes = member.notes();
            if let Some(arrived) = notes.arrived.get(&id).copied() {
                notes.times.work.add(arrived.elapsed());
            }
        }
        member.answers.notify_one();
    });
}

/// Publishes stored answers in order, each until the relay confirms it.
async fn publish_answers(
    member: &Arc<Member>,
    channel: &Channel,
    liar: Option<&Liar<'_>>,
    life: u64,
) {
    let mut choices = member.choices(PACE + life);
    let mut backoff = Backoff::default();
    loop {
        let reader = Arc::clone(member);
        let next = tokio::task::spawn_blocking(move || {
            let journal = reader.agent.journal();
            let entry = journal.next_unsent(None)?;
            let answer = journal.answer(entry).ok().flatten()?;
            Some((entry, answer))
        });
        let Ok(Some((entry, answer))) = next.await else {
            member.answers.notified().await;
            continue;
        };
        dawdle(member, &mut choices).await;
        member.notes().counts.published += 1;
        match publish(channel, RESULTS, &answer).await {
            Ok(Confirmation::Ack(None)) => {}
            Ok(_) => {
                member.notes().counts.unaccepted += 1;
                tokio::time::sleep(backoff.next_pause()).await;
                continue;
            }
            Err(_) => return,
        }
        backoff.succeeded();
        let writer = Arc::clone(member);
        let now = member.agent.now().unix_seconds();
        let id = command_id_hint(&answer).map(|id| id.0);
        // Together, or a session that ends here would leave one without the other.
        let sent = tokio::task::spawn_blocking(move || {
            // First the ledger, which a kill between the two would leave open.
            note_confirmation(&writer, id);
            writer.agent.journal().sent(entry, now);
        });
        let _ = sent.await;
        if let Some(liar) = liar {
            liar.after(&answer).await;
        }
    }
}

/// Publishes something to schedulers; returns what the relay says.
pub(super) async fn publish(
    channel: &Channel,
    key: &str,
    body: &[u8],
) -> lapin::Result<Confirmation> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_delivery_mode(2)
        .with_timestamp(u64::try_from(Time::now().unix_seconds()).unwrap_or(0));
    channel
        .basic_publish(TO_SCHEDULERS.into(), key.into(), options, body, properties)
        .await?
        .await
}

/// Opens a channel of its own for lies, so that a relay which closes it leaves
/// the agent's work alone.
pub(super) async fn open_channel(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(Default::default()).await?;
    Ok(channel)
}

fn note_arrival(member: &Member, id: Option<u64>) {
    let Some(id) = id else {
        let mut notes = member.notes();
        notes.counts.received += 1;
        notes.counts.unreadable += 1;
        return;
    };
    member.note(Event::Received, id);
    let mut notes = member.notes();
    notes.arrived.entry(id).or_insert_with(Instant::now);
}

fn note_delivery_time(member: &Member, made: Time) {
    // The machine's clock, not the agent's, which may be off.
    let took = Time::now().since(made);
    member.notes().times.delivery.add(took);
}

fn note_refusal(member: &Member, id: Option<u64>) {
    if let Some(id) = id {
        member.note(Event::Refused, id);
    }
}

fn note_confirmation(member: &Member, id: Option<u64>) {
    let Some(id) = id else {
        member.notes().counts.confirmed += 1;
        return;
    };
    member.note(Event::Confirmed, id);
    let mut notes = member.notes();
    if let Some(arrived) = notes.arrived.remove(&id) {
        notes.times.confirmation.add(arrived.elapsed());
    }
}
