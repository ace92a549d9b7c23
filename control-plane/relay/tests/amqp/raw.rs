//! A client that sends exactly what it is told to, right or wrong.

use crate::support::PATIENCE;
use amq_protocol::frame::{AMQPContentHeader, AMQPFrame, gen_frame, parse_frame};
use amq_protocol::protocol::{AMQPClass, basic, channel, connection};
use amq_protocol::types::{AMQPValue, FieldTable};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub const PROTOCOL: &[u8] = b"AMQP\0\0\x09\x01";

pub struct Raw {
    pub stream: TcpStream,
    input: Vec<u8>,
    /// What is to be sent later, all at once.
    held: Option<Vec<u8>>,
    /// What it tells the server it understands.
    pub capabilities: Vec<String>,
}

impl Raw {
    pub async fn dial(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            input: Vec::new(),
            held: None,
            capabilities: ["authentication_failure_close", "consumer_cancel_notify"]
                .map(str::to_owned)
                .into(),
        }
    }

    /// Logged in as guest, channel 1 open.
    pub async fn open(address: SocketAddr) -> Self {
        let mut raw = Self::login(address, 131_072, 0).await;
        raw.open_channel(1).await;
        raw
    }

    /// Logged in as guest.
    pub async fn login(address: SocketAddr, frame_max: u32, heartbeat: u16) -> Self {
        Self::login_with(address, frame_max, heartbeat, &[]).await
    }

    /// Logged in as guest, with more capabilities.
    pub async fn login_with(
        address: SocketAddr,
        frame_max: u32,
        heartbeat: u16,
        capabilities: &[&str],
    ) -> Self {
        let login = Self::try_login(address, frame_max, heartbeat, capabilities);
        login.await.expect("a login")
    }

    /// The same; `None` when the server hangs up meanwhile.
    pub async fn try_login(
        address: SocketAddr,
        frame_max: u32,
        heartbeat: u16,
        capabilities: &[&str],
    ) -> Option<Self> {
        let mut raw = Self::dial(address).await;
        raw.capabilities
            .extend(capabilities.iter().map(|name| (*name).to_owned()));
        raw.send(PROTOCOL).await;
        raw.frame().await?;
        raw.start_ok("guest", "guest-secret").await;
        raw.frame().await?;
        raw.tune_ok(16, frame_max, heartbeat).await;
        raw.connection_open("mig").await;
        raw.frame().await?;
        Some(raw)
    }

    pub async fn start_ok(&mut self, user: &str, password: &str) {
        let mut capabilities = FieldTable::default();
        for name in &self.capabilities {
            capabilities.insert(name.as_str().into(), AMQPValue::Boolean(true));
        }
        let mut client_properties = FieldTable::default();
        client_properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
        let start_ok = connection::StartOk {
            client_properties,
            mechanism: "PLAIN".into(),
            response: format!("\0{user}\0{password}").into(),
            locale: "en_US".into(),
        };
        self.connection(connection::AMQPMethod::StartOk(start_ok))
            .await;
    }

    pub async fn tune_ok(&mut self, channel_max: u16, frame_max: u32, heartbeat: u16) {
        self.connection(connection::AMQPMethod::TuneOk(connection::TuneOk {
            channel_max,
            frame_max,
            heartbeat,
        }))
        .await;
    }

    pub async fn connection_open(&mut self, vhost: &str) {
        self.connection(connection::AMQPMethod::Open(connection::Open {
            virtual_host: vhost.into(),
        }))
        .await;
    }

    pub async fn open_channel(&mut self, number: u16) {
        let open = channel::AMQPMethod::Open(channel::Open {});
        self.method(number, AMQPClass::Channel(open)).await;
        let answer = self.frame().await;
        assert!(
            matches!(
                answer,
                Some(AMQPFrame::Method(
                    _,
                    AMQPClass::Channel(channel::AMQPMethod::OpenOk(_))
                ))
            ),
            "{answer:?}"
        );
    }

    /// Keeps what it is told to send until [`Raw::let_go`].
    pub fn hold_back(&mut self) {
        self.held = Some(Vec::new());
    }

    pub async fn let_go(&mut self) {
        let held = self.held.take().expect("something held back");
        self.send(&held).await;
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        if let Some(held) = &mut self.held {
            held.extend(bytes);
            return;
        }
        // A server that hangs up in the middle is for `frame` to notice.
        let _ = self.stream.write_all(bytes).await;
    }

    async fn connection(&mut self, method: connection::AMQPMethod) {
        self.method(0, AMQPClass::Connection(method)).await;
    }

    pub async fn method(&mut self, channel: u16, class: AMQPClass) {
        self.send(&encode(&AMQPFrame::Method(channel, class))).await;
    }

    pub async fn content_header(
        &mut self,
        channel: u16,
        body_size: u64,
        properties: basic::AMQPProperties,
    ) {
        let header = AMQPContentHeader {
            class_id: 60,
            body_size,
            properties,
        };
        self.send(&encode(&AMQPFrame::Header(channel, header)))
            .await;
    }

    /// A whole message to a queue.
    pub async fn publish(&mut self, channel: u16, queue: &str, body: &[u8]) {
        let publish = basic::AMQPMethod::Publish(basic::Publish {
            routing_key: queue.into(),
            ..Default::default()
        });
        self.method(channel, AMQPClass::Basic(publish)).await;
        let properties = basic::AMQPProperties::default().with_delivery_mode(2);
        self.content_header(channel, body.len() as u64, properties)
            .await;
        if !body.is_empty() {
            self.body(channel, body).await;
        }
    }

    pub async fn body(&mut self, channel: u16, bytes: &[u8]) {
        self.send(&encode(&AMQPFrame::Body(channel, bytes.to_vec())))
            .await;
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
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.input))
                .await
                .expect("an answer in time");
            if !read.is_ok_and(|count| count > 0) {
                return None;
            }
        }
    }

    /// The next method on channel 0, whatever else comes before it.
    pub async fn connection_method(&mut self) -> connection::AMQPMethod {
        loop {
            match self.frame().await {
                Some(AMQPFrame::Method(0, AMQPClass::Connection(method))) => return method,
                Some(_) => {}
                None => panic!("the server has hung up"),
            }
        }
    }

    /// The `connection.close` that must come next.
    pub async fn refusal(&mut self) -> connection::Close {
        match self.frame().await {
            Some(AMQPFrame::Method(
                0,
                AMQPClass::Connection(connection::AMQPMethod::Close(close)),
            )) => close,
            other => panic!("not connection.close: {other:?}"),
        }
    }

    /// Sends nothing more.
    pub async fn hang_up(&mut self) {
        // The server may have done so first.
        let _ = self.stream.shutdown().await;
    }

    /// Everything until the server hangs up.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.input);
        let read = self.stream.read_to_end(&mut bytes);
        // A reset is an end as well.
        let _ = timeout(PATIENCE, read).await.expect("an end in time");
        bytes
    }
}

pub fn encode(frame: &AMQPFrame) -> Vec<u8> {
    gen_frame::<Vec<u8>>(frame)(Vec::new().into())
        .expect("an encodable frame")
        .into_inner()
        .0
}
