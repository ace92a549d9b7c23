//! Several virtual hosts in one relay.

use crate::support::*;
use lapin::ExchangeKind;
use mig_relay::{Grant, PermissionPatterns, RelayConfig};

fn uri(server: &Server, user: &str, vhost: &str) -> String {
    server.uri(user).replace("/mig", &format!("/{vhost}"))
}

/// A second virtual host, where `tester` may do everything and `guest` may only
/// read.
fn two(config: &mut RelayConfig) {
    config.vhosts.push("staging".into());
    config
        .users
        .push(user("tester", PermissionPatterns::default()));
    let grant = |user: &str, permissions| Grant {
        user: user.into(),
        vhost: "staging".into(),
        permissions,
    };
    config.grants = vec![
        grant("tester", PermissionPatterns::all()),
        grant(
            "guest",
            PermissionPatterns {
                read: ".*".into(),
                ..PermissionPatterns::default()
            },
        ),
    ];
}

async fn channel(server: &Server, user: &str, vhost: &str) -> lapin::Channel {
    let connection = connect(&uri(server, user, vhost))
        .await
        .expect("a connection");
    connection.create_channel().await.expect("a channel")
}

#[tokio::test]
async fn the_same_names_are_different_things() {
    let server = Server::with(two).await;
    let mig = channel(&server, "guest", "mig").await;
    let staging = channel(&server, "tester", "staging").await;
    for channel in [&mig, &staging] {
        select_confirms(channel).await;
        declare(channel, "q", &[]).await;
    }
    declare_exchange(&mig, "e", ExchangeKind::Direct).await;
    declare_exchange(&staging, "e", ExchangeKind::Topic).await;
    bind(&mig, "q", "e", "a.b").await.expect("bound");
    bind(&staging, "q", "e", "a.*").await.expect("bound");
    assert!(route(&mig, "e", "a.b", b"mig").await.is_ack());
    assert!(route(&staging, "e", "a.b", b"staging").await.is_ack());
    assert_eq!(take_all(&mig, "q").await, ["mig"]);
    assert_eq!(take_all(&staging, "q").await, ["staging"]);
    // Deleting one leaves the other with its bindings.
    staging
        .exchange_delete("e".into(), Default::default())
        .await
        .expect("deleted");
    let server = Server::reopen(server.stop().await, two).await;
    let mig = channel(&server, "guest", "mig").await;
    select_confirms(&mig).await;
    assert!(route(&mig, "e", "a.b", b"again").await.is_ack());
    assert_eq!(take_all(&mig, "q").await, ["again"]);
    let staging = channel(&server, "tester", "staging").await;
    assert_eq!(waiting(&staging, "q").await, 0);
}

#[tokio::test]
async fn permissions_count_where_they_were_given() {
    let server = Server::with(two).await;
    declare(&channel(&server, "tester", "staging").await, "q", &[]).await;
    let error = connect(&uri(&server, "tester", "mig"))
        .await
        .expect_err("no permission");
    assert_eq!(code(&error), 530);
    assert!(
        error
            .to_string()
            .contains("access to vhost 'mig' refused for user 'tester'"),
        "{error}"
    );
    let error = connect(&uri(&server, "guest", "nowhere"))
        .await
        .expect_err("no such vhost");
    assert_eq!(code(&error), 530);
    assert!(
        error.to_string().contains("vhost nowhere not found"),
        "{error}"
    );

    let reader = channel(&server, "guest", "staging").await;
    assert!(take_all(&reader, "q").await.is_empty());
    let options = lapin::options::QueueDeclareOptions::default();
    let refused = reader
        .queue_declare("mine".into(), options, Default::default())
        .await
        .expect_err("only reading");
    assert_eq!(code(&refused), 403);
    assert!(refused.to_string().contains("vhost 'staging'"), "{refused}");
}

#[tokio::test]
async fn what_a_virtual_host_holds_waits_until_it_is_configured_again() {
    let server = Server::with(two).await;
    let staging = channel(&server, "tester", "staging").await;
    select_confirms(&staging).await;
    declare(&staging, "q", &[]).await;
    assert!(
        publish_confirmed(&staging, "q", b"kept", persistent())
            .await
            .is_ack()
    );
    let server = Server::reopen(server.stop().await, |_| {}).await;
    let error = connect(&uri(&server, "guest", "staging"))
        .await
        .expect_err("not configured");
    assert_eq!(code(&error), 530);
    // Nor does anything new take over its numbers.
    let mig = server.channel().await;
    select_confirms(&mig).await;
    declare(&mig, "q", &[]).await;
    assert!(
        publish_confirmed(&mig, "q", b"new", persistent())
            .await
            .is_ack()
    );
    let server = Server::reopen(server.stop().await, two).await;
    let staging = channel(&server, "tester", "staging").await;
    assert_eq!(take_all(&staging, "q").await, ["kept"]);
    assert_eq!(take_all(&server.channel().await, "q").await, ["new"]);
}

#[tokio::test]
async fn what_the_former_version_left_is_served() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = rusqlite::Connection::open(directory.path().join("relay.db")).expect("a file");
    file.execute_batch(include_str!("../data/version-1.sql"))
        .expect("what the former version wrote");
    drop(file);
    let server = Server::reopen(directory, |_| {}).await;
    let channel = server.channel().await;
    select_confirms(&channel).await;
    let queue = "mig.agt.linux.host";
    declare(&channel, queue, &[]).await;
    declare_exchange(&channel, "toagents", ExchangeKind::Direct).await;
    assert!(route(&channel, "toagents", queue, b"third").await.is_ack());
    assert_eq!(
        take_all(&channel, queue).await,
        ["first", "second", "third"]
    );
    assert_eq!(take_all(&channel, "mig.agt.results").await, ["result"]);
}
