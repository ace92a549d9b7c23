//! How large frames are, and how many channels there are.

use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, connection};
use lapin::options::ChannelFlowOptions;

use crate::broker::{self, Broker};
use crate::raw::Raw;
use crate::support::*;

async fn bodies_larger_than_a_frame_arrive_whole(broker: Broker) {
    // What agents ask for, and what schedulers ask for.
    for frame_max in [8192, 64 * 1024] {
        let mut uri = broker.uri("guest");
        uri.query.frame_max = Some(frame_max);
        let connection = broker::open(uri).await.expect("a connection");
        assert_eq!(connection.configuration().frame_max(), frame_max);
        let channel = connection.create_channel().await.expect("a channel");
        select_confirms(&channel).await;
        declare(&channel, "q", &[]).await;
        let mut consumer = consume(&channel, "q").await;
        for size in [0, 1, 8184, 8185, 300_000] {
            let body: Vec<u8> = (0..=255).cycle().take(size).collect();
            put(&channel, "q", &body).await;
            let delivery = next(&mut consumer).await;
            assert!(delivery.data == body, "{size} in frames of {frame_max}");
            ack(&delivery).await;
        }
    }
}

async fn a_frame_larger_than_agreed_ends_the_connection(broker: Broker) {
    const FRAME_ERROR: u16 = 501;
    let (mut raw, tune) = Raw::login(&broker, 8192, 0).await;
    assert!(tune.frame_max == 0 || tune.frame_max >= 8192, "{tune:?}");
    raw.open_channel().await;
    // A body frame on channel 1 that announces 9000 bytes.
    let mut frame = vec![3, 0, 1];
    frame.extend(9000_u32.to_be_bytes());
    frame.resize(frame.len() + 9000, 0);
    frame.push(0xCE);
    raw.send(&frame).await;
    match raw.frame().await {
        Some(AMQPFrame::Method(0, AMQPClass::Connection(connection::AMQPMethod::Close(close)))) => {
            assert_eq!(close.reply_code, FRAME_ERROR);
        }
        // With most of the frame unread, the connection may be reset before the
        // reason arrives.
        None => {}
        other => panic!("{other:?}"),
    }
}

async fn many_channels_share_a_connection(broker: Broker) {
    let connection = broker.connect().await;
    let mut channels = Vec::new();
    for number in 0..20 {
        let channel = connection.create_channel().await.expect("a channel");
        declare(&channel, &format!("q{number}"), &[]).await;
        channels.push(channel);
    }
    channels[7]
        .close(200, "one of them".into())
        .await
        .expect("closed");
    for (number, channel) in channels
        .iter()
        .enumerate()
        .filter(|(number, _)| *number != 7)
    {
        assert_eq!(waiting(channel, &format!("q{number}")).await, 0);
    }
}

async fn flow_is_said_to_be_on(broker: Broker) {
    let channel = broker.channel().await;
    let flow = channel.channel_flow(ChannelFlowOptions { active: true });
    assert!(flow.await.expect("flow-ok"));
}

contract!(
    bodies_larger_than_a_frame_arrive_whole,
    a_frame_larger_than_agreed_ends_the_connection,
    many_channels_share_a_connection,
    flow_is_said_to_be_on,
);
