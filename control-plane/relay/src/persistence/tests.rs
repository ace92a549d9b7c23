//! The store by itself: what comes back, and what happens when it is full.

use super::load::LoadedExchange;
use super::*;
use crate::connection::outbox::{Outbox, Outgoing};
use crate::queue::Overflow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn envelope() -> Arc<Envelope> {
    Arc::new(Envelope {
        exchange: "e".into(),
        routing_key: "k".into(),
        properties: Bytes::from_static(&[0, 0]),
        persistent: true,
    })
}

pub(super) fn insert(id: MessageId, body: &[u8]) -> Insert {
    Insert {
        id,
        queue: 1,
        envelope: envelope(),
        expires: None,
        body: Bytes::copy_from_slice(body),
        survives: true,
        confirm: None,
        permit: None,
    }
}

fn put_queue() -> Op {
    Op::PutQueue {
        id: 1,
        vhost: "mig".into(),
        name: "q".into(),
        user: "u".into(),
        settings: QueueSettings {
            durable: true,
            message_ttl: Some(5),
            max_bytes: Some(u64::MAX),
            overflow: Overflow::DropHead,
            ..QueueSettings::default()
        },
    }
}

fn open(path: &Path, now: u64) -> (StoreThread, Loaded) {
    StoreThread::open(how(path, now)).expect("a store")
}

fn how(path: &Path, now: u64) -> OpenStore<'_> {
    let counters: Arc<Counters> = Arc::default();
    OpenStore {
        path,
        vhost: "mig",
        now,
        least_free: 0,
        alarms: Alarms::new(Arc::clone(&counters)),
        counters,
    }
}

#[tokio::test]
async fn what_was_committed_comes_back_without_what_was_parked_expired_or_orphaned() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.db");
    let (thread, loaded) = open(&path, 0);
    assert!(loaded.queues.is_empty() && loaded.messages.is_empty());
    let storage = thread.storage().clone();
    storage.send(put_queue());
    storage.send(Op::PutExchange {
        vhost: "mig".into(),
        name: "e".into(),
        kind: ExchangeKind::Topic,
        auto_delete: false,
        internal: true,
    });
    for key in ["k", "gone"] {
        storage.send(Op::Bind {
            exchange: "e".into(),
            queue: 1,
            key: key.into(),
        });
    }
    storage.send(Op::Unbind {
        exchange: "e".into(),
        queue: 1,
        key: "gone".into(),
    });
    let messages = [
        insert(1, b"stays"),
        insert(2, b"deleted"),
        Insert {
            survives: false,
            ..insert(3, b"parked")
        },
        Insert {
            expires: Some(100),
            ..insert(4, b"expired")
        },
        Insert {
            expires: Some(101),
            ..insert(5, b"expires later")
        },
        Insert {
            queue: 2,
            ..insert(6, b"orphan")
        },
    ];
    for message in messages {
        storage.send(Op::Insert(Box::new(message)));
    }
    storage.send(Op::Delete(2));
    assert!(storage.barrier().await);
    assert_eq!(
        storage.fetch(1, false).await,
        Ok(Some(Bytes::from_static(b"stays")))
    );
    assert_eq!(storage.fetch(2, false).await, Ok(None));
    thread.stop().expect("a clean stop");

    let (thread, loaded) = open(&path, 100);
    let ids: Vec<_> = loaded.messages.iter().map(|m| (m.id, m.length)).collect();
    assert_eq!(ids, [(1, 5), (5, 13)]);
    assert_eq!(loaded.messages[0].envelope, envelope());
    assert_eq!(loaded.messages[1].expires, Some(101));
    let exchange = LoadedExchange {
        vhost: "mig".into(),
        name: "e".into(),
        kind: ExchangeKind::Topic,
        auto_delete: false,
        internal: true,
    };
    assert_eq!(loaded.exchanges, [exchange]);
    assert_eq!(loaded.bindings, [("e".into(), "k".into(), 1)]);
    let Op::PutQueue { settings, .. } = put_queue() else {
        unreachable!("that is what it makes");
    };
    assert_eq!(
        loaded.queues[0].settings,
        QueueSettings {
            max_bytes: Some(i64::MAX as u64),
            ..settings
        }
    );
    // Read, and deleted afterwards.
    let storage = thread.storage().clone();
    assert!(storage.fetch(1, true).await.is_ok_and(|b| b.is_some()));
    assert_eq!(storage.fetch(1, false).await, Ok(None));
    thread.stop().expect("a clean stop");
}

#[test]
fn a_newer_file_is_refused_and_stays_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.db");
    let connection = rusqlite::Connection::open(&path).expect("a file");
    connection
        .pragma_update(None, "user_version", 99)
        .expect("a version");
    drop(connection);
    let error = StoreThread::open(how(&path, 0))
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("newer version (schema 99"), "{error}");
}

#[test]
fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.db");
    let (thread, _) = open(&path, 0);
    thread.storage().send(put_queue());
    for name in ["relay.db", "relay.db-wal"] {
        let file = directory.path().join(name);
        let mode = std::fs::metadata(file).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    thread.stop().expect("a clean stop");
}

/// A store that cannot grow beyond so many pages.
fn full_store(
    path: &Path,
    pages: i64,
) -> (
    Storage,
    Arc<Counters>,
    std::thread::JoinHandle<Result<(), String>>,
) {
    let connection = schema::open(path, "mig").expect("a file");
    connection
        .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        .expect("a bound");
    let (sender, receiver) = mpsc::channel();
    let counters: Arc<Counters> = Arc::default();
    let alarms = Alarms::new(Arc::clone(&counters));
    let room = Room::new(path.into(), 0, alarms);
    let committer = Committer::new(connection, receiver, Arc::clone(&counters), room);
    let thread = std::thread::spawn(move || committer.run());
    (Storage { sender }, counters, thread)
}

/// What was answered to a publication so far.
fn answers(outbox: &Outbox) -> Vec<u8> {
    let mut methods = Vec::new();
    while let (Some(Outgoing::Frames(bytes)), _) = outbox.take() {
        // Type, channel, size, class, then the low byte of the method.
        methods.push(bytes[10]);
    }
    methods
}

const ACK: u8 = 80;
const NACK: u8 = 120;

fn confirmed(outbox: &Arc<Outbox>, id: MessageId, body: &[u8]) -> Op {
    let closed = Arc::new(AtomicBool::new(false));
    let confirm = Confirm::new(Arc::clone(outbox), 1, id as u64, closed);
    confirm.expect_commit();
    Op::Insert(Box::new(Insert {
        confirm: Some(Arc::new(confirm)),
        ..insert(id, body)
    }))
}

#[tokio::test]
async fn a_full_disk_refuses_messages_and_forgets_no_deletion() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.db");
    let (storage, counters, thread) = full_store(&path, 40);
    let outcomes: Arc<Mutex<Vec<(MessageId, bool)>>> = Arc::default();
    let seen = Arc::clone(&outcomes);
    storage.send(Op::Attach(Box::new(move |stored| {
        let mut seen = seen.lock().expect("no panic");
        seen.extend(stored.iter().map(|(_, id, committed)| (*id, *committed)));
    })));
    storage.send(put_queue());
    let outbox = Arc::new(Outbox::new(1 << 20, 1 << 20));
    storage.send(confirmed(&outbox, 1, b"fits"));
    assert!(storage.barrier().await);
    assert_eq!(answers(&outbox), [ACK]);

    // Whether both fall into one transaction or not: the message is refused, the
    // deletion happens in the end.
    storage.send(confirmed(&outbox, 2, &vec![0; 500_000]));
    storage.send(Op::Delete(1));
    let committed = storage.barrier().await;
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while storage.fetch(1, false).await != Ok(None) {
        assert!(std::time::Instant::now() < deadline, "never deleted");
    }
    assert!(counters.store_failures.load(Ordering::Relaxed) >= 1);
    assert_eq!(answers(&outbox), [NACK]);
    storage.send(confirmed(&outbox, 3, b"fits again"));
    assert!(storage.barrier().await, "after {committed}");
    assert_eq!(answers(&outbox), [ACK]);
    assert_eq!(
        *outcomes.lock().expect("no panic"),
        [(1, true), (2, false), (3, true)]
    );
    storage.send(Op::Stop);
    thread.join().expect("no panic").expect("a clean stop");
    let (thread, loaded) = open(&path, 0);
    let ids: Vec<_> = loaded.messages.iter().map(|m| m.id).collect();
    assert_eq!(ids, [3]);
    thread.stop().expect("a clean stop");
}

#[test]
fn a_message_that_nobody_commits_is_refused() {
    let outbox = Arc::new(Outbox::new(1 << 20, 1 << 20));
    let (storage, receiver) = Storage::detached();
    storage.send(confirmed(&outbox, 1, b"x"));
    assert!(answers(&outbox).is_empty());
    drop(receiver);
    assert_eq!(answers(&outbox), [NACK]);
    storage.send(confirmed(&outbox, 2, b"x"));
    assert_eq!(answers(&outbox), [NACK]);
}

/// A file as the version before virtual hosts has left it.
fn former(path: &Path) {
    let connection = rusqlite::Connection::open(path).expect("a file");
    connection
        .execute_batch(include_str!("../../tests/data/version-1.sql"))
        .expect("what the former version wrote");
}

#[test]
fn a_file_without_virtual_hosts_is_upgraded_with_all_that_is_in_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.db");
    former(&path);
    for _ in 0..2 {
        let (thread, loaded) = open(&path, 0);
        let exchanges: Vec<_> = loaded
            .exchanges
            .iter()
            .map(|exchange| (&*exchange.vhost, &*exchange.name, exchange.kind))
            .collect();
        let direct = ExchangeKind::Direct;
        assert_eq!(
            exchanges,
            [("mig", "toagents", direct), ("mig", "toschedulers", direct)]
        );
        let queues: Vec<_> = loaded
            .queues
            .iter()
            .map(|queue| (queue.id, &*queue.vhost, &*queue.name, &*queue.user))
            .collect();
        assert_eq!(
            queues,
            [
                (1, "mig", "mig.agt.results", "guest"),
                (2, "mig", "mig.agt.linux.host", "guest"),
                (3, "mig", "bounded", "guest"),
            ]
        );
        assert_eq!(loaded.queues[2].settings.max_length, Some(5));
        assert_eq!(loaded.queues[2].settings.overflow, Overflow::DropHead);
        assert_eq!(loaded.bindings.len(), 2);
        let messages: Vec<_> = loaded
            .messages
            .iter()
            .map(|m| (m.queue, m.length))
            .collect();
        assert_eq!(messages, [(2, 5), (2, 6), (1, 6)]);
        thread.stop().expect("a clean stop");
    }
}

#[test]
fn an_upgrade_that_is_interrupted_has_not_happened() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.db");
    former(&path);
    let connection = rusqlite::Connection::open(&path).expect("a file");
    // What the upgrade wants to make is in its way.
    connection
        .execute_batch("CREATE TABLE former_queues (x)")
        .expect("a table");
    drop(connection);
    assert!(StoreThread::open(how(&path, 0)).is_err());
    let connection = rusqlite::Connection::open(&path).expect("a file");
    connection
        .execute_batch("DROP TABLE former_queues")
        .expect("dropped");
    drop(connection);
    let (thread, loaded) = open(&path, 0);
    assert_eq!((loaded.queues.len(), loaded.messages.len()), (3, 3));
    thread.stop().expect("a clean stop");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_raises_the_alarm_until_it_can() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.db");
    let connection = schema::open(&path, "mig").expect("a file");
    connection
        .pragma_update_and_check(None, "max_page_count", 40, |_| Ok(()))
        .expect("a bound");
    let (sender, receiver) = mpsc::channel();
    let counters: Arc<Counters> = Arc::default();
    let alarms = Alarms::new(Arc::clone(&counters));
    let room = Room::new(path, 0, Arc::clone(&alarms));
    let counted = Arc::clone(&counters);
    let committer = Committer::new(connection, receiver, counters, room);
    let thread = std::thread::spawn(move || committer.run());
    let storage = Storage { sender };
    storage.send(put_queue());
    assert!(storage.barrier().await);
    assert_eq!(alarms.reason(), None);
    let outbox = Arc::new(Outbox::new(1 << 20, 1 << 20));
    storage.send(confirmed(&outbox, 1, &vec![0; 500_000]));
    tokio::time::timeout(Duration::from_secs(60), outbox.added())
        .await
        .expect("an answer");
    assert_eq!(answers(&outbox), [NACK]);
    assert_eq!(counted.disk_alarms.load(Ordering::Relaxed), 1);
    // It tries by itself: nothing is sent any more.
    tokio::time::timeout(Duration::from_secs(60), alarms.over())
        .await
        .expect("an end of the alarm");
    storage.send(Op::Stop);
    thread.join().expect("no panic").expect("a clean stop");
}

#[test]
fn a_disk_with_too_little_room_is_known_at_the_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.db");
    let counters: Arc<Counters> = Arc::default();
    let alarms = Alarms::new(Arc::clone(&counters));
    let (thread, _) = StoreThread::open(OpenStore {
        least_free: u64::MAX,
        alarms: Arc::clone(&alarms),
        counters,
        ..how(&path, 0)
    })
    .expect("a store");
    assert_eq!(alarms.reason(), Some("low on disk"));
    thread.stop().expect("a clean stop");
}

/// A deletion is the first thing that a start may have to write.
#[tokio::test]
async fn a_store_opens_on_a_full_disk_although_something_has_expired() {
    if !mig_testkit::own_mounts() {
        return;
    }
    let disk = mig_testkit::SmallDisk::new(24);
    let path = disk.path().join("relay.db");
    let (thread, _) = open(&path, 0);
    let storage = thread.storage().clone();
    storage.send(put_queue());
    storage.send(Op::Insert(Box::new(insert(1, b"stays"))));
    storage.send(Op::Insert(Box::new(Insert {
        expires: Some(100),
        ..insert(2, &[0; 100_000])
    })));
    assert!(storage.barrier().await);
    thread.stop().expect("a clean stop");
    disk.fill();
    let (thread, loaded) = open(&path, 100);
    let ids: Vec<_> = loaded.messages.iter().map(|m| m.id).collect();
    assert_eq!(ids, [1]);
    thread.stop().expect("a clean stop");
}
