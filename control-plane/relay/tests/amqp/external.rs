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
