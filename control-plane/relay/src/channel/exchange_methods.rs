//! `exchange.*`

use super::{Channel, Context, Reaction};
use crate::accounts::Resource;
use crate::broker::ExchangeSettings;
use crate::codec::MethodId;
use crate::exception::Exception;
use crate::permissions::Access;
use crate::routing::ExchangeKind;
use amq_protocol::protocol::AMQPClass;
use amq_protocol::protocol::exchange::{AMQPMethod, Declare, DeclareOk, DeleteOk};

impl Channel {
    pub(super) fn on_exchange(
        &mut self,
        context: &Context<'_>,
        id: MethodId,
        method: AMQPMethod,
    ) -> Result<Reaction, Exception> {
        match method {
            AMQPMethod::Declare(declare) => {
                let stored = declare_exchange(context, &declare)?;
                let ok = AMQPClass::Exchange(AMQPMethod::DeclareOk(DeclareOk {}));
                Ok(context.reply_stored(stored, declare.nowait, id, ok))
            }
            AMQPMethod::Delete(delete) => {
                let name = delete.exchange.as_str();
                not_default(name)?;
                context.check(Access::Configure, Resource::Exchange(name))?;
                let stored = context.shared.broker(|broker, _| {
                    broker.delete_exchange(context.vhost.id, name, delete.if_unused)
                })?;
                let ok = AMQPClass::Exchange(AMQPMethod::DeleteOk(DeleteOk {}));
                Ok(context.reply_stored(stored, delete.nowait, id, ok))
            }
            AMQPMethod::Bind(_) | AMQPMethod::Unbind(_) => {
                Err(Exception::not_implemented("bindings between exchanges"))
            }
            _ => Err(Exception::command_invalid("not for clients to send")),
        }
    }
}

fn not_default(name: &str) -> Result<(), Exception> {
    if name.is_empty() {
        return Err(Exception::access_refused(
            "operation not permitted on the default exchange",
        ));
    }
    Ok(())
}

fn declare_exchange(context: &Context<'_>, declare: &Declare) -> Result<bool, Exception> {
    let name = declare.exchange.as_str();
    not_default(name)?;
    if declare.passive {
        context
            .shared
            .broker(|broker, _| broker.find_exchange(context.vhost.id, name).map(drop))?;
        return Ok(false);
    }
    let kind = match declare.kind.as_str() {
        "headers" => {
            return Err(Exception::not_implemented(
                "exchanges of type 'headers'; there are 'direct', 'fanout' and 'topic'",
            ));
        }
        kind => ExchangeKind::parse(kind)
            .ok_or_else(|| Exception::command_invalid(format!("unknown exchange type '{kind}'")))?,
    };
    if declare.arguments.contains_key("alternate-exchange") {
        return Err(Exception::not_implemented(format!(
            "exchange '{name}': argument 'alternate-exchange'"
        )));
    }
    context.check(Access::Configure, Resource::Exchange(name))?;
    let settings = ExchangeSettings {
        kind,
        durable: declare.durable,
        auto_delete: declare.auto_delete,
        internal: declare.internal,
    };
    context
        .shared
        .broker(|broker, _| broker.declare_exchange(context.vhost.id, name, settings))
}
