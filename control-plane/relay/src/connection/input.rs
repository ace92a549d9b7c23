//! From bytes to methods and content.

use super::{Connection, Stage};
use crate::channel::{Reaction, Wait};
use crate::codec::{MethodId, PROTOCOL_HEADER, decode_content_header, decode_method};
use crate::exception::Exception;
use crate::frame_guard::{FrameKind, HEADER, OVERHEAD, Scan, method_id, scan};
use amq_protocol::protocol::{AMQPClass, channel, connection};
use bytes::{Buf, BytesMut};

/// What became of the input.
pub(super) enum Input {
    /// So many more bytes make the next frame.
    Wants(usize),
    /// Nothing may be processed before this is done.
    Waits(Wait),
}

impl Connection {
    /// Processes whole frames from `buffer`.
    pub(super) fn process(&mut self, buffer: &mut BytesMut) -> Input {
        loop {
            if self.deaf || self.stage == Stage::Done {
                buffer.clear();
                return Input::Wants(1);
            }
            if self.stage == Stage::Header {
                if buffer.len() < PROTOCOL_HEADER.len() {
                    return Input::Wants(PROTOCOL_HEADER.len() - buffer.len());
                }
                self.on_protocol_header(&buffer.split_to(PROTOCOL_HEADER.len()));
                continue;
            }
            let (kind, number, payload) = match scan(buffer, self.frame_max) {
                Ok(Scan::Incomplete { needed }) => return Input::Wants(needed - buffer.len()),
                Ok(Scan::Frame {
                    kind,
                    channel,
                    payload,
                }) => (kind, channel, payload),
                Err(exception) => {
                    // Where the next frame starts is unknown for good.
                    self.raise(0, (0, 0), &exception);
                    self.deaf = true;
                    continue;
                }
            };
            if !self.is_logged_in() {
                self.login_bytes += payload + OVERHEAD;
                if self.login_bytes > self.shared.limits.max_login_bytes {
                    self.raise(
                        0,
                        (0, 0),
                        &Exception::frame_error("too many bytes before connection.open"),
                    );
                    self.deaf = true;
                    continue;
                }
            }
            let result = self.on_frame(kind, number, &buffer[HEADER..HEADER + payload]);
            buffer.advance(payload + OVERHEAD);
            match result {
                Ok(Reaction::Done) => {}
                Ok(Reaction::Wait(wait)) => return Input::Waits(wait),
                Err((id, exception)) => self.raise(number, id, &exception),
            }
        }
    }

    fn on_frame(
        &mut self,
        kind: FrameKind,
        number: u16,
        payload: &[u8],
    ) -> Result<Reaction, (MethodId, Exception)> {
        if self.stage == Stage::Closing {
            self.on_frame_while_closing(kind, number, payload);
            return Ok(Reaction::Done);
        }
        const PUBLISH: MethodId = (60, 40);
        let with_publish = |exception| (PUBLISH, exception);
        match kind {
            FrameKind::Heartbeat if number == 0 && payload.is_empty() => Ok(Reaction::Done),
            FrameKind::Heartbeat => Err((
                (0, 0),
                Exception::frame_error("a heartbeat with a channel or content"),
            )),
            FrameKind::Method => {
                let (id, class) = decode_method(payload)
                    .map_err(|exception| (method_id(payload).unwrap_or((0, 0)), exception))?;
                self.on_method(number, id, class)
                    .map_err(|exception| (id, exception))
            }
            _ if !self.is_logged_in() || number == 0 => Err((
                (0, 0),
                Exception::unexpected_frame("content where none can be"),
            )),
            FrameKind::Header => self
                .with_channel(number, |channel, context| {
                    channel.on_content_header(context, decode_content_header(payload)?)
                })
                .map_err(with_publish),
            FrameKind::Body => self
                .with_channel(number, |channel, context| {
                    channel.on_content_body(context, payload)
                })
                .map_err(with_publish),
        }
    }

    fn on_method(
        &mut self,
        number: u16,
        id: MethodId,
        class: AMQPClass,
    ) -> Result<Reaction, Exception> {
        match class {
            AMQPClass::Connection(method) if number == 0 => self.on_connection_method(method),
            AMQPClass::Connection(_) => Err(Exception::command_invalid(format!(
                "a connection method on channel {number}"
            ))),
            _ if !self.is_logged_in() => Err(Exception::command_invalid(format!(
                "method {}.{} before connection.open",
                id.0, id.1
            ))),
            _ if number == 0 => Err(Exception::channel_error(format!(
                "method {}.{} on channel 0",
                id.0, id.1
            ))),
            class => self.on_channel_method(number, id, class),
        }
    }

    /// Only the end matters now, and channels that end in good order.
    fn on_frame_while_closing(&mut self, kind: FrameKind, number: u16, payload: &[u8]) {
        let method = match (kind, number) {
            (FrameKind::Method, 0) => method_id(payload),
            _ => None,
        };
        match method {
            Some((10, 51)) => self.stage = Stage::Done,
            Some((10, 50)) => {
                let ok = connection::AMQPMethod::CloseOk(connection::CloseOk {});
                self.outbox.method(0, &AMQPClass::Connection(ok));
                self.stage = Stage::Done;
            }
            _ if kind == FrameKind::Method && method_id(payload) == Some((20, 40)) => {
                let ok = channel::AMQPMethod::CloseOk(channel::CloseOk {});
                self.outbox.method(number, &AMQPClass::Channel(ok));
            }
            _ => {}
        }
    }
}
