//! A disk that runs full: nothing is confirmed that is not safe, and everything
//! goes on when there is room again.

use crate::raw::Raw;
use crate::support::*;
use amq_protocol::protocol::connection;
use mig_testkit::{SmallDisk, own_mounts};

async fn server(disk: &SmallDisk, free: u64) -> Server {
    let database = disk.path().join("relay.db");
    Server::with(|config| {
        config.database = database;
        config.limits.disk_free_bytes = free;
    })
    .await
}

#[tokio::test]
async fn publishers_wait_while_the_disk_is_nearly_full() {
    if !own_mounts() {
        return;
    }
    let disk = SmallDisk::new(32);
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
    if !own_mounts() {
        return;
    }
    let disk = SmallDisk::new(24);
    // The disk is full before it notices.
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
    // Also where SQLite had pages to use again.
    assert!(
        !publish_confirmed(&channel, "q", &body(5), persistent())
            .await
            .is_ack()
    );
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
    for number in (0..5).chain([200]) {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.data[0], number);
        assert_eq!(delivery.data.len(), 200_000);
        ack(&delivery).await;
    }
    server
        .until("nothing left", |s| s.ready == 0 && s.unacked == 0)
        .await;
}

/// What is in the file only, because the relay started again, is handed out and
/// settled while not a byte can be written, and that makes room.
#[tokio::test]
async fn consumers_get_what_is_on_a_full_disk_and_none_of_it_twice() {
    if !own_mounts() {
        return;
    }
    let disk = SmallDisk::new(48);
    const MESSAGES: usize = 60;
    let server = self::server(&disk, 0).await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    for number in 0..MESSAGES {
        let body = vec![number as u8; 200_000];
        assert!(
            publish_confirmed(&channel, "q", &body, persistent())
                .await
                .is_ack()
        );
    }
    server.relay.shutdown().await.expect("a clean stop");

    let server = self::server(&disk, 0).await;
    disk.fill();
    let channel = server.channel().await;
    let mut consumer = consume(&channel, "q").await;
    for number in 0..MESSAGES {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.data, vec![number as u8; 200_000]);
        ack(&delivery).await;
    }
    server
        .until("all settled", |s| s.unacked == 0 && s.ready == 0)
        .await;
    server
        .until("the alarm and its end", |s| {
            s.disk_alarms >= 1 && s.alarms == 0
        })
        .await;
    channel
        .basic_publish(
            "".into(),
            "q".into(),
            Default::default(),
            b"afterwards",
            persistent(),
        )
        .await
        .expect("sent");
    assert_eq!(next(&mut consumer).await.data, b"afterwards");
    server.relay.shutdown().await.expect("a clean stop");

    // What was settled without room was deleted; what was not settled is there.
    let server = self::server(&disk, 0).await;
    let channel = server.channel().await;
    assert_eq!(take_all(&channel, "q").await, ["afterwards"]);
}

/// The log holds what the database has no room for, so it can neither grow nor begin
/// anew. What is settled is deleted all the same, from room that was set aside, which
/// publishers do not get.
#[tokio::test]
async fn a_log_that_fills_the_disk_does_not_keep_settled_messages_for_ever() {
    if !own_mounts() {
        return;
    }
    let disk = SmallDisk::new(24);
    let server = self::server(&disk, 0).await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    // Not enough for the database to take it over.
    for number in 0..10 {
        let body = vec![number; 300_000];
        assert!(
            publish_confirmed(&channel, "q", &body, persistent())
                .await
                .is_ack()
        );
    }
    disk.fill();
    let mut consumer = consume(&channel, "q").await;
    for _ in 0..10 {
        ack(&next(&mut consumer).await).await;
    }
    server.until("the alarm", |s| s.alarms == 1).await;
    // Whatever is free now is not enough to set it aside again.
    let mut raw = Raw::login_with(server.address(), 131_072, 0, &["connection.blocked"]).await;
    raw.open_channel(1).await;
    raw.publish(1, "q", b"meanwhile").await;
    server
        .until("a blocked publisher", |s| s.blocked == 1)
        .await;
    server
        .until("all settled", |s| s.unacked == 0 && s.ready == 0)
        .await;
    server.relay.shutdown().await.expect("a clean stop");

    let server = self::server(&disk, 0).await;
    assert_eq!(server.relay.stats().alarms, 1);
    let channel = server.channel().await;
    assert!(take_all(&channel, "q").await.is_empty());
    disk.make_room();
    server.until("no alarm", |s| s.alarms == 0).await;
    select_confirms(&channel).await;
    assert!(
        publish_confirmed(&channel, "q", b"afterwards", persistent())
            .await
            .is_ack()
    );
}

/// Nobody else takes the room, so nobody else can free it.
#[tokio::test]
async fn a_relay_that_filled_its_disk_itself_has_room_again_when_consumers_have_been_there() {
    if !own_mounts() {
        return;
    }
    let disk = SmallDisk::new(40);
    let free = 16 << 20;
    let server = self::server(&disk, free).await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    let mut published = 0;
    while server.relay.stats().alarms == 0 {
        assert!(
            publish_confirmed(&channel, "q", &vec![7; 200_000], persistent())
                .await
                .is_ack()
        );
        published += 1;
        assert!(published < 200, "it never noticed");
    }
    server.relay.shutdown().await.expect("a clean stop");
    // Closing wrote the log into the file, and it is as large as it was.
    let server = self::server(&disk, free + (4 << 20)).await;
    assert_eq!(server.relay.stats().alarms, 1);
    let channel = server.channel().await;
    let mut consumer = consume(&channel, "q").await;
    for _ in 0..published {
        ack(&next(&mut consumer).await).await;
    }
    server.until("room again", |s| s.alarms == 0).await;
    select_confirms(&channel).await;
    assert!(
        publish_confirmed(&channel, "q", b"after", persistent())
            .await
            .is_ack()
    );
}
