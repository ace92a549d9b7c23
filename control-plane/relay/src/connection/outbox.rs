//! What waits to be written to one connection. Anybody may add to it; only the
//! connection's task takes from it.

use crate::body_memory::HeldBody;
use crate::codec::encode_method;
use crate::queue::MessageId;
use crate::shared::InFlight;
use amq_protocol::protocol::{AMQPClass, basic};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Memory of an entry beside its body, roughly.
const ENTRY_COST: usize = 192;

/// Where the bytes of a content are, and what accounts for them until they are
/// written.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// In memory, as part of a queue's.
    Held(Arc<HeldBody>),
    /// In memory, with its publisher's share of what may be in flight.
    Own {
        bytes: Bytes,
        permit: Option<Arc<InFlight>>,
    },
    /// In the store; deleted there when read, if nobody will acknowledge it.
    Disk { id: MessageId, delete: bool },
}

/// Who the content is for, which decides whose buffer it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Delivery,
    /// `basic.get-ok` or `basic.return`.
    Reply,
}

/// A method with content.
#[derive(Debug)]
pub(crate) struct Content {
    pub purpose: Purpose,
    pub channel: u16,
    /// The method's frame.
    pub method: Vec<u8>,
    pub properties: Bytes,
    pub length: u64,
    pub body: Body,
}

impl Content {
    /// What it takes of its buffer. A body on disk takes nothing: it is read
    /// when its turn comes.
    fn cost(&self) -> usize {
        ENTRY_COST
            + match &self.body {
                Body::Held(held) => held.bytes.len(),
                Body::Own { bytes, .. } => bytes.len(),
                Body::Disk { .. } => 0,
            }
    }
}

/// Something to write.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Whole frames without content.
    Frames(Vec<u8>),
    Content(Box<Content>),
}

#[derive(Default)]
struct State {
    queue: VecDeque<Outgoing>,
    delivery_bytes: usize,
    reply_bytes: usize,
    /// Somebody had something to deliver and found no room.
    starved: bool,
}

/// See the module.
pub(crate) struct Outbox {
    state: Mutex<State>,
    wake: Notify,
    delivery_limit: usize,
    reply_limit: usize,
}

impl Outbox {
    pub fn new(delivery_limit: usize, reply_limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            delivery_limit,
            reply_limit,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, outgoing: Outgoing) {
        let mut state = self.state();
        match &outgoing {
            Outgoing::Frames(bytes) => state.reply_bytes += bytes.len(),
            Outgoing::Content(content) => match content.purpose {
                Purpose::Delivery => state.delivery_bytes += content.cost(),
                Purpose::Reply => state.reply_bytes += content.cost(),
            },
        }
        state.queue.push_back(outgoing);
        drop(state);
        self.wake.notify_one();
    }

    /// Adds a method without content.
    pub fn method(&self, channel: u16, class: &AMQPClass) {
        self.add(Outgoing::Frames(encode_method(channel, class)));
    }

    /// Adds bytes that are not a frame.
    pub fn raw(&self, bytes: Vec<u8>) {
        self.add(Outgoing::Frames(bytes));
    }

    /// Adds a method with content.
    pub fn content(&self, content: Content) {
        self.add(Outgoing::Content(Box::new(content)));
    }

    /// Adds the answer to a publication.
    pub fn confirm(&self, channel: u16, delivery_tag: u64, accepted: bool) {
        let method = if accepted {
            basic::AMQPMethod::Ack(basic::Ack {
                delivery_tag,
                multiple: false,
            })
        } else {
            basic::AMQPMethod::Nack(basic::Nack {
                delivery_tag,
                multiple: false,
                requeue: false,
            })
        };
        self.method(channel, &AMQPClass::Basic(method));
    }

    /// Whether another delivery may be added. If not, [`Outbox::take`] tells
    /// when to try again.
    pub fn has_room(&self) -> bool {
        let mut state = self.state();
        let room = state.delivery_bytes < self.delivery_limit;
        if !room {
            state.starved = true;
        }
        room
    }

    /// Whether the client reads too slowly what it asked for.
    pub fn is_backed_up(&self) -> bool {
        self.state().reply_bytes >= self.reply_limit
    }

    pub fn is_empty(&self) -> bool {
        self.state().queue.is_empty()
    }

    /// Takes what is next. The flag says that there is room again for
    /// deliveries that found none.
    pub fn take(&self) -> (Option<Outgoing>, bool) {
        let mut state = self.state();
        let next = state.queue.pop_front();
        match &next {
            Some(Outgoing::Frames(bytes)) => state.reply_bytes -= bytes.len(),
            Some(Outgoing::Content(content)) => match content.purpose {
                Purpose::Delivery => state.delivery_bytes -= content.cost(),
                Purpose::Reply => state.reply_bytes -= content.cost(),
            },
            None => state.queue.shrink_to(8),
        }
        let refill = state.starved && state.delivery_bytes < self.delivery_limit / 2;
        if refill {
            state.starved = false;
        }
        (next, refill)
    }

    /// Takes everything, when nothing will be written any more.
    pub fn drain(&self) -> VecDeque<Outgoing> {
        std::mem::take(&mut *self.state()).queue
    }

    /// Waits until something was added.
    pub async fn added(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(length: usize) -> Content {
        Content {
            purpose: Purpose::Delivery,
            channel: 1,
            method: Vec::new(),
            properties: Bytes::new(),
            length: length as u64,
            body: Body::Own {
                bytes: vec![0; length].into(),
                permit: None,
            },
        }
    }

    #[test]
    fn deliveries_stop_at_the_limit_and_resume_at_half_of_it() {
        let outbox = Outbox::new(10_000, 10_000);
        while outbox.has_room() {
            outbox.content(delivery(1000));
        }
        let mut taken = 0;
        loop {
            let (next, refill) = outbox.take();
            assert!(next.is_some());
            taken += 1;
            if refill {
                break;
            }
        }
        assert!((4..=6).contains(&taken), "{taken}");
        assert!(outbox.has_room());
        // It is said once.
        assert!(!outbox.take().1);
    }

    #[test]
    fn replies_fill_a_buffer_of_their_own() {
        let outbox = Outbox::new(1000, 1000);
        outbox.content(delivery(5000));
        assert!(!outbox.is_backed_up());
        outbox.content(Content {
            purpose: Purpose::Reply,
            ..delivery(5000)
        });
        assert!(outbox.is_backed_up());
        outbox.take();
        outbox.take();
        assert!(!outbox.is_backed_up());
        assert!(outbox.is_empty());
    }
}
