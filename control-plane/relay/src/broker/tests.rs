//! The broker without sockets and disk.

use super::*;
use crate::confirm::Confirm;
use crate::connection::outbox::{Outbox, Outgoing};
use crate::persistence::Insert;
use crate::queue::{Overflow, QueueSettings};
use bytes::Bytes;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;

const CONNECTION: u64 = 1;
const MIG: VhostId = VhostId(0);

struct Bench {
    broker: Broker,
    /// What the store is asked to do.
    ops: Receiver<Op>,
    outbox: Arc<Outbox>,
}

impl Bench {
    fn new(adjust: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        adjust(&mut limits);
        let (storage, ops) = Storage::detached();
        let counters: Arc<Counters> = Arc::default();
        let alarms = Alarms::new(Arc::clone(&counters));
        let vhosts = ["mig".into(), "other".into()];
        let mut broker = Broker::new(&vhosts, Arc::new(limits), storage, counters, alarms);
        let outbox = Arc::new(Outbox::new(1 << 20, 1 << 20));
        broker
            .peers
            .add(CONNECTION, Peer::new(Arc::clone(&outbox), true));
        broker.open_channel(CONNECTION, 1);
        Self {
            broker,
            ops,
            outbox,
        }
    }

    fn queue(&mut self, name: &str, settings: QueueSettings) -> QueueId {
        let request = DeclareQueue {
            vhost: MIG,
            name,
            settings,
            user: &"u".into(),
            connection: CONNECTION,
        };
        self.broker.declare_queue(request, 0).expect("a queue").0.id
    }

    fn durable(&mut self, name: &str) -> QueueId {
        self.queue(
            name,
            QueueSettings {
                durable: true,
                ..QueueSettings::default()
            },
        )
    }

    /// Bound to `amq.direct` with key `k`.
    fn bound(&mut self, name: &str, settings: QueueSettings) -> QueueId {
        let id = self.queue(name, settings);
        self.broker.bind(id, "amq.direct", "k").expect("bound");
        id
    }

    /// Publishes with a confirm, whose tag is 7.
    fn publish(&mut self, exchange: &str, key: &str, body: &[u8], persistent: bool) -> Published {
        let closed = Arc::new(AtomicBool::new(false));
        let confirm = Confirm::new(Arc::clone(&self.outbox), 1, 7, closed);
        let message = Publication {
            vhost: MIG,
            publisher: CONNECTION,
            exchange: exchange.into(),
            routing_key: key.into(),
            properties: Bytes::from_static(&[0, 0]),
            persistent,
            ttl: None,
            body: Bytes::copy_from_slice(body),
            confirm: Some(Arc::new(confirm)),
            permit: None,
        };
        self.broker.publish(&message, 0).expect("published")
    }

    fn inserts(&self) -> Vec<Insert> {
        self.ops
            .try_iter()
            .filter_map(|op| match op {
                Op::Insert(insert) => Some(*insert),
                _ => None,
            })
            .collect()
    }

    fn deletions(&self) -> usize {
        self.ops
            .try_iter()
            .filter(|op| matches!(op, Op::Delete(_)))
            .count()
    }

    /// `Some(true)` for an ack, `Some(false)` for a nack.
    fn answer(&self) -> Option<bool> {
        match self.outbox.take().0 {
            Some(Outgoing::Frames(bytes)) => Some(bytes[10] == 80),
            None => None,
            other => panic!("not an answer: {other:?}"),
        }
    }
}

fn commit(insert: Insert) {
    insert.confirm.as_ref().expect("somebody waits").committed();
}

#[test]
fn a_confirm_waits_for_every_commit_it_depends_on() {
    let mut bench = Bench::new(|_| {});
    let durable = QueueSettings {
        durable: true,
        ..QueueSettings::default()
    };
    bench.bound("a", durable.clone());
    bench.bound("b", durable);
    bench.bound("transient", QueueSettings::default());
    bench.publish("amq.direct", "k", b"x", true);
    let mut inserts = bench.inserts();
    assert_eq!(inserts.len(), 2, "the transient queue is not stored");
    assert_eq!(bench.answer(), None);
    commit(inserts.pop().expect("an insert"));
    assert_eq!(bench.answer(), None);
    commit(inserts.pop().expect("an insert"));
    assert_eq!(bench.answer(), Some(true));
    // Nothing to wait for.
    bench.publish("amq.direct", "k", b"x", false);
    assert_eq!(bench.answer(), Some(true));
}

#[test]
fn one_queue_that_refuses_makes_a_refusal_though_others_accept() {
    let mut bench = Bench::new(|_| {});
    bench.bound("roomy", QueueSettings::default());
    let full = QueueSettings {
        max_length: Some(0),
        ..QueueSettings::default()
    };
    bench.bound("full", full);
    bench.publish("amq.direct", "k", b"x", false);
    assert_eq!(bench.answer(), Some(false));
    assert_eq!(bench.broker.stats().ready, 1);
}

#[test]
fn bodies_that_memory_has_no_room_for_are_on_disk_only() {
    let mut bench = Bench::new(|limits| limits.body_memory_bytes = 10);
    let queue = bench.durable("q");
    for _ in 0..3 {
        bench.publish("", "q", b"12345", true);
    }
    let stats = bench.broker.stats();
    assert_eq!((stats.body_memory_bytes, stats.stored_bytes), (10, 15));
    // A transient message beyond the bound is parked, one within it is not.
    bench.inserts();
    bench.publish("", "q", b"12345", false);
    let parked = bench.inserts();
    assert!(!parked[0].survives && parked[0].confirm.is_none());
    bench.broker.purge(queue);
    assert_eq!(bench.deletions(), 4);
    bench.publish("", "q", b"12345", false);
    assert!(bench.inserts().is_empty());
    let stats = bench.broker.stats();
    assert_eq!((stats.body_memory_bytes, stats.stored_bytes), (5, 0));
}

#[test]
fn a_body_counts_until_its_consumer_has_taken_it() {
    let mut bench = Bench::new(|_| {});
    let queue = bench.durable("q");
    bench.publish("", "q", b"12345", false);
    assert_eq!(bench.answer(), Some(true));
    let got = bench.broker.get(CONNECTION, 1, queue, true, 0);
    assert_eq!(got, Got::Message);
    let stats = bench.broker.stats();
    assert_eq!((stats.ready, stats.body_memory_bytes), (0, 5));
    drop(bench.outbox.take());
    assert_eq!(bench.broker.stats().body_memory_bytes, 0);
}

#[test]
fn a_message_the_store_refused_is_withdrawn_unless_it_is_delivered() {
    let mut bench = Bench::new(|limits| limits.body_memory_bytes = 20);
    let queue = bench.durable("q");
    for body in [&b"delivered"[..], b"waiting", b"delivered from the disk"] {
        bench.publish("", "q", body, true);
    }
    let inserts = bench.inserts();
    let get = |bench: &mut Bench| bench.broker.get(CONNECTION, 1, queue, false, 0);
    for _ in 0..3 {
        assert_eq!(get(&mut bench), Got::Message);
    }
    let settle = |bench: &mut Bench, tag, settlement| {
        bench
            .broker
            .settle(CONNECTION, 1, tag, false, settlement, 0)
            .expect("settled");
    };
    settle(&mut bench, 2, Settlement::Requeue);
    bench.outbox.drain();
    let outcomes: Vec<_> = inserts.iter().map(|i| (queue, i.id, false)).collect();
    bench.broker.stored(&outcomes);
    // Neither the waiting one nor the one whose body is nowhere is left.
    let stats = bench.broker.stats();
    assert_eq!((stats.ready, stats.unacked, stats.refused), (0, 1, 2));
    assert_eq!((stats.stored_bytes, stats.body_memory_bytes), (0, 9));
    settle(&mut bench, 1, Settlement::Acknowledge);
    settle(&mut bench, 3, Settlement::Requeue);
    assert_eq!(bench.deletions(), 0, "they never were in the store");
    let stats = bench.broker.stats();
    assert_eq!((stats.ready, stats.unacked), (0, 0));
    assert_eq!(stats.body_memory_bytes, 0);
}

#[test]
fn a_reused_consumer_tag_owes_nothing_for_its_former_owner() {
    let mut bench = Bench::new(|_| {});
    let queue = bench.durable("q");
    bench.publish("", "q", b"x", false);
    let consume = |bench: &mut Bench| {
        let request = ConsumeRequest {
            connection: CONNECTION,
            channel: 1,
            queue,
            tag: "t".into(),
            no_ack: false,
            exclusive: false,
            reply: false,
        };
        bench.broker.consume(request, 0).expect("a consumer");
    };
    consume(&mut bench);
    bench.broker.cancel(CONNECTION, 1, "t", 0);
    consume(&mut bench);
    bench
        .broker
        .settle(CONNECTION, 1, 1, false, Settlement::Requeue, 0)
        .expect("settled");
    let stats = bench.broker.stats();
    assert_eq!((stats.unacked, stats.delivered), (1, 2));
    bench
        .broker
        .settle(CONNECTION, 1, 2, false, Settlement::Acknowledge, 0)
        .expect("settled");
    assert_eq!(bench.broker.stats().unacked, 0);
}

#[test]
fn all_queues_together_are_bounded() {
    let mut bench = Bench::new(|limits| limits.max_messages = 2);
    let queue = bench.durable("q");
    bench.durable("r");
    for (name, accepted) in [("q", true), ("r", true), ("r", false)] {
        bench.publish("", name, b"x", false);
        assert_eq!(bench.answer(), Some(accepted));
    }
    assert_eq!(
        bench.broker.get(CONNECTION, 1, queue, true, 0),
        Got::Message
    );
    bench.outbox.drain();
    bench.publish("", "r", b"x", false);
    assert_eq!(bench.answer(), Some(true));
}

#[test]
fn a_body_that_can_never_fit_does_not_empty_the_queue() {
    let mut bench = Bench::new(|_| {});
    let settings = QueueSettings {
        max_bytes: Some(5),
        overflow: Overflow::DropHead,
        ..QueueSettings::default()
    };
    bench.queue("q", settings);
    bench.publish("", "q", b"12345", false);
    assert_eq!(bench.answer(), Some(true));
    bench.publish("", "q", b"123456", false);
    assert_eq!(bench.answer(), Some(false));
    assert_eq!(bench.broker.stats().ready, 1);
    bench.publish("", "q", b"54321", false);
    assert_eq!(bench.answer(), Some(true));
    let stats = bench.broker.stats();
    assert_eq!((stats.ready, stats.dropped), (1, 1));
}

#[test]
fn deadlines_are_kept_and_nothing_is_done_before_them() {
    let mut bench = Bench::new(|_| {});
    let settings = QueueSettings {
        message_ttl: Some(50),
        expires: Some(200),
        ..QueueSettings::default()
    };
    bench.queue("q", settings);
    assert_eq!(bench.broker.next_deadline(), Some(200));
    bench.publish("", "q", b"x", false);
    assert_eq!(bench.broker.next_deadline(), Some(50));
    bench.broker.tick(49);
    assert_eq!(bench.broker.stats().ready, 1);
    bench.broker.tick(50);
    let stats = bench.broker.stats();
    assert_eq!((stats.ready, stats.expired), (0, 1));
    assert_eq!(bench.broker.next_deadline(), Some(200));
    // Being asked for is being used.
    bench
        .broker
        .queue_info(MIG, "q", CONNECTION, 150)
        .expect("a queue");
    bench.broker.tick(349);
    assert_eq!(bench.broker.stats().queues, 1);
    bench.broker.tick(350);
    assert_eq!(bench.broker.stats().queues, 0);
    assert_eq!(bench.broker.next_deadline(), None);
}

#[test]
fn a_disconnected_client_leaves_nothing_but_its_messages() {
    let mut bench = Bench::new(|_| {});
    let queue = bench.durable("q");
    let exclusive = QueueSettings {
        exclusive: true,
        ..QueueSettings::default()
    };
    bench.queue("mine", exclusive);
    bench.publish("", "q", b"x", true);
    let request = ConsumeRequest {
        connection: CONNECTION,
        channel: 1,
        queue,
        tag: "t".into(),
        no_ack: false,
        exclusive: true,
        reply: false,
    };
    bench.broker.consume(request, 0).expect("a consumer");
    let stats = bench.broker.stats();
    assert_eq!((stats.ready, stats.unacked, stats.consumers), (0, 1, 1));
    bench.broker.disconnect(CONNECTION, 0);
    let stats = bench.broker.stats();
    assert_eq!((stats.ready, stats.unacked, stats.consumers), (1, 0, 0));
    assert_eq!((stats.connections, stats.queues), (0, 1));
}

#[test]
fn virtual_hosts_know_nothing_of_each_other() {
    let mut bench = Bench::new(|_| {});
    bench.bound("q", QueueSettings::default());
    let other = VhostId(1);
    let request = DeclareQueue {
        vhost: other,
        name: "q",
        settings: QueueSettings::default(),
        user: &"u".into(),
        connection: CONNECTION,
    };
    let (info, _) = bench.broker.declare_queue(request, 0).expect("a queue");
    bench
        .broker
        .bind(info.id, "amq.direct", "k")
        .expect("bound");
    bench.publish("amq.direct", "k", b"x", false);
    let found = |bench: &Bench, vhost| {
        let (_, queue) = bench
            .broker
            .find_queue(vhost, "q", CONNECTION)
            .expect("a queue");
        queue.backlog.ready()
    };
    assert_eq!((found(&bench, MIG), found(&bench, other)), (1, 0));
    bench
        .broker
        .delete_queue(info.id, false, false)
        .expect("deleted");
    assert!(!bench.broker.has_queue(other, "q"));
    assert_eq!(found(&bench, MIG), 1);
}

#[test]
fn what_is_queued_raises_the_alarm_and_ends_it() {
    let mut bench = Bench::new(|limits| limits.memory_high_bytes = 10_000);
    let queue = bench.durable("q");
    let mut sent = 0;
    while bench.broker.stats().alarms == 0 {
        bench.publish("", "q", &[0; 1000], false);
        sent += 1;
        assert!(sent < 20, "no alarm");
    }
    assert!(bench.broker.stats().queued_memory_bytes > 10_000);
    assert_eq!(bench.broker.stats().memory_alarms, 1);
    // One message less is room, but not enough to start over.
    bench.broker.get(CONNECTION, 1, queue, true, 0);
    assert_eq!(bench.broker.stats().alarms, 1);
    bench.broker.get(CONNECTION, 1, queue, true, 0);
    assert_eq!(bench.broker.stats().alarms, 0);
    bench.broker.purge(queue);
    assert_eq!(bench.broker.stats().queued_memory_bytes, 0);
}

#[test]
fn a_flood_leaves_room_for_others() {
    let mut bench = Bench::new(|limits| limits.max_queue_messages = 80);
    let other = Arc::new(Outbox::new(1 << 20, 1 << 20));
    bench.broker.peers.add(2, Peer::new(other, true));
    bench.durable("q");
    let send = |bench: &mut Bench, publisher| {
        let message = Publication {
            vhost: MIG,
            publisher,
            exchange: String::new(),
            routing_key: "q".into(),
            properties: Bytes::from_static(&[0, 0]),
            persistent: false,
            ttl: None,
            body: Bytes::from_static(b"x"),
            confirm: None,
            permit: None,
        };
        let before = bench.broker.stats().refused;
        bench.broker.publish(&message, 0).expect("published");
        bench.broker.stats().refused == before
    };
    let mut flood = 0;
    while send(&mut bench, CONNECTION) {
        flood += 1;
    }
    assert_eq!(flood, 70);
    for _ in 0..10 {
        assert!(send(&mut bench, 2), "room for the modest");
    }
    assert!(!send(&mut bench, 2), "a bound is a bound");
}
