//! Silence: how either side notices that the other is gone.

use amq_protocol::frame::AMQPFrame;

use crate::broker::{self, Broker};
use crate::raw::{Raw, encode};
use crate::support::*;

async fn heartbeats_come_when_they_are_asked_for(broker: Broker) {
    // So seldom that a busy machine does not keep the answers away for too long.
    let (mut raw, _) = Raw::login(&broker, 131_072, 10).await;
    for _ in 0..3 {
        let frame = raw.any_frame().await;
        assert_eq!(frame, Some(AMQPFrame::Heartbeat));
        raw.send(&encode(&AMQPFrame::Heartbeat)).await;
    }
}

/// Messages of an agent that vanished go to nobody else before that. An ordinary
/// client, of which less silence is suffered, keeps its quiet connection up meanwhile.
async fn a_silent_client_is_dropped_and_a_quiet_one_stays(broker: Broker) {
    let mut uri = broker.uri("guest");
    // So seldom that a busy machine does not keep it silent for too long.
    uri.query.heartbeat = Some(9);
    let connection = broker::open(uri).await.expect("a connection");
    assert_eq!(connection.configuration().heartbeat(), 9);
    let quiet = connection.create_channel().await.expect("a channel");
    declare(&quiet, "quiet", &[]).await;
    let channel = broker.channel().await;
    select_confirms(&channel).await;
    declare(&channel, "q", &[]).await;
    put(&channel, "q", b"m").await;
    let (mut raw, _) = Raw::login(&broker, 131_072, 10).await;
    raw.open_channel().await;
    let consume = amq_protocol::protocol::basic::Consume {
        queue: "q".into(),
        ..Default::default()
    };
    let consume = amq_protocol::protocol::basic::AMQPMethod::Consume(consume);
    raw.method(1, amq_protocol::protocol::AMQPClass::Basic(consume))
        .await;
    until("the message to be on its way", || async {
        waiting(&channel, "q").await == 0
    })
    .await;
    while raw.any_frame().await.is_some() {}
    until("the message to be back", || async {
        waiting(&channel, "q").await == 1
    })
    .await;
    assert_eq!(waiting(&quiet, "quiet").await, 0);
}

contract!(
    heartbeats_come_when_they_are_asked_for,
    a_silent_client_is_dropped_and_a_quiet_one_stays,
);
