//! `basic.publish`: the method, the content header, the body in parts.

use super::{Channel, Context, Reaction, Resume};
use crate::accounts::Resource;
use crate::broker::{Publication, Published};
use crate::codec::{ContentHeader, encode_method};
use crate::connection::outbox::{Body, Content, Purpose};
use crate::exception::Exception;
use crate::permissions::Access;
use crate::shared::InFlight;
use crate::stats::count;
use amq_protocol::protocol::basic::{AMQPMethod, Publish, Return};
use amq_protocol::protocol::connection;
use amq_protocol::protocol::{AMQPClass, AMQPSoftError};
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use tokio::time::Instant;

/// What a publication is in flight, beside body and properties.
const PUBLICATION_COST: u64 = 256;

/// A publication of which not everything has come.
pub(super) struct Assembly {
    publish: Publish,
    header: Option<Announced>,
}

/// What the content header has announced.
struct Announced {
    properties: Bytes,
    persistent: bool,
    ttl: Option<u64>,
    length: usize,
    body: BytesMut,
    permit: Option<Arc<InFlight>>,
    deadline: Option<Instant>,
}

impl Assembly {
    pub fn deadline(&self) -> Option<Instant> {
        self.header.as_ref()?.deadline
    }
}

impl Channel {
    pub(super) fn on_publish(
        &mut self,
        context: &Context<'_>,
        publish: Publish,
    ) -> Result<Reaction, Exception> {
        if publish.immediate {
            return Err(Exception::not_implemented("immediate=true"));
        }
        let exchange = publish.exchange.as_str();
        context.check(Access::Write, Resource::Exchange(exchange))?;
        if !exchange.is_empty() {
            let internal = context.shared.broker(|broker, _| {
                broker
                    .find_exchange(context.vhost.id, exchange)
                    .map(|found| found.settings.internal)
            })?;
            if internal {
                return Err(Exception::access_refused(format!(
                    "cannot publish to internal exchange '{exchange}' in vhost '{}'",
                    context.vhost.name
                )));
            }
        }
        self.assembly = Some(Box::new(Assembly {
            publish,
            header: None,
        }));
        Ok(Reaction::Done)
    }

    pub(crate) fn on_content_header(
        &mut self,
        context: &Context<'_>,
        header: ContentHeader,
    ) -> Result<Reaction, Exception> {
        let Some(assembly) = self.assembly.as_mut().filter(|a| a.header.is_none()) else {
            return Err(Exception::unexpected_frame("unexpected content header"));
        };
        let most = context.shared.limits.max_message_bytes;
        if header.body_size > most {
            return Err(Exception::soft(
                AMQPSoftError::CONTENTTOOLARGE,
                format!(
                    "message size {} is larger than the configured maximum {most}",
                    header.body_size
                ),
            ));
        }
        if let Some(claimed) = header.parsed.user_id()
            && *claimed.as_str() != *context.account.name
        {
            return Err(Exception::precondition_failed(format!(
                "user_id property set to '{claimed}' but authenticated user was '{}'",
                context.account.name
            )));
        }
        let cost = header.body_size + header.properties.len() as u64 + PUBLICATION_COST;
        assembly.header = Some(Announced {
            properties: header.properties,
            persistent: *header.parsed.delivery_mode() == Some(2),
            ttl: match header.parsed.expiration() {
                Some(text) => Some(read_expiration(text.as_str())?),
                None => None,
            },
            // Within the limit just checked, which memory must hold anyway.
            length: usize::try_from(header.body_size).unwrap_or(usize::MAX),
            body: BytesMut::new(),
            permit: None,
            deadline: None,
        });
        let shared = context.shared;
        let alarm = shared.alarms.reason();
        if alarm.is_none()
            && let Some(permit) = InFlight::try_take(context.inflight, &shared.inflight, cost)
        {
            return self.continue_content(context, permit);
        }
        let blocked = alarm.is_some_and(|reason| block(context, reason));
        let over = shared.alarms.over();
        let share = InFlight::take(context.inflight, &shared.inflight, cost);
        let channel = context.number;
        Ok(Reaction::Wait(Box::pin(async move {
            over.await;
            match share.await {
                Some(permit) => Resume::Permit {
                    channel,
                    permit,
                    blocked,
                },
                None => Resume::Fail {
                    channel,
                    id: (60, 40),
                    exception: Exception::internal_error("the relay is stopping"),
                },
            }
        })))
    }

    /// There is memory for the body now.
    pub(crate) fn continue_content(
        &mut self,
        context: &Context<'_>,
        permit: InFlight,
    ) -> Result<Reaction, Exception> {
        let Some(header) = self.assembly.as_mut().and_then(|a| a.header.as_mut()) else {
            return Ok(Reaction::Done);
        };
        header.body.reserve(header.length);
        header.permit = Some(Arc::new(permit));
        if header.length == 0 {
            return self.complete(context);
        }
        header.deadline = Some(Instant::now() + context.shared.limits.content_timeout);
        Ok(Reaction::Done)
    }

    pub(crate) fn on_content_body(
        &mut self,
        context: &Context<'_>,
        part: &[u8],
    ) -> Result<Reaction, Exception> {
        let Some(header) = self.assembly.as_mut().and_then(|a| a.header.as_mut()) else {
            return Err(Exception::unexpected_frame("unexpected content body"));
        };
        if header.body.len() + part.len() > header.length {
            return Err(Exception::frame_error(format!(
                "content body is longer than the announced {} bytes",
                header.length
            )));
        }
        header.body.extend_from_slice(part);
        if header.body.len() < header.length {
            return Ok(Reaction::Done);
        }
        self.complete(context)
    }

    fn complete(&mut self, context: &Context<'_>) -> Result<Reaction, Exception> {
        let Some(Assembly {
            publish,
            header: Some(header),
        }) = self.assembly.take().map(|assembly| *assembly)
        else {
            return Err(Exception::internal_error("no content to publish"));
        };
        let mut message = Publication {
            vhost: context.vhost.id,
            publisher: context.connection,
            exchange: publish.exchange.into(),
            routing_key: publish.routing_key.into(),
            properties: header.properties,
            persistent: header.persistent,
            ttl: header.ttl,
            body: header.body.freeze(),
            confirm: self.next_confirm(context),
            permit: header.permit,
        };
        let published = context
            .shared
            .broker(|broker, now| broker.publish(&message, now));
        let published = match published {
            Ok(published) => published,
            Err(exception) => {
                // The channel ends; its confirm must not precede that.
                self.close();
                return Err(exception);
            }
        };
        if published == Published::Unroutable && publish.mandatory {
            count(&context.shared.counters.returned);
            send_back(context, &mut message);
        }
        // Dropping the message lets its confirm out, behind a return.
        drop(message);
        Ok(Reaction::Done)
    }
}

/// Memory or disk run short: the publisher waits, and is told so if it wants to
/// hear that.
fn block(context: &Context<'_>, reason: &'static str) -> bool {
    count(&context.shared.counters.blocked);
    if context.hears_blocked {
        let blocked = connection::AMQPMethod::Blocked(connection::Blocked {
            reason: reason.into(),
        });
        context.outbox.method(0, &AMQPClass::Connection(blocked));
    }
    context.hears_blocked
}

/// Milliseconds as text.
fn read_expiration(text: &str) -> Result<u64, Exception> {
    text.parse().map_err(|_| {
        Exception::precondition_failed(format!("invalid expiration '{}'", text.escape_default()))
    })
}

fn send_back(context: &Context<'_>, message: &mut Publication) {
    let method = AMQPClass::Basic(AMQPMethod::Return(Return {
        reply_code: AMQPSoftError::NOROUTE.get_id(),
        reply_text: "NO_ROUTE".into(),
        exchange: std::mem::take(&mut message.exchange).into(),
        routing_key: std::mem::take(&mut message.routing_key).into(),
    }));
    context.outbox.content(Content {
        purpose: Purpose::Reply,
        channel: context.number,
        method: encode_method(context.number, &method),
        properties: message.properties.clone(),
        length: message.body.len() as u64,
        body: Body::Own {
            bytes: message.body.clone(),
            permit: message.permit.clone(),
        },
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expirations_are_whole_milliseconds() {
        assert_eq!(read_expiration("0"), Ok(0));
        assert_eq!(read_expiration("60000"), Ok(60_000));
        for bad in ["", "-1", "1.5", "1s", " 1"] {
            assert_eq!(read_expiration(bad).expect_err(bad).code, 406);
        }
    }
}
