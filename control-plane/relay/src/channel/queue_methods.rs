//! `queue.*`

use super::{Channel, Context, Reaction};
use crate::accounts::Resource;
use crate::broker::{DeclareQueue, QueueInfo};
use crate::codec::MethodId;
use crate::exception::Exception;
use crate::password::random;
use crate::permissions::Access;
use crate::queue::{QueueId, QueueSettings};
use amq_protocol::protocol::AMQPClass;
use amq_protocol::protocol::queue::{
    AMQPMethod, BindOk, Declare, DeclareOk, DeleteOk, PurgeOk, UnbindOk,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

impl Channel {
    pub(super) fn on_queue(
        &mut self,
        context: &Context<'_>,
        id: MethodId,
        method: AMQPMethod,
    ) -> Result<Reaction, Exception> {
        match method {
            AMQPMethod::Declare(declare) => self.on_declare(context, id, &declare),
            AMQPMethod::Bind(bind) => {
                let (exchange, key) = (bind.exchange.as_str(), bind.routing_key.as_str());
                let (queue, key) = self.to_bind(context, bind.queue.as_str(), exchange, key)?;
                let stored = context
                    .shared
                    .broker(|broker, _| broker.bind(queue, exchange, &key))?;
                let ok = AMQPClass::Queue(AMQPMethod::BindOk(BindOk {}));
                Ok(context.reply_stored(stored, bind.nowait, id, ok))
            }
            AMQPMethod::Unbind(unbind) => {
                let (exchange, key) = (unbind.exchange.as_str(), unbind.routing_key.as_str());
                let stored = self
                    .to_bind(context, unbind.queue.as_str(), exchange, key)
                    .and_then(|(queue, key)| {
                        context
                            .shared
                            .broker(|broker, _| broker.unbind(queue, exchange, &key))
                    });
                let stored = match stored {
                    // As RabbitMQ: what does not exist is not bound, either.
                    Err(exception) if exception.code == 404 => false,
                    stored => stored?,
                };
                let ok = AMQPClass::Queue(AMQPMethod::UnbindOk(UnbindOk {}));
                Ok(context.reply_stored(stored, false, id, ok))
            }
            AMQPMethod::Purge(purge) => {
                let queue = self.find(context, purge.queue.as_str(), Access::Read)?;
                let purged = context.shared.broker(|broker, _| broker.purge(queue));
                let ok = AMQPClass::Queue(AMQPMethod::PurgeOk(PurgeOk {
                    message_count: number(purged),
                }));
                Ok(context.reply_stored(true, purge.nowait, id, ok))
            }
            AMQPMethod::Delete(delete) => {
                let name = self.queue_name(delete.queue.as_str())?;
                context.check(Access::Configure, Resource::Queue(&name))?;
                let (deleted, stored) = context.shared.broker(|broker, _| {
                    match broker.find_queue(context.vhost.id, &name, context.connection) {
                        Ok((queue, _)) => {
                            broker.delete_queue(queue, delete.if_unused, delete.if_empty)
                        }
                        // As RabbitMQ: what does not exist is deleted already.
                        Err(exception) if exception.code == 404 => Ok((0, false)),
                        Err(exception) => Err(exception),
                    }
                })?;
                let ok = AMQPClass::Queue(AMQPMethod::DeleteOk(DeleteOk {
                    message_count: number(deleted),
                }));
                Ok(context.reply_stored(stored, delete.nowait, id, ok))
            }
            _ => Err(Exception::command_invalid("not for clients to send")),
        }
    }

    fn on_declare(
        &mut self,
        context: &Context<'_>,
        id: MethodId,
        declare: &Declare,
    ) -> Result<Reaction, Exception> {
        let (info, stored) = if declare.passive {
            let name = self.queue_name(declare.queue.as_str())?;
            let info = context.shared.broker(|broker, now| {
                broker.queue_info(context.vhost.id, &name, context.connection, now)
            })?;
            (info, false)
        } else {
            declare_queue(context, declare)?
        };
        self.last_queue = info.name.to_string();
        let ok = AMQPClass::Queue(AMQPMethod::DeclareOk(DeclareOk {
            queue: (*info.name).into(),
            message_count: number(info.ready),
            consumer_count: number(info.consumers),
        }));
        Ok(context.reply_stored(stored, declare.nowait, id, ok))
    }

    /// Checks what binding and unbinding need; an empty queue and key together
    /// mean the queue's name as key.
    fn to_bind(
        &self,
        context: &Context<'_>,
        queue: &str,
        exchange: &str,
        key: &str,
    ) -> Result<(QueueId, String), Exception> {
        let name = self.queue_name(queue)?;
        context.check(Access::Write, Resource::Queue(&name))?;
        context.check(Access::Read, Resource::Exchange(exchange))?;
        let id = context.shared.broker(|broker, _| {
            broker
                .find_queue(context.vhost.id, &name, context.connection)
                .map(|(id, _)| id)
        })?;
        let key = if queue.is_empty() && key.is_empty() {
            name
        } else {
            key.into()
        };
        Ok((id, key))
    }

    /// The queue a method means, if this account may do that and this
    /// connection may use it.
    pub(super) fn find(
        &self,
        context: &Context<'_>,
        given: &str,
        access: Access,
    ) -> Result<QueueId, Exception> {
        let name = self.queue_name(given)?;
        context.check(access, Resource::Queue(&name))?;
        context.shared.broker(|broker, _| {
            broker
                .find_queue(context.vhost.id, &name, context.connection)
                .map(|(id, _)| id)
        })
    }
}

fn declare_queue(context: &Context<'_>, declare: &Declare) -> Result<(QueueInfo, bool), Exception> {
    let given = declare.queue.as_str();
    let name = if given.is_empty() {
        let random = random::<16>().map_err(|_| Exception::internal_error("no random numbers"))?;
        format!("amq.gen-{}", URL_SAFE_NO_PAD.encode(random))
    } else {
        given.into()
    };
    context.check(Access::Configure, Resource::Queue(&name))?;
    let settings = QueueSettings {
        durable: declare.durable,
        exclusive: declare.exclusive,
        auto_delete: declare.auto_delete,
        ..QueueSettings::default()
    }
    .read_arguments(&name, &declare.arguments)?;
    context.shared.broker(|broker, now| {
        if given.starts_with("amq.") && !broker.has_queue(context.vhost.id, given) {
            return Err(Exception::access_refused(format!(
                "queue name '{given}' contains reserved prefix 'amq.*'"
            )));
        }
        let request = DeclareQueue {
            vhost: context.vhost.id,
            name: &name,
            settings,
            user: &context.account.name,
            connection: context.connection,
        };
        broker.declare_queue(request, now)
    })
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
