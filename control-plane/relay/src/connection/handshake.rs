//! From the protocol header to `connection.open-ok`, and `connection.close`.

use super::{Connection, Stage};
use crate::accounts::Account;
use crate::broker::Peer;
use crate::channel::{Reaction, Resume};
use crate::codec::PROTOCOL_HEADER;
use crate::exception::Exception;
use crate::frame_guard::MINIMUM_FRAME_MAX;
use crate::shared::Shared;
use crate::stats::count;
use amq_protocol::protocol::AMQPClass;
use amq_protocol::protocol::connection::{
    AMQPMethod, CloseOk, Open, OpenOk, Start, StartOk, Tune, TuneOk,
};
use amq_protocol::types::{AMQPValue, FieldTable};
use std::sync::Arc;
use std::time::Duration;

impl Connection {
    fn send(&self, method: AMQPMethod) {
        self.outbox.method(0, &AMQPClass::Connection(method));
    }

    pub(super) fn on_protocol_header(&mut self, header: &[u8]) {
        if header != PROTOCOL_HEADER {
            // Tells which protocol is spoken here, then hangs up.
            self.outbox.raw(PROTOCOL_HEADER.to_vec());
            self.stage = Stage::Done;
            return;
        }
        self.send(AMQPMethod::Start(Start {
            version_major: 0,
            version_minor: 9,
            server_properties: server_properties(),
            mechanisms: match self.certified {
                Some(_) => "PLAIN EXTERNAL".into(),
                None => "PLAIN".into(),
            },
            locales: "en_US".into(),
        }));
        self.stage = Stage::StartOk;
    }

    pub(super) fn on_connection_method(
        &mut self,
        method: AMQPMethod,
    ) -> Result<Reaction, Exception> {
        match (self.stage, method) {
            (Stage::StartOk, AMQPMethod::StartOk(start_ok)) => self.on_start_ok(start_ok),
            (Stage::TuneOk, AMQPMethod::TuneOk(tune_ok)) => self.on_tune_ok(&tune_ok),
            (Stage::Open, AMQPMethod::Open(open)) => self.on_open(&open),
            (_, AMQPMethod::Close(_)) => {
                self.leave_broker();
                self.send(AMQPMethod::CloseOk(CloseOk {}));
                self.stage = Stage::Done;
                Ok(Reaction::Done)
            }
            (Stage::Running, AMQPMethod::UpdateSecret(_)) => {
                Err(Exception::not_implemented("connection.update-secret"))
            }
            (stage, _) => Err(Exception::command_invalid(format!(
                "unexpected connection method while in {stage:?}"
            ))),
        }
    }

    fn on_start_ok(&mut self, start_ok: StartOk) -> Result<Reaction, Exception> {
        let capability = |name| has_capability(&start_ok.client_properties, name);
        self.hears_cancel = capability("consumer_cancel_notify");
        self.hears_refusal = capability("authentication_failure_close");
        self.hears_blocked = capability("connection.blocked");
        let shared = Arc::clone(&self.shared);
        match (start_ok.mechanism.as_str(), self.certified.clone()) {
            ("PLAIN", _) => {
                let credentials = credentials(start_ok.response.as_bytes());
                Ok(Reaction::Wait(Box::pin(async move {
                    let Some((name, password)) = credentials else {
                        return refuse(&shared, "PLAIN", "").await;
                    };
                    let shown = name.clone();
                    match shared.doors.accounts.login(name, password).await {
                        Some(account) => Resume::Login(Ok(account)),
                        None => refuse(&shared, "PLAIN", &shown).await,
                    }
                })))
            }
            ("EXTERNAL", Some(name)) => {
                let account = shared.doors.accounts.certified(&name);
                Ok(Reaction::Wait(Box::pin(async move {
                    match account {
                        Some(account) => Resume::Login(Ok(account)),
                        None => refuse(&shared, "EXTERNAL", &name).await,
                    }
                })))
            }
            (other, _) => Err(Exception::command_invalid(format!(
                "unknown authentication mechanism '{}'",
                other.escape_default()
            ))),
        }
    }

    pub(super) fn on_login(
        &mut self,
        login: Result<Arc<Account>, Exception>,
    ) -> Result<Reaction, Exception> {
        let account = match login {
            Ok(account) => account,
            Err(refused) if self.hears_refusal => return Err(refused),
            Err(_) => {
                self.stage = Stage::Done;
                return Ok(Reaction::Done);
            }
        };
        self.account = Some(account);
        let limits = &self.shared.limits;
        self.send(AMQPMethod::Tune(Tune {
            channel_max: limits.max_channels,
            frame_max: limits.max_frame_bytes,
            heartbeat: u16::try_from(limits.heartbeat.as_secs()).unwrap_or(u16::MAX),
        }));
        self.stage = Stage::TuneOk;
        Ok(Reaction::Done)
    }

    fn on_tune_ok(&mut self, tune_ok: &TuneOk) -> Result<Reaction, Exception> {
        let limits = &self.shared.limits;
        // Zero is "no limit of mine": ours remains.
        let frame_max = match tune_ok.frame_max {
            0 => limits.max_frame_bytes,
            asked => asked,
        };
        if (frame_max as usize) < MINIMUM_FRAME_MAX {
            return Err(Exception::not_allowed(format!(
                "negotiated frame_max = {frame_max} is lower than the minimum allowed value \
                 ({MINIMUM_FRAME_MAX})"
            )));
        }
        let channel_max = match tune_ok.channel_max {
            0 => limits.max_channels,
            asked => asked,
        };
        for (name, asked, ours) in [
            ("frame_max", frame_max, limits.max_frame_bytes),
            (
                "channel_max",
                u32::from(channel_max),
                u32::from(limits.max_channels),
            ),
        ] {
            if asked > ours {
                return Err(Exception::not_allowed(format!(
                    "negotiated {name} = {asked} is higher than the maximum allowed value ({ours})"
                )));
            }
        }
        self.frame_max = frame_max as usize;
        self.channel_max = channel_max;
        self.heartbeat = Duration::from_secs(tune_ok.heartbeat.into());
        self.stage = Stage::Open;
        Ok(Reaction::Done)
    }

    fn on_open(&mut self, open: &Open) -> Result<Reaction, Exception> {
        let asked = open.virtual_host.as_str();
        let Some(vhost) = self.shared.doors.vhosts.find(asked) else {
            return Err(Exception::not_allowed(format!("vhost {asked} not found")));
        };
        if let Some(account) = self.account.as_ref().filter(|a| !a.may_open(&vhost)) {
            return Err(Exception::not_allowed(format!(
                "access to vhost '{asked}' refused for user '{}'",
                account.name
            )));
        }
        self.vhost = Some(vhost);
        let peer = Peer::new(Arc::clone(&self.outbox), self.hears_cancel);
        self.shared
            .broker(|broker, _| broker.peers.add(self.id, peer));
        self.send(AMQPMethod::OpenOk(OpenOk {}));
        self.stage = Stage::Running;
        Ok(Reaction::Done)
    }

    /// 320, for a relay that stops.
    pub(super) fn force_close(&mut self) {
        let forced = Exception {
            scope: crate::exception::Scope::Connection,
            code: 320,
            text: "CONNECTION_FORCED - the relay is shutting down".into(),
        };
        self.raise(0, (0, 0), &forced);
    }
}

/// A login that fails, after a pause that makes guessing slow.
async fn refuse(shared: &Shared, mechanism: &str, name: &str) -> Resume {
    let user = name.escape_default();
    if let Some(left_out) = shared.strangers.allowed() {
        tracing::warn!(%user, mechanism, "A login to the relay was refused.{left_out}");
    }
    count(&shared.counters.logins_refused);
    tokio::time::sleep(shared.limits.refused_login_delay).await;
    Resume::Login(Err(Exception::login_refused(mechanism)))
}

/// The SASL PLAIN message: an identity to act as, which is not used, then name
/// and password, each after a zero byte.
fn credentials(response: &[u8]) -> Option<(String, String)> {
    let mut parts = response.split(|byte| *byte == 0).skip(1);
    let (name, password) = (parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((
        String::from_utf8(name.to_vec()).ok()?,
        String::from_utf8(password.to_vec()).ok()?,
    ))
}

fn has_capability(properties: &FieldTable, name: &str) -> bool {
    let capabilities = properties
        .inner()
        .get("capabilities")
        .and_then(AMQPValue::as_field_table);
    capabilities
        .and_then(|table| table.inner().get(name))
        .and_then(AMQPValue::as_bool)
        .unwrap_or(false)
}

fn server_properties() -> FieldTable {
    let mut capabilities = FieldTable::default();
    for (name, able) in [
        ("publisher_confirms", true),
        ("basic.nack", true),
        ("consumer_cancel_notify", true),
        ("authentication_failure_close", true),
        ("per_consumer_qos", true),
        ("exchange_exchange_bindings", false),
        ("connection.blocked", true),
        ("consumer_priorities", false),
    ] {
        capabilities.insert(name.into(), AMQPValue::Boolean(able));
    }
    let mut properties = FieldTable::default();
    let text = |text: &str| AMQPValue::LongString(text.into());
    properties.insert("product".into(), text("MIG relay"));
    properties.insert("version".into(), text(env!("CARGO_PKG_VERSION")));
    properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_credentials_are_read_exactly() {
        let some = |name: &str, password: &str| Some((name.into(), password.into()));
        assert_eq!(credentials(b"\0agent\0secret"), some("agent", "secret"));
        assert_eq!(credentials(b"me\0agent\0secret"), some("agent", "secret"));
        assert_eq!(credentials(b"\0agent\0"), some("agent", ""));
        for bad in [
            &b""[..],
            b"agent",
            b"\0agent",
            b"\0a\0b\0c",
            b"\0\xff\0b",
            b"\0a\0\xff",
        ] {
            assert_eq!(credentials(bad), None, "{bad:?}");
        }
    }
}
