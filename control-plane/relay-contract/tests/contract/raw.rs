//! A client that sends exactly what it is told to, right or wrong.

use amq_protocol::frame::{AMQPFrame, gen_frame, parse_frame};
use amq_protocol::protocol::{AMQPClass, channel, connection};
use amq_protocol::types::{AMQPValue, FieldTable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::broker::Broker;
use crate::support::soon;

pub struct Raw {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Raw {
    /// Logged in as `guest` with what the client wants of the limits that the
    /// relay proposes.
    pub async fn login(broker: &Broker, frame_max: u32, heartbeat: u16) -> (Raw, connection::Tune) {
        let stream = TcpStream::connect(broker.address()).await;
        let mut raw = Raw {
            stream: stream.expect("a connection"),
            input: Vec::new(),
        };
        raw.send(b"AMQP\0\0\x09\x01").await;
        raw.frame().await.expect("connection.start");
        let (user, password) = broker.account("guest");
        let mut capabilities = FieldTable::default();
        for name in ["authentication_failure_close", "connection.blocked"] {
            capabilities.insert(name.into(), AMQPValue::Boolean(true));
        }
        let mut client_properties = FieldTable::default();
        client_properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
        raw.connection(connection::AMQPMethod::StartOk(connection::StartOk {
            client_properties,
            mechanism: "PLAIN".into(),
            response: format!("\0{user}\0{password}").into(),
            locale: "en_US".into(),
        }))
        .await;
        let Some(AMQPFrame::Method(0, AMQPClass::Connection(connection::AMQPMethod::Tune(tune)))) =
            raw.frame().await
        else {
            panic!("no connection.tune");
        };
        raw.connection(connection::AMQPMethod::TuneOk(connection::TuneOk {
            channel_max: 16,
            frame_max,
            heartbeat,
        }))
        .await;
        raw.connection(connection::AMQPMethod::Open(connection::Open {
            virtual_host: broker.vhost().into(),
        }))
        .await;
        raw.frame().await.expect("connection.open-ok");
        (raw, tune)
    }

    pub async fn open_channel(&mut self) {
        let open = channel::AMQPMethod::Open(channel::Open {});
        self.method(1, AMQPClass::Channel(open)).await;
        self.frame().await.expect("channel.open-ok");
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        // A server that hangs up in the middle is for `frame` to notice.
        let _ = self.stream.write_all(bytes).await;
    }

    async fn connection(&mut self, method: connection::AMQPMethod) {
        self.method(0, AMQPClass::Connection(method)).await;
    }

    pub async fn method(&mut self, channel: u16, class: AMQPClass) {
        self.send(&encode(&AMQPFrame::Method(channel, class))).await;
    }

    /// The next frame that is not a heartbeat; `None` when the server has hung
    /// up.
    pub async fn frame(&mut self) -> Option<AMQPFrame> {
        loop {
            match self.any_frame().await {
                Some(AMQPFrame::Heartbeat) => {}
                other => return other,
            }
        }
    }

    pub async fn any_frame(&mut self) -> Option<AMQPFrame> {
        loop {
            if let Ok((rest, frame)) = parse_frame(&self.input[..]) {
                let used = self.input.len() - rest.len();
                self.input.drain(..used);
                return Some(frame);
            }
            let read = self.stream.read_buf(&mut self.input);
            let read = soon("a frame", read).await;
            if !read.is_ok_and(|count| count > 0) {
                return None;
            }
        }
    }
}

pub fn encode(frame: &AMQPFrame) -> Vec<u8> {
    gen_frame::<Vec<u8>>(frame)(Vec::new().into())
        .expect("an encodable frame")
        .into_inner()
        .0
}
