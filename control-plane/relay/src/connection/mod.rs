//! One client: its login, its channels, its heartbeats and its end.

mod deadlines;
mod handshake;
mod input;
mod life;
pub(crate) mod outbox;
mod socket;
mod writer;

use crate::accounts::Account;
use crate::channel::{Channel, Context, Reaction, Resume};
use crate::codec::MethodId;
use crate::exception::{Exception, Scope, short};
use crate::frame_guard::MINIMUM_FRAME_MAX;
use crate::queue::ConnectionId;
use crate::shared::{Budget, Shared};
use crate::stats::count;
use crate::vhost::Vhost;
use amq_protocol::protocol::{AMQPClass, channel, connection};
pub(crate) use life::serve;
use outbox::Outbox;
pub(crate) use socket::Socket;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// Turns true when the relay stops.
pub(crate) type Stop = tokio::sync::watch::Receiver<bool>;

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits for the eight bytes that name the protocol.
    Header,
    StartOk,
    TuneOk,
    Open,
    Running,
    /// `connection.close` was sent: waits for its answer and ignores the rest.
    Closing,
    /// Nothing more is read; what is to be written still is.
    Done,
}

/// See the module.
struct Connection {
    shared: Arc<Shared>,
    id: ConnectionId,
    outbox: Arc<Outbox>,
    stage: Stage,
    /// Input is not understood any more; it is dropped until the end.
    deaf: bool,
    account: Option<Arc<Account>>,
    vhost: Option<Vhost>,
    /// What the verified certificate says, where that counts.
    certified: Option<String>,
    /// What it may have in flight.
    inflight: Budget,
    /// Capabilities the client has told.
    hears_cancel: bool,
    hears_refusal: bool,
    hears_blocked: bool,
    login_by: Instant,
    login_bytes: usize,
    close_by: Option<Instant>,
    frame_max: usize,
    channel_max: u16,
    heartbeat: std::time::Duration,
    channels: HashMap<u16, Channel>,
}

impl Connection {
    fn new(shared: Arc<Shared>, login_by: Instant, certified: Option<String>) -> Self {
        let limits = &shared.limits;
        let outbox = Outbox::new(limits.delivery_buffer_bytes, limits.reply_buffer_bytes);
        Self {
            id: shared.next_connection.fetch_add(1, Ordering::Relaxed),
            outbox: Arc::new(outbox),
            stage: Stage::Header,
            deaf: false,
            account: None,
            vhost: None,
            certified,
            inflight: Budget::new(limits.max_inflight_bytes_per_connection),
            hears_cancel: false,
            hears_refusal: false,
            hears_blocked: false,
            login_by,
            login_bytes: 0,
            close_by: None,
            frame_max: MINIMUM_FRAME_MAX,
            channel_max: limits.max_channels,
            heartbeat: std::time::Duration::ZERO,
            channels: HashMap::new(),
            shared,
        }
    }

    fn is_logged_in(&self) -> bool {
        matches!(self.stage, Stage::Running)
    }

    /// A method of an open (or opening) channel.
    fn on_channel_method(
        &mut self,
        number: u16,
        id: MethodId,
        class: AMQPClass,
    ) -> Result<Reaction, Exception> {
        if let AMQPClass::Channel(channel::AMQPMethod::Open(_)) = class {
            return self.open_channel(number);
        }
        let Some(found) = self.channels.get_mut(&number) else {
            if let AMQPClass::Channel(channel::AMQPMethod::CloseOk(_)) = class {
                return Ok(Reaction::Done);
            }
            return Err(Exception::channel_error(format!(
                "channel {number} is not open: expected 'channel.open'"
            )));
        };
        match class {
            AMQPClass::Channel(channel::AMQPMethod::Close(_)) => {
                self.end_channel(number);
                self.outbox.method(
                    number,
                    &AMQPClass::Channel(channel::AMQPMethod::CloseOk(channel::CloseOk {})),
                );
                Ok(Reaction::Done)
            }
            AMQPClass::Channel(channel::AMQPMethod::CloseOk(_)) => {
                self.end_channel(number);
                Ok(Reaction::Done)
            }
            _ if found.is_closing() => Ok(Reaction::Done),
            class => {
                let (Some(account), Some(vhost)) = (&self.account, &self.vhost) else {
                    return Err(Exception::internal_error("no account"));
                };
                let context = Context {
                    shared: &self.shared,
                    connection: self.id,
                    number,
                    account,
                    vhost,
                    outbox: &self.outbox,
                    inflight: &self.inflight,
                    hears_blocked: self.hears_blocked,
                };
                found.on_method(&context, id, class)
            }
        }
    }

    /// Does something with a channel that takes content; `None` when the
    /// channel is closing and drops it.
    fn with_channel(
        &mut self,
        number: u16,
        work: impl FnOnce(&mut Channel, &Context<'_>) -> Result<Reaction, Exception>,
    ) -> Result<Reaction, Exception> {
        let channel = self.channels.get_mut(&number);
        let (Some(channel), Some(account), Some(vhost)) = (channel, &self.account, &self.vhost)
        else {
            return Err(Exception::channel_error(format!(
                "content on channel {number}, which is not open"
            )));
        };
        if channel.is_closing() {
            return Ok(Reaction::Done);
        }
        let context = Context {
            shared: &self.shared,
            connection: self.id,
            number,
            account,
            vhost,
            outbox: &self.outbox,
            inflight: &self.inflight,
            hears_blocked: self.hears_blocked,
        };
        work(channel, &context)
    }

    fn open_channel(&mut self, number: u16) -> Result<Reaction, Exception> {
        if self.channels.contains_key(&number) {
            return Err(Exception::channel_error("second 'channel.open' seen"));
        }
        if number > self.channel_max {
            return Err(Exception::channel_error(format!(
                "channel {number} exceeds the negotiated channel_max {}",
                self.channel_max
            )));
        }
        self.channels.insert(number, Channel::default());
        self.shared
            .broker(|broker, _| broker.open_channel(self.id, number));
        self.outbox.method(
            number,
            &AMQPClass::Channel(channel::AMQPMethod::OpenOk(channel::OpenOk {})),
        );
        Ok(Reaction::Done)
    }

    fn end_channel(&mut self, number: u16) {
        if let Some(mut channel) = self.channels.remove(&number) {
            channel.close();
            self.shared
                .broker(|broker, now| broker.close_channel(self.id, number, now));
        }
    }

    /// Goes on after something that took time.
    fn resume(&mut self, resume: Resume) -> Result<Reaction, (u16, MethodId, Exception)> {
        match resume {
            Resume::Send { channel, class } => {
                let open = self.channels.get(&channel).is_some_and(|c| !c.is_closing());
                if open {
                    self.outbox.method(channel, &class);
                }
                Ok(Reaction::Done)
            }
            Resume::Done => Ok(Reaction::Done),
            Resume::Permit {
                channel,
                permit,
                blocked,
            } => {
                if blocked {
                    let unblocked = connection::AMQPMethod::Unblocked(connection::Unblocked {});
                    self.outbox.method(0, &AMQPClass::Connection(unblocked));
                }
                self.with_channel(channel, |channel, context| {
                    channel.continue_content(context, permit)
                })
                .map_err(|exception| (channel, (60, 40), exception))
            }
            Resume::Login(account) => self
                .on_login(account)
                .map_err(|exception| (0, (10, 11), exception)),
            Resume::Fail {
                channel,
                id,
                exception,
            } => Err((channel, id, exception)),
        }
    }

    /// Ends the channel, or the connection, for an error.
    fn raise(&mut self, number: u16, id: MethodId, exception: &Exception) {
        if matches!(self.stage, Stage::Closing | Stage::Done) {
            return;
        }
        let reply_text = short(&exception.text).into();
        if exception.scope == Scope::Channel
            && let Some(channel) = self.channels.get_mut(&number)
        {
            // Quoted: it may repeat what the client sent.
            tracing::info!(
                connection = self.id,
                channel = number,
                error = ?exception.text,
                "The relay closed a channel."
            );
            count(&self.shared.counters.channels_failed);
            channel.close();
            self.shared
                .broker(|broker, now| broker.close_channel(self.id, number, now));
            let close = channel::AMQPMethod::Close(channel::Close {
                reply_code: exception.code,
                reply_text,
                class_id: id.0,
                method_id: id.1,
            });
            self.outbox.method(number, &AMQPClass::Channel(close));
            return;
        }
        tracing::info!(
            connection = self.id,
            error = ?exception.text,
            "The relay closed a connection."
        );
        count(&self.shared.counters.connections_failed);
        let started = self.stage != Stage::Header;
        self.leave_broker();
        if !started {
            // No AMQP was spoken yet.
            self.stage = Stage::Done;
            return;
        }
        let close = connection::AMQPMethod::Close(connection::Close {
            reply_code: exception.code,
            reply_text,
            class_id: id.0,
            method_id: id.1,
        });
        self.outbox.method(0, &AMQPClass::Connection(close));
        self.stage = Stage::Closing;
        self.close_by = Some(Instant::now() + self.shared.limits.close_timeout);
    }

    /// Gives everything back that other connections may want.
    fn leave_broker(&mut self) {
        for (_, mut channel) in self.channels.drain() {
            channel.close();
        }
        self.shared
            .broker(|broker, now| broker.disconnect(self.id, now));
    }
}
