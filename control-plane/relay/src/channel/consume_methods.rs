//! `basic.*`, except publishing: consumers, single messages, acknowledgements.

use super::{Channel, Context, Reaction};
use crate::broker::{ConsumeRequest, Got, Settlement};
use crate::exception::Exception;
use crate::password::random;
use crate::permissions::Access;
use amq_protocol::protocol::AMQPClass;
use amq_protocol::protocol::basic::{
    AMQPMethod, CancelOk, Consume, GetEmpty, Qos, QosOk, RecoverOk,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

impl Channel {
    pub(super) fn on_basic(
        &mut self,
        context: &Context<'_>,
        method: AMQPMethod,
    ) -> Result<Reaction, Exception> {
        let done = |method| Ok(context.reply(false, AMQPClass::Basic(method)));
        match method {
            AMQPMethod::Qos(qos) => {
                set_prefetch(context, &qos);
                done(AMQPMethod::QosOk(QosOk {}))
            }
            AMQPMethod::Consume(consume) => self.on_consume(context, &consume),
            AMQPMethod::Cancel(cancel) => {
                let tag = cancel.consumer_tag.as_str();
                context.shared.broker(|broker, now| {
                    broker.cancel(context.connection, context.number, tag, now);
                });
                let ok = AMQPMethod::CancelOk(CancelOk {
                    consumer_tag: cancel.consumer_tag.clone(),
                });
                Ok(context.reply(cancel.nowait, AMQPClass::Basic(ok)))
            }
            AMQPMethod::CancelOk(_) => Ok(Reaction::Done),
            AMQPMethod::Get(get) => {
                let queue = self.find(context, get.queue.as_str(), Access::Read)?;
                let got = context.shared.broker(|broker, now| {
                    broker.get(context.connection, context.number, queue, get.no_ack, now)
                });
                match got {
                    Got::Message => Ok(Reaction::Done),
                    Got::Empty => done(AMQPMethod::GetEmpty(GetEmpty {})),
                }
            }
            AMQPMethod::Ack(ack) => settle(
                context,
                ack.delivery_tag,
                ack.multiple,
                Settlement::Acknowledge,
            ),
            AMQPMethod::Nack(nack) => settle(
                context,
                nack.delivery_tag,
                nack.multiple,
                unwanted(nack.requeue),
            ),
            AMQPMethod::Reject(reject) => settle(
                context,
                reject.delivery_tag,
                false,
                unwanted(reject.requeue),
            ),
            AMQPMethod::Recover(recover) => {
                requeue_all(context, recover.requeue)?;
                done(AMQPMethod::RecoverOk(RecoverOk {}))
            }
            AMQPMethod::RecoverAsync(recover) => {
                requeue_all(context, recover.requeue)?;
                Ok(Reaction::Done)
            }
            _ => Err(Exception::command_invalid("not for clients to send")),
        }
    }

    fn on_consume(
        &mut self,
        context: &Context<'_>,
        consume: &Consume,
    ) -> Result<Reaction, Exception> {
        let queue = self.find(context, consume.queue.as_str(), Access::Read)?;
        let tag = match consume.consumer_tag.as_str() {
            "" => {
                let random =
                    random::<16>().map_err(|_| Exception::internal_error("no random numbers"))?;
                format!("amq.ctag-{}", URL_SAFE_NO_PAD.encode(random)).into()
            }
            given => given.into(),
        };
        let request = ConsumeRequest {
            connection: context.connection,
            channel: context.number,
            queue,
            tag,
            no_ack: consume.no_ack,
            exclusive: consume.exclusive,
            reply: !consume.nowait,
        };
        context
            .shared
            .broker(|broker, now| broker.consume(request, now))?;
        Ok(Reaction::Done)
    }
}

fn set_prefetch(context: &Context<'_>, qos: &Qos) {
    context.shared.broker(|broker, now| {
        if let Some(channel) = broker.peers.channel_mut(context.connection, context.number) {
            if qos.global {
                channel.shared_prefetch = qos.prefetch_count;
            } else {
                channel.prefetch = qos.prefetch_count;
            }
        }
        // A higher shared limit lets more through at once.
        broker.refill(context.connection, now);
    });
}

fn unwanted(requeue: bool) -> Settlement {
    if requeue {
        Settlement::Requeue
    } else {
        Settlement::Discard
    }
}

fn settle(
    context: &Context<'_>,
    tag: u64,
    multiple: bool,
    settlement: Settlement,
) -> Result<Reaction, Exception> {
    context.shared.broker(|broker, now| {
        broker.settle(
            context.connection,
            context.number,
            tag,
            multiple,
            settlement,
            now,
        )
    })?;
    Ok(Reaction::Done)
}

fn requeue_all(context: &Context<'_>, requeue: bool) -> Result<(), Exception> {
    if !requeue {
        return Err(Exception::not_implemented(
            "basic.recover with requeue=false",
        ));
    }
    context.shared.broker(|broker, now| {
        broker.recover(context.connection, context.number, now);
    });
    Ok(())
}
