//! One channel: what its methods do.

mod consume_methods;
mod exchange_methods;
mod publish;
mod queue_methods;

use crate::accounts::{Account, Resource};
use crate::codec::MethodId;
use crate::confirm::Confirm;
use crate::connection::outbox::Outbox;
use crate::exception::Exception;
use crate::permissions::Access;
use crate::queue::ConnectionId;
use crate::shared::{Budget, InFlight, Shared};
use crate::vhost::Vhost;
use amq_protocol::protocol::{AMQPClass, access, basic, channel, confirm};
use publish::Assembly;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use tokio::time::Instant;

/// Something that takes time; the connection reads nothing meanwhile.
pub(crate) type Wait = Pin<Box<dyn Future<Output = Resume> + Send>>;

/// What a method led to, when not to an error.
pub(crate) enum Reaction {
    Done,
    Wait(Wait),
}

/// How to go on after a [`Wait`].
pub(crate) enum Resume {
    /// The answer may go out.
    Send { channel: u16, class: AMQPClass },
    /// Nothing is to be said.
    Done,
    /// There is room for the announced body.
    Permit {
        channel: u16,
        permit: InFlight,
        /// The client was told that it is blocked.
        blocked: bool,
    },
    /// The login succeeded, or not.
    Login(Result<Arc<Account>, Exception>),
    /// It went wrong.
    Fail {
        channel: u16,
        id: MethodId,
        exception: Exception,
    },
}

/// What a channel needs from its connection.
pub(crate) struct Context<'a> {
    pub shared: &'a Arc<Shared>,
    pub connection: ConnectionId,
    pub number: u16,
    pub account: &'a Arc<Account>,
    pub vhost: &'a Vhost,
    pub outbox: &'a Arc<Outbox>,
    /// What the connection may have in flight.
    pub inflight: &'a Budget,
    /// The client wants to hear that it is blocked.
    pub hears_blocked: bool,
}

impl Context<'_> {
    fn check(&self, access: Access, resource: Resource<'_>) -> Result<(), Exception> {
        self.account.check(access, resource, self.vhost)
    }

    /// Answers, unless the client does not want to hear it.
    fn reply(&self, nowait: bool, class: AMQPClass) -> Reaction {
        if !nowait {
            self.outbox.method(self.number, &class);
        }
        Reaction::Done
    }

    /// Answers after the commit, when there is something to commit: what was
    /// said to be durable must be. Who wants no answer waits as well, or it
    /// could pile up work for the store without end.
    fn reply_stored(&self, stored: bool, nowait: bool, id: MethodId, class: AMQPClass) -> Reaction {
        if !stored {
            return self.reply(nowait, class);
        }
        let storage = self.shared.storage.clone();
        let channel = self.number;
        Reaction::Wait(Box::pin(async move {
            let stored = storage.barrier().await;
            if stored && nowait {
                Resume::Done
            } else if stored {
                Resume::Send { channel, class }
            } else {
                Resume::Fail {
                    channel,
                    id,
                    exception: Exception::internal_error("the store cannot be written"),
                }
            }
        }))
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Channel {
    /// `channel.close` was sent and not answered yet.
    closing: bool,
    /// Seen by confirms that come too late.
    closed: Arc<AtomicBool>,
    /// Publications so far, once confirms are selected.
    confirms: Option<u64>,
    /// What `""` means where a queue is named.
    last_queue: String,
    /// A publication of which not everything has come.
    assembly: Option<Box<Assembly>>,
}

impl Channel {
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Ends everything but the wait for `channel.close-ok`.
    pub fn close(&mut self) {
        self.closing = true;
        self.closed.store(true, SeqCst);
        self.assembly = None;
    }

    /// When the body that is being sent must be here.
    pub fn content_deadline(&self) -> Option<Instant> {
        self.assembly.as_ref()?.deadline()
    }

    pub fn on_method(
        &mut self,
        context: &Context<'_>,
        id: MethodId,
        class: AMQPClass,
    ) -> Result<Reaction, Exception> {
        if self.assembly.is_some() {
            return Err(Exception::unexpected_frame(format!(
                "expected content, got method {}.{}",
                id.0, id.1
            )));
        }
        match class {
            AMQPClass::Basic(basic::AMQPMethod::Publish(publish)) => {
                self.on_publish(context, publish)
            }
            AMQPClass::Basic(method) => self.on_basic(context, method),
            AMQPClass::Queue(method) => self.on_queue(context, id, method),
            AMQPClass::Exchange(method) => self.on_exchange(context, id, method),
            AMQPClass::Confirm(confirm::AMQPMethod::Select(select)) => {
                self.confirms.get_or_insert(0);
                let ok = confirm::AMQPMethod::SelectOk(confirm::SelectOk {});
                Ok(context.reply(select.nowait, AMQPClass::Confirm(ok)))
            }
            AMQPClass::Channel(channel::AMQPMethod::Flow(flow)) => {
                if !flow.active {
                    return Err(Exception::not_implemented("channel.flow with active=false"));
                }
                let ok = channel::AMQPMethod::FlowOk(channel::FlowOk { active: true });
                Ok(context.reply(false, AMQPClass::Channel(ok)))
            }
            AMQPClass::Channel(channel::AMQPMethod::FlowOk(_)) => Ok(Reaction::Done),
            AMQPClass::Access(access::AMQPMethod::Request(_)) => {
                let ok = access::AMQPMethod::RequestOk(access::RequestOk {});
                Ok(context.reply(false, AMQPClass::Access(ok)))
            }
            AMQPClass::Tx(_) => Err(Exception::not_implemented(
                "transactions; use publisher confirms",
            )),
            _ => Err(Exception::command_invalid(format!(
                "unexpected method {}.{}",
                id.0, id.1
            ))),
        }
    }

    /// The answer to come to the next publication, when confirms are selected.
    fn next_confirm(&mut self, context: &Context<'_>) -> Option<Arc<Confirm>> {
        let tag = self.confirms.as_mut()?;
        *tag += 1;
        Some(Arc::new(Confirm::new(
            Arc::clone(context.outbox),
            context.number,
            *tag,
            Arc::clone(&self.closed),
        )))
    }

    /// The queue a method means.
    fn queue_name(&self, given: &str) -> Result<String, Exception> {
        match (given, self.last_queue.as_str()) {
            ("", "") => Err(Exception::not_found("no previously declared queue")),
            ("", last) => Ok(last.into()),
            (given, _) => Ok(given.into()),
        }
    }
}
