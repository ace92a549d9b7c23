//! kill -9: nothing confirmed is lost, nothing acknowledged returns.

use crate::support::*;
use lapin::Channel;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueBindOptions};
use lapin::types::{AMQPValue, FieldTable};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// A relay in a process of its own, killed when dropped.
pub struct Process {
    pub child: Child,
    pub address: String,
}

impl Process {
    pub fn spawn(directory: &Path, limits: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_relay-alone"))
            .arg("127.0.0.1:0")
            .arg(directory.join("relay.db"))
            .args(limits)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a relay");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("its address");
        let address = line
            .trim()
            .strip_prefix("listening ")
            .unwrap_or_else(|| panic!("not an address: {line:?}"))
            .to_owned();
        Self { child, address }
    }

    pub async fn channel(&self) -> Channel {
        let uri = format!("amqp://guest:guest-secret@{}/mig", self.address);
        let connection = connect(&uri).await.expect("a connection");
        connection.create_channel().await.expect("a channel")
    }

    fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A small generator: the points at which the relay is killed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn number(body: &[u8]) -> u32 {
    u32::from_be_bytes(body[..4].try_into().expect("four bytes"))
}

/// What a client knows when the relay dies.
#[derive(Default)]
struct Known {
    confirmed: BTreeSet<u32>,
    /// Acknowledgements that a later confirm on their channel has proven
    /// received.
    acknowledged: BTreeSet<u32>,
    /// Acknowledgements sent to the relay that runs now.
    sent: BTreeSet<u32>,
    /// Acknowledgements sent to any: these may be gone, or return once.
    maybe_acknowledged: BTreeSet<u32>,
}

/// Publishes from `first` on and consumes some, until `steps` are done.
async fn work(channel: &Channel, known: &mut Known, first: u32, steps: u32, random: &mut Random) {
    for step in 0..steps {
        let id = first + step;
        let mut body = id.to_be_bytes().to_vec();
        body.resize(4 + random.below(3000) as usize, 0);
        if publish_confirmed(channel, "work", &body, persistent())
            .await
            .is_ack()
        {
            known.confirmed.insert(id);
            known.acknowledged.append(&mut known.sent);
        }
        if random.below(3) == 0 {
            let got = channel
                .basic_get("work".into(), BasicGetOptions::default())
                .await
                .expect("an answer");
            if let Some(got) = got {
                known.sent.insert(number(&got.data));
                known.maybe_acknowledged.insert(number(&got.data));
                ack(&got.delivery).await;
            }
        }
    }
}

async fn drain(channel: &Channel) -> Vec<u32> {
    let mut all = Vec::new();
    while let Some(got) = channel
        .basic_get("work".into(), BasicGetOptions { no_ack: false })
        .await
        .expect("an answer")
    {
        assert!(got.redelivered, "it may have been delivered before");
        all.push(number(&got.data));
    }
    all
}

#[tokio::test]
async fn a_killed_relay_keeps_what_it_confirmed_and_forgets_what_was_acknowledged() {
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock")
        .as_nanos() as u64
        | 1;
    println!("seed {seed}");
    let mut random = Random(seed);
    let directory = tempfile::tempdir().expect("a directory");
    let mut known = Known::default();
    let mut next_id = 0;
    for round in 0..8 {
        // Small enough that bodies are on disk only as well as in memory.
        let relay = Process::spawn(directory.path(), &["body_memory_bytes=20000"]);
        let channel = relay.channel().await;
        select_confirms(&channel).await;
        declare(&channel, "work", &[]).await;

        let steps = 1 + random.below(40) as u32;
        work(&channel, &mut known, next_id, steps, &mut random).await;
        next_id += steps;
        // Some more that nobody waits for: they may survive or not.
        let unconfirmed = random.below(30) as u32;
        for id in next_id..next_id + unconfirmed {
            channel
                .basic_publish(
                    "".into(),
                    "work".into(),
                    BasicPublishOptions::default(),
                    &id.to_be_bytes(),
                    persistent(),
                )
                .await
                .expect("sent");
        }
        next_id += unconfirmed;
        relay.kill();
        known.sent.clear();

        let relay = Process::spawn(directory.path(), &[]);
        let found = drain(&relay.channel().await).await;
        let unique: BTreeSet<u32> = found.iter().copied().collect();
        assert_eq!(unique.len(), found.len(), "round {round}: duplicates");
        assert!(
            found.windows(2).all(|pair| pair[0] < pair[1]),
            "round {round}: order"
        );
        let lost: Vec<_> = known
            .confirmed
            .difference(&known.maybe_acknowledged)
            .filter(|id| !unique.contains(id))
            .collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
        let returned: Vec<_> = known.acknowledged.intersection(&unique).collect();
        assert!(returned.is_empty(), "round {round}: returned {returned:?}");
        relay.kill();
    }
}

#[tokio::test]
async fn durable_things_survive_and_others_do_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let relay = Process::spawn(directory.path(), &[]);
    let channel = relay.channel().await;
    select_confirms(&channel).await;
    let durable = lapin::options::ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let kind = lapin::ExchangeKind::Direct;
    channel
        .exchange_declare("kept".into(), kind.clone(), durable, FieldTable::default())
        .await
        .expect("an exchange");
    channel
        .exchange_declare(
            "lost".into(),
            kind,
            lapin::options::ExchangeDeclareOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("an exchange");
    let settings = [
        ("x-message-ttl", AMQPValue::LongInt(600_000)),
        ("x-max-length", AMQPValue::LongInt(2)),
        ("x-overflow", AMQPValue::LongString("drop-head".into())),
    ];
    declare(&channel, "kept", &settings).await;
    channel
        .queue_declare(
            "lost".into(),
            lapin::options::QueueDeclareOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("a queue");
    for (exchange, key) in [("kept", "k"), ("kept", "gone"), ("lost", "k")] {
        channel
            .queue_bind(
                "kept".into(),
                exchange.into(),
                key.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("bound");
    }
    channel
        .queue_unbind(
            "kept".into(),
            "kept".into(),
            "gone".into(),
            FieldTable::default(),
        )
        .await
        .expect("unbound");
    for (body, mode) in [(&b"kept"[..], 2), (b"lost", 1)] {
        let properties = lapin::BasicProperties::default().with_delivery_mode(mode);
        assert!(
            publish_confirmed(&channel, "kept", body, properties)
                .await
                .is_ack()
        );
    }
    relay.kill();

    let relay = Process::spawn(directory.path(), &[]);
    let channel = relay.channel().await;
    // The same settings, or this would be refused.
    let queue = declare(&channel, "kept", &settings).await;
    assert_eq!(queue.message_count(), 1);
    select_confirms(&channel).await;
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    for (key, routed) in [("k", true), ("gone", false)] {
        let answer = channel
            .basic_publish("kept".into(), key.into(), mandatory, b"x", persistent())
            .await
            .expect("sent")
            .await
            .expect("an answer");
        assert_eq!(answer.take_message().is_none(), routed, "{key}");
    }
    let mut consumer = consume(&channel, "kept").await;
    assert_eq!(next(&mut consumer).await.data, b"kept");
    for name in ["exchange", "queue"] {
        let channel = relay.channel().await;
        let error = if name == "exchange" {
            channel
                .exchange_declare(
                    "lost".into(),
                    lapin::ExchangeKind::Direct,
                    lapin::options::ExchangeDeclareOptions {
                        passive: true,
                        ..Default::default()
                    },
                    FieldTable::default(),
                )
                .await
                .expect_err("lost")
        } else {
            channel
                .queue_declare(
                    "lost".into(),
                    lapin::options::QueueDeclareOptions {
                        passive: true,
                        ..Default::default()
                    },
                    FieldTable::default(),
                )
                .await
                .expect_err("lost")
        };
        assert_eq!(code(&error), 404, "{name}");
    }
}

#[tokio::test]
async fn a_process_stops_in_good_order_when_its_input_ends() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut relay = Process::spawn(directory.path(), &[]);
    drop(relay.child.stdin.take());
    let status = relay.child.wait().expect("an end");
    assert!(status.success(), "{status}");
}
