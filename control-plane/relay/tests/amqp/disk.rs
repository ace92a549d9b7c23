//! A disk that runs full: nothing is confirmed that is not safe, and everything
//! goes on when there is room again.

use crate::raw::Raw;
use crate::support::*;
use amq_protocol::protocol::connection;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

/// A small disk of its own.
struct Disk(TempDir);

impl Disk {
    /// `None`, and the test skipped, where mounting is not permitted.
    fn new(mebibytes: u32) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let size = format!("size={mebibytes}m,mode=0700");
        let mounted = mount(
            Some("tmpfs"),
            directory.path(),
            Some("tmpfs"),
            MsFlags::empty(),
            Some(size.as_str()),
        );
        if mounted.is_err() {
            mig_testkit::skip("mounting a small disk is not permitted");
            return None;
        }
        Some(Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no room, or as little as the file system can.
    fn fill(&self) {
        let mut file = File::create(self.path().join("ballast")).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path().join("ballast")).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whatever is still open goes with its process.
        let _ = umount2(self.0.path(), MntFlags::MNT_DETACH);
    }
}

async fn server(disk: &Disk, free: u64) -> Server {
    let database = disk.path().join("relay.db");
    Server::with(|config| {
        config.database = database;
        config.limits.disk_free_bytes = free;
    })
    .await
}

#[tokio::test]
async fn publishers_wait_while_the_disk_is_nearly_full() {
    let Some(disk) = Disk::new(24) else { return };
    let server = server(&disk, 8 << 20).await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    assert!(
        publish_confirmed(&channel, "q", b"before", persistent())
            .await
            .is_ack()
    );
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 18 << 20]).expect("a file");
    // Whichever commit comes next sees it; that one still has room.
    while server.relay.stats().alarms == 0 {
        declare(&channel, "noticed", &[]).await;
        channel
            .queue_delete("noticed".into(), Default::default())
            .await
            .expect("deleted");
    }
    let mut raw = Raw::login_with(server.address(), 131_072, 0, &["connection.blocked"]).await;
    raw.open_channel(1).await;
    raw.publish(1, "q", b"meanwhile").await;
    match raw.connection_method().await {
        connection::AMQPMethod::Blocked(blocked) => {
            assert_eq!(blocked.reason.as_str(), "low on disk");
        }
        other => panic!("not connection.blocked: {other:?}"),
    }
    // What was accepted is delivered and acknowledged.
    let mut consumer = consume(&channel, "q").await;
    ack(&next(&mut consumer).await).await;
    disk.make_room();
    match raw.connection_method().await {
        connection::AMQPMethod::Unblocked(_) => {}
        other => panic!("not connection.unblocked: {other:?}"),
    }
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.data, b"meanwhile");
    assert_eq!(server.relay.stats().disk_alarms, 1);
}

#[tokio::test]
async fn a_disk_that_is_full_refuses_and_what_was_confirmed_is_there_afterwards() {
    let Some(disk) = Disk::new(16) else { return };
    // It does not look ahead: the disk is full before it notices.
    let server = server(&disk, 0).await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let body = |number: u8| vec![number; 200_000];
    for number in 0..5 {
        assert!(
            publish_confirmed(&channel, "q", &body(number), persistent())
                .await
                .is_ack()
        );
    }
    disk.fill();
    // SQLite may have pages to use again; then it is really full.
    let mut number = 5;
    let mut confirmed = 5;
    while publish_confirmed(&channel, "q", &body(number), persistent())
        .await
        .is_ack()
    {
        number += 1;
        confirmed = number;
        assert!(number < 100, "a full disk took it all");
    }
    server.until("the alarm", |s| s.alarms == 1).await;
    assert!(server.relay.stats().store_failures >= 1);
    disk.make_room();
    server.until("no alarm", |s| s.alarms == 0).await;
    assert!(
        publish_confirmed(&channel, "q", &body(200), persistent())
            .await
            .is_ack()
    );

    // A new process finds exactly what was confirmed.
    server.relay.shutdown().await.expect("a clean stop");
    let server = self::server(&disk, 0).await;
    let channel = server.channel().await;
    let mut consumer = consume(&channel, "q").await;
    let expected: Vec<u8> = (0..confirmed).chain([200]).collect();
    for number in expected {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.data[0], number);
        assert_eq!(delivery.data.len(), 200_000);
        ack(&delivery).await;
    }
    server
        .until("nothing left", |s| s.ready == 0 && s.unacked == 0)
        .await;
}
