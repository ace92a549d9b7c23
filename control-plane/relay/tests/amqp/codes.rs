//! Refusals carry the codes of the specification, name the method, and end
//! what they should: the channel or the connection.

use crate::raw::Raw;
use crate::support::*;
use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{
    AMQPClass, access, basic, channel, confirm, connection, exchange, queue, tx,
};
use amq_protocol::types::{AMQPValue, FieldTable};

const CHANNEL: bool = true;
const CONNECTION: bool = false;

/// Sends a method on channel 1 of a fresh connection and checks what it ends.
async fn check(server: &Server, class: AMQPClass, ends_channel: bool, code: u16) {
    let mut raw = Raw::open(server.address()).await;
    raw.method(1, class.clone()).await;
    let id = (class.get_amqp_class_id(), class.get_amqp_method_id());
    let closed = match raw.frame().await {
        Some(AMQPFrame::Method(1, AMQPClass::Channel(channel::AMQPMethod::Close(close)))) => {
            (CHANNEL, close.reply_code, (close.class_id, close.method_id))
        }
        Some(AMQPFrame::Method(0, AMQPClass::Connection(connection::AMQPMethod::Close(close)))) => {
            (
                CONNECTION,
                close.reply_code,
                (close.class_id, close.method_id),
            )
        }
        other => panic!("{class:?} was answered with {other:?}"),
    };
    assert_eq!(closed, (ends_channel, code, id), "{class:?}");
    if ends_channel {
        // The number can be used again after the handshake.
        let ok = channel::AMQPMethod::CloseOk(channel::CloseOk {});
        raw.method(1, AMQPClass::Channel(ok)).await;
        raw.open_channel(1).await;
    } else {
        let ok = connection::AMQPMethod::CloseOk(connection::CloseOk {});
        raw.method(0, AMQPClass::Connection(ok)).await;
        assert!(raw.frame().await.is_none(), "hung up after {class:?}");
    }
}

fn declare_queue(name: &str, adjust: impl FnOnce(&mut queue::Declare)) -> AMQPClass {
    let mut declare = queue::Declare {
        queue: name.into(),
        ..Default::default()
    };
    adjust(&mut declare);
    AMQPClass::Queue(queue::AMQPMethod::Declare(declare))
}

fn declare_exchange(name: &str, kind: &str) -> AMQPClass {
    AMQPClass::Exchange(exchange::AMQPMethod::Declare(exchange::Declare {
        exchange: name.into(),
        kind: kind.into(),
        ..Default::default()
    }))
}

fn publish(exchange: &str, immediate: bool) -> AMQPClass {
    AMQPClass::Basic(basic::AMQPMethod::Publish(basic::Publish {
        exchange: exchange.into(),
        immediate,
        ..Default::default()
    }))
}

fn table(key: &str, value: AMQPValue) -> FieldTable {
    arguments(&[(key, value)])
}

#[tokio::test]
async fn refusals_about_queues() {
    let server = Server::start().await;
    declare(&server.channel().await, "durable", &[]).await;
    let cases = [
        (declare_queue("none", |d| d.passive = true), CHANNEL, 404),
        (declare_queue("durable", |_| {}), CHANNEL, 406),
        (declare_queue("amq.mine", |_| {}), CHANNEL, 403),
        (
            declare_queue("q", |d| {
                d.arguments = table("x-expires", AMQPValue::LongInt(0));
            }),
            CHANNEL,
            406,
        ),
        (
            declare_queue("q", |d| {
                d.arguments = table("x-max-priority", AMQPValue::LongInt(5));
            }),
            CONNECTION,
            540,
        ),
        (
            AMQPClass::Queue(queue::AMQPMethod::Bind(queue::Bind {
                queue: "durable".into(),
                exchange: "none".into(),
                ..Default::default()
            })),
            CHANNEL,
            404,
        ),
        (
            AMQPClass::Queue(queue::AMQPMethod::Bind(queue::Bind {
                queue: "durable".into(),
                ..Default::default()
            })),
            CHANNEL,
            403,
        ),
        (
            AMQPClass::Queue(queue::AMQPMethod::Purge(queue::Purge::default())),
            CHANNEL,
            404,
        ),
    ];
    for (class, ends_channel, code) in cases {
        check(&server, class, ends_channel, code).await;
    }
}

#[tokio::test]
async fn refusals_about_exchanges() {
    let server = Server::start().await;
    let bind = exchange::AMQPMethod::Bind(exchange::Bind::default());
    let delete = |name: &str| {
        AMQPClass::Exchange(exchange::AMQPMethod::Delete(exchange::Delete {
            exchange: name.into(),
            ..Default::default()
        }))
    };
    let cases = [
        (declare_exchange("", "direct"), CHANNEL, 403),
        (declare_exchange("amq.mine", "direct"), CHANNEL, 403),
        (declare_exchange("amq.direct", "direct"), CHANNEL, 406),
        (declare_exchange("amq.direct", "topic"), CHANNEL, 406),
        (declare_exchange("e", "headers"), CONNECTION, 540),
        (declare_exchange("e", "nonsense"), CONNECTION, 503),
        (AMQPClass::Exchange(bind), CONNECTION, 540),
        (delete(""), CHANNEL, 403),
        (delete("amq.direct"), CHANNEL, 403),
        (publish("none", false), CHANNEL, 404),
    ];
    for (class, ends_channel, code) in cases {
        check(&server, class, ends_channel, code).await;
    }
}

#[tokio::test]
async fn what_is_not_implemented_says_so() {
    let server = Server::start().await;
    let recover = basic::AMQPMethod::Recover(basic::Recover { requeue: false });
    let flow = channel::AMQPMethod::Flow(channel::Flow { active: false });
    let cases = [
        AMQPClass::Tx(tx::AMQPMethod::Select(tx::Select {})),
        AMQPClass::Tx(tx::AMQPMethod::Commit(tx::Commit {})),
        AMQPClass::Tx(tx::AMQPMethod::Rollback(tx::Rollback {})),
        publish("", true),
        AMQPClass::Basic(recover),
        AMQPClass::Channel(flow),
    ];
    for class in cases {
        check(&server, class, CONNECTION, 540).await;
    }
}

#[tokio::test]
async fn methods_in_the_wrong_place_end_the_connection() {
    let server = Server::start().await;
    let open = connection::AMQPMethod::Open(connection::Open::default());
    let deliver = basic::AMQPMethod::Deliver(basic::Deliver::default());
    let second = channel::AMQPMethod::Open(channel::Open {});
    check(&server, AMQPClass::Connection(open), CONNECTION, 503).await;
    check(&server, AMQPClass::Basic(deliver), CONNECTION, 503).await;
    check(&server, AMQPClass::Channel(second), CONNECTION, 504).await;

    let ack = AMQPClass::Basic(basic::AMQPMethod::Ack(basic::Ack::default()));
    for (number, code) in [(0, 504), (2, 504)] {
        let mut raw = Raw::open(server.address()).await;
        raw.method(number, ack.clone()).await;
        assert_eq!(raw.refusal().await.reply_code, code, "channel {number}");
    }
    let mut raw = Raw::open(server.address()).await;
    let open = AMQPClass::Channel(channel::AMQPMethod::Open(channel::Open {}));
    raw.method(9999, open).await;
    assert_eq!(raw.refusal().await.reply_code, 504);
}

#[tokio::test]
async fn consumers_are_refused_for_what_they_ask() {
    let server = Server::start().await;
    declare(&server.channel().await, "q", &[]).await;
    let consume = |tag: &str, exclusive| {
        AMQPClass::Basic(basic::AMQPMethod::Consume(basic::Consume {
            queue: "q".into(),
            consumer_tag: tag.into(),
            exclusive,
            ..Default::default()
        }))
    };
    let mut first = Raw::open(server.address()).await;
    first.method(1, consume("a", false)).await;
    first.frame().await.expect("consume-ok");
    check(&server, consume("b", true), CHANNEL, 403).await;
    first.method(1, consume("a", false)).await;
    assert_eq!(first.refusal().await.reply_code, 530);

    server.until("no consumer", |s| s.consumers == 0).await;
    let mut alone = Raw::open(server.address()).await;
    alone.method(1, consume("a", true)).await;
    alone.frame().await.expect("consume-ok");
    check(&server, consume("b", false), CHANNEL, 403).await;
}

#[tokio::test]
async fn content_is_refused_for_size_expiration_and_sender() {
    let server = Server::with(|config| config.limits.max_message_bytes = 1000).await;
    let properties = basic::AMQPProperties::default;
    let cases = [
        (properties(), 1001, 311),
        (properties().with_expiration("soon".into()), 1, 406),
        (properties().with_user_id("somebody".into()), 1, 406),
    ];
    for (properties, size, code) in cases {
        let mut raw = Raw::open(server.address()).await;
        raw.method(1, publish("", false)).await;
        raw.content_header(1, size, properties).await;
        raw.body(1, &vec![0; size as usize]).await;
        let Some(AMQPFrame::Method(1, AMQPClass::Channel(channel::AMQPMethod::Close(close)))) =
            raw.frame().await
        else {
            panic!("no refusal with {code}");
        };
        assert_eq!(close.reply_code, code);
        // The body that followed is ignored; the connection lives.
        let ok = channel::AMQPMethod::CloseOk(channel::CloseOk {});
        raw.method(1, AMQPClass::Channel(ok)).await;
        raw.open_channel(1).await;
    }
}

#[tokio::test]
async fn content_out_of_order_ends_the_connection() {
    let server = Server::start().await;
    let address = server.address();
    let properties = basic::AMQPProperties::default;

    let mut raw = Raw::open(address).await;
    raw.content_header(1, 5, properties()).await;
    assert_eq!(raw.refusal().await.reply_code, 505);

    let mut raw = Raw::open(address).await;
    raw.body(1, b"x").await;
    assert_eq!(raw.refusal().await.reply_code, 505);

    let mut raw = Raw::open(address).await;
    raw.method(1, publish("", false)).await;
    raw.method(1, publish("", false)).await;
    assert_eq!(raw.refusal().await.reply_code, 505);

    let mut raw = Raw::open(address).await;
    raw.method(1, publish("", false)).await;
    raw.content_header(1, 5, properties()).await;
    raw.body(1, b"too long").await;
    assert_eq!(raw.refusal().await.reply_code, 501);
}

#[tokio::test]
async fn what_does_not_exist_can_be_unbound_and_deleted() {
    let server = Server::start().await;
    declare(&server.channel().await, "q", &[]).await;
    let mut raw = Raw::open(server.address()).await;
    for (queue, exchange) in [("none", "amq.topic"), ("q", "none"), ("q", "amq.topic")] {
        let unbind = queue::AMQPMethod::Unbind(queue::Unbind {
            queue: queue.into(),
            exchange: exchange.into(),
            ..Default::default()
        });
        raw.method(1, AMQPClass::Queue(unbind)).await;
        let answer = raw.frame().await;
        assert!(
            matches!(
                answer,
                Some(AMQPFrame::Method(
                    1,
                    AMQPClass::Queue(queue::AMQPMethod::UnbindOk(_))
                ))
            ),
            "{queue} {exchange}: {answer:?}"
        );
    }
    let delete = exchange::AMQPMethod::Delete(exchange::Delete {
        exchange: "none".into(),
        ..Default::default()
    });
    raw.method(1, AMQPClass::Exchange(delete)).await;
    let answer = raw.frame().await;
    assert!(
        matches!(
            answer,
            Some(AMQPFrame::Method(
                1,
                AMQPClass::Exchange(exchange::AMQPMethod::DeleteOk(_))
            ))
        ),
        "{answer:?}"
    );
}

#[tokio::test]
async fn harmless_methods_are_answered() {
    let server = Server::start().await;
    let mut raw = Raw::open(server.address()).await;
    let flow = channel::AMQPMethod::Flow(channel::Flow { active: true });
    let select = confirm::AMQPMethod::Select(confirm::Select { nowait: false });
    let request = access::AMQPMethod::Request(access::Request::default());
    let cases = [
        (AMQPClass::Channel(flow), (20, 21)),
        (AMQPClass::Confirm(select), (85, 11)),
        (AMQPClass::Access(request), (30, 11)),
        (declare_exchange("amq.direct", "direct"), (40, 11)),
    ];
    for (mut class, answer) in cases {
        if let AMQPClass::Exchange(exchange::AMQPMethod::Declare(declare)) = &mut class {
            declare.durable = true;
        }
        raw.method(1, class.clone()).await;
        let Some(AMQPFrame::Method(1, got)) = raw.frame().await else {
            panic!("no answer to {class:?}");
        };
        assert_eq!((got.get_amqp_class_id(), got.get_amqp_method_id()), answer);
    }
}
