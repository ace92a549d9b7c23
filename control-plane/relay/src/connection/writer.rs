//! From the outbox to bytes: a few kibibytes at a time, however large the
//! message.

use super::outbox::{Body, Content, Outbox, Outgoing, Purpose};
use crate::body_memory::HeldBody;
use crate::codec::{encode_method, put_body, put_content_header};
use crate::frame_guard::OVERHEAD;
use crate::persistence::{Op, StoreFailed};
use crate::shared::{InFlight, Shared};
use amq_protocol::protocol::{AMQPClass, basic};
use bytes::{Buf, Bytes, BytesMut};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Bytes worth a write.
const ENOUGH: usize = 16 * 1024;

pub(super) type Load = Result<Option<(Bytes, Option<OwnedSemaphorePermit>)>, StoreFailed>;

/// A body of which a part is written.
struct Rest {
    channel: u16,
    bytes: Bytes,
    /// Accounts for the bytes until the last one is written.
    _account: Account,
}

/// What accounts for a body in memory.
enum Account {
    Held {
        _body: Arc<HeldBody>,
    },
    Own {
        _permit: Option<Arc<InFlight>>,
    },
    Loaded {
        _permit: Option<OwnedSemaphorePermit>,
    },
}

/// A content whose body comes from the disk.
pub(super) struct Loading {
    content: Box<Content>,
    body: Pin<Box<dyn Future<Output = Load> + Send>>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Writer {
    /// Whole frames.
    pub buffer: BytesMut,
    body: Option<Rest>,
    pub loading: Option<Loading>,
}

/// Waits for the body that is being loaded; for ever when there is none.
pub(super) async fn loaded(loading: &mut Option<Loading>) -> Load {
    match loading {
        Some(loading) => loading.body.as_mut().await,
        None => std::future::pending().await,
    }
}

impl Writer {
    /// Whether everything taken so far is written.
    pub fn is_idle(&self) -> bool {
        self.buffer.is_empty() && self.body.is_none() && self.loading.is_none()
    }

    /// Takes what is next until there is enough to write. True when the outbox
    /// has room again for deliveries that found none.
    pub fn fill(&mut self, outbox: &Outbox, frame_max: usize, shared: &Arc<Shared>) -> bool {
        let mut refill = false;
        while self.buffer.len() < ENOUGH && self.loading.is_none() {
            if let Some(rest) = &mut self.body {
                let size = rest.bytes.len().min(frame_max - OVERHEAD);
                put_body(&mut self.buffer, rest.channel, &rest.bytes[..size]);
                rest.bytes.advance(size);
                if rest.bytes.is_empty() {
                    self.body = None;
                }
                continue;
            }
            let (next, room) = outbox.take();
            refill |= room;
            match next {
                None => break,
                Some(Outgoing::Frames(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Outgoing::Content(content)) => self.start(content, shared),
            }
        }
        if self.buffer.is_empty() {
            // What was written is not held by a connection that falls quiet.
            self.buffer = BytesMut::new();
        }
        refill
    }

    fn start(&mut self, content: Box<Content>, shared: &Arc<Shared>) {
        match &content.body {
            Body::Held(held) => {
                let account = Account::Held {
                    _body: Arc::clone(held),
                };
                self.put(&content, held.bytes.clone(), account);
            }
            Body::Own { bytes, permit } => {
                let account = Account::Own {
                    _permit: permit.clone(),
                };
                self.put(&content, bytes.clone(), account);
            }
            Body::Disk { id, delete } => {
                let (id, delete) = (*id, *delete);
                let permit = shared.loading.take(content.length);
                let storage = shared.storage.clone();
                let body = Box::pin(async move {
                    let permit = permit.await;
                    let bytes = storage.fetch(id, delete).await?;
                    Ok(bytes.map(|bytes| (bytes, permit)))
                });
                self.loading = Some(Loading { content, body });
            }
        }
    }

    fn put(&mut self, content: &Content, bytes: Bytes, account: Account) {
        self.buffer.extend_from_slice(&content.method);
        put_content_header(
            &mut self.buffer,
            content.channel,
            bytes.len() as u64,
            &content.properties,
        );
        if !bytes.is_empty() {
            self.body = Some(Rest {
                channel: content.channel,
                bytes,
                _account: account,
            });
        }
    }

    /// Takes over a loaded body.
    ///
    /// # Errors
    /// When it could not be read.
    pub fn on_loaded(&mut self, load: Load) -> Result<(), StoreFailed> {
        let Some(Loading { content, .. }) = self.loading.take() else {
            return Ok(());
        };
        match load? {
            Some((bytes, permit)) => {
                self.put(&content, bytes, Account::Loaded { _permit: permit });
            }
            // Its queue was deleted in the meantime. Who asked with
            // `basic.get` still needs an answer.
            None if content.purpose == Purpose::Reply => {
                let empty = basic::AMQPMethod::GetEmpty(basic::GetEmpty {});
                let frame = encode_method(content.channel, &AMQPClass::Basic(empty));
                self.buffer.extend_from_slice(&frame);
            }
            None => {}
        }
        Ok(())
    }

    /// Deletes from the disk what nobody will read and acknowledge any more.
    pub fn abandon(&mut self, outbox: &Outbox, shared: &Shared) {
        let loading = self.loading.take().map(|loading| loading.content);
        let waiting = outbox.drain().into_iter().filter_map(|next| match next {
            Outgoing::Content(content) => Some(content),
            Outgoing::Frames(_) => None,
        });
        for content in loading.into_iter().chain(waiting) {
            if let Body::Disk { id, delete: true } = content.body {
                shared.storage.send(Op::Delete(id));
            }
        }
    }
}
