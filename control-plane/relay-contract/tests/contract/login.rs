//! Who gets in, and how.

use lapin::uri::SASLMechanism;

use crate::broker::{self, Broker, Identity};
use crate::support::*;

const ACCESS_REFUSED: u16 = 403;

async fn a_password_must_be_right_and_the_user_known(broker: Broker) {
    for (user, password) in [("guest", "wrong"), ("nobody", "guest"), ("guest", "")] {
        let mut uri = broker.uri("guest");
        uri.authority.userinfo.username = user.into();
        uri.authority.userinfo.password = password.into();
        let opened = broker::open(uri).await;
        assert_eq!(refused(opened), ACCESS_REFUSED, "{user} `{password}`");
    }
    broker.channel().await;
}

async fn plain_login_over_tls_needs_certificate_and_password(broker: Broker) {
    let agent = broker.account("agent").0;
    let identity = broker.identity(&format!("{agent}.plain"));
    let connection = broker
        .connect_tls("agent", SASLMechanism::Plain, &identity)
        .await
        .expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    select_confirms(&channel).await;
    let queue = "mig.agt.linux.a";
    declare(&channel, queue, &[]).await;
    let mut consumer = consume(&channel, queue).await;
    // As large as answers are, so that it takes many TLS records.
    let large = vec![5; 1_000_000];
    let scheduler = broker.channel().await;
    select_confirms(&scheduler).await;
    put(&scheduler, queue, &large).await;
    let delivery = next(&mut consumer).await;
    assert!(delivery.data == large);
    ack(&delivery).await;

    // No certificate, or one of somebody else's authority.
    let mut stranger = identity.clone();
    stranger.own = Some(broker::Authority::new().issue("agent"));
    let nameless = Identity {
        own: None,
        ..identity.clone()
    };
    for (what, wrong) in [("stranger", stranger), ("nameless", nameless)] {
        let opened = broker
            .connect_tls("agent", SASLMechanism::Plain, &wrong)
            .await;
        assert!(opened.is_err(), "{what}");
    }
    // Nor does the client speak to a relay of somebody else's.
    let mut careful = identity;
    careful.authority = broker::Authority::new().pem;
    let opened = broker
        .connect_tls("agent", SASLMechanism::Plain, &careful)
        .await;
    assert!(opened.is_err());
}

/// The certificate's common name is the user; no password is asked for.
async fn external_login_takes_the_certificates_name(broker: Broker) {
    let agent = broker.account("agent").0;
    let identity = broker.identity(&agent);
    let connection = broker
        .connect_tls("agent", SASLMechanism::External, &identity)
        .await
        .expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    // With the permissions of that user.
    declare(&channel, "mig.agt.linux.a", &[]).await;
    let other = channel.queue_declare("private".into(), durable(), Default::default());
    assert_eq!(refused(other.await), ACCESS_REFUSED);

    let unknown = broker.identity(&format!("{agent}.unknown"));
    let opened = broker
        .connect_tls("agent", SASLMechanism::External, &unknown)
        .await;
    assert_eq!(refused(opened), ACCESS_REFUSED);
}

contract!(
    a_password_must_be_right_and_the_user_known,
    plain_login_over_tls_needs_certificate_and_password,
    external_login_takes_the_certificates_name,
);
