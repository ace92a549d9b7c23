//! SASL EXTERNAL: the certificate's name instead of a password.

use crate::raw::{PROTOCOL, Raw};
use crate::support::*;
use crate::tls::{Authority, dial_uri, tls_server_with};
use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, connection};
use mig_relay::{External, Listener, Password, PermissionPatterns, RelayConfig, User};

fn external(config: &mut RelayConfig) {
    config.external = Some(External {
        except: vec!["scheduler".into()],
        ..External::default()
    });
    config.users.push(User {
        name: "agent".into(),
        password: Password::None,
        permissions: PermissionPatterns {
            configure: "^mine$".into(),
            ..PermissionPatterns::default()
        },
    });
    config
        .users
        .push(user("scheduler", PermissionPatterns::all()));
}

fn uri(server: &Server, parameters: &str) -> String {
    format!(
        "amqps://localhost:{}/mig{parameters}",
        server.address().port()
    )
}

#[tokio::test]
async fn the_common_name_of_the_certificate_is_the_user() {
    let authority = Authority::new();
    let server = tls_server_with(&authority, external).await;
    let by_certificate = uri(&server, "?auth_mechanism=external");
    let connection = dial_uri(&by_certificate, &authority, Some(authority.issue("agent")))
        .await
        .expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    declare(&channel, "mine", &[]).await;
    let options = lapin::options::QueueDeclareOptions::default();
    let error = channel
        .queue_declare("other".into(), options, Default::default())
        .await
        .expect_err("not its queue");
    assert_eq!(code(&error), 403);
    assert!(error.to_string().contains("for user 'agent'"), "{error}");

    // Nobody, and somebody who needs a password.
    for name in ["stranger", "scheduler"] {
        let error = dial_uri(&by_certificate, &authority, Some(authority.issue(name)))
            .await
            .expect_err(name);
        assert_eq!(code(&error), 403, "{name}");
        assert!(error.to_string().contains("mechanism EXTERNAL"), "{error}");
    }
    assert_eq!(server.relay.stats().logins_refused, 2);
}

#[tokio::test]
async fn passwords_stay_good_beside_certificates() {
    let authority = Authority::new();
    let server = tls_server_with(&authority, external).await;
    let identity = || Some(authority.issue("agent"));
    let with = |credentials: &str| uri(&server, "").replace("//", &format!("//{credentials}@"));
    dial_uri(&with("scheduler:scheduler-secret"), &authority, identity())
        .await
        .expect("a connection");
    // A user without password has not an empty one.
    for credentials in ["agent:", "agent:agent", "scheduler:wrong"] {
        let error = dial_uri(&with(credentials), &authority, identity())
            .await
            .expect_err(credentials);
        assert_eq!(code(&error), 403, "{credentials}");
    }
}

#[tokio::test]
async fn without_certificate_or_without_being_asked_to_it_is_not_offered() {
    let authority = Authority::new();
    let server = tls_server_with(&authority, |config| {
        external(config);
        config
            .listeners
            .insert(0, Listener::Plain(([127, 0, 0, 1], 0).into()));
    })
    .await;
    let mut raw = Raw::dial(server.address()).await;
    raw.send(PROTOCOL).await;
    match raw.frame().await {
        Some(AMQPFrame::Method(0, AMQPClass::Connection(connection::AMQPMethod::Start(start)))) => {
            assert_eq!(start.mechanisms.as_bytes(), b"PLAIN");
        }
        other => panic!("not connection.start: {other:?}"),
    }

    let server = tls_server_with(&authority, |config| {
        external(config);
        config.external = None;
    })
    .await;
    let uri = uri(&server, "?auth_mechanism=external");
    let refused = dial_uri(&uri, &authority, Some(authority.issue("agent"))).await;
    assert_eq!(code(&refused.expect_err("not offered")), 503);
}

#[tokio::test]
async fn accounts_of_a_file_come_and_go_while_the_relay_runs() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("accounts");
    let write = |text: &str| {
        let new = file.with_extension("new");
        std::fs::write(&new, text).expect("written");
        std::fs::rename(new, &file).expect("renamed");
    };
    write("web1 agent linux.one\nsiem worker for-events\n");
    let server = tls_server_with(&authority, |config| {
        external(config);
        config.accounts = Some(file.clone());
    })
    .await;
    assert!(server.relay.lists_workers());
    let by_certificate = uri(&server, "?auth_mechanism=external");
    let login =
        |name: &'static str| dial_uri(&by_certificate, &authority, Some(authority.issue(name)));
    let password = uri(&server, "").replace("//", "//siem:for-events@");
    let siem = || dial_uri(&password, &authority, Some(authority.issue("anybody")));

    let standing = login("web1").await.expect("a connection");
    let channel = standing.create_channel().await.expect("a channel");
    declare(&channel, "mig.agt.linux.one", &[]).await;
    let options = lapin::options::QueueDeclareOptions::default();
    let other = channel.queue_declare("mig.agt.linux.two".into(), options, Default::default());
    assert_eq!(code(&other.await.expect_err("another's queue")), 403);
    let worker = siem().await.expect("a connection");
    let worker = worker.create_channel().await.expect("a channel");
    declare(&worker, "migevent.worker.siem", &[]).await;
    assert_eq!(code(&login("web2").await.expect_err("unknown")), 403);

    write("web2 agent linux.two\nsiem worker other\n");
    login("web2").await.expect("known now");
    assert_eq!(code(&login("web1").await.expect_err("taken out")), 403);
    assert_eq!(code(&siem().await.expect_err("another password")), 403);
    // What stands is not ended by it.
    standing.create_channel().await.expect("a channel");

    // A file that cannot be used changes nothing.
    write("web1 agent linux.one\nweb2\n");
    login("web2").await.expect("still known");
    assert_eq!(code(&login("web1").await.expect_err("still out")), 403);
    // The accounts of the configuration have nothing to do with it.
    login("agent").await.expect("a connection");
}
