//! Connecting to the relay.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_compat::CompatExt;
use lapin::tcp::{AsyncTcpStream, OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties};
use mig_reach::Begin;

use super::SessionError;
use super::connection::{RelayConnection, Socket};
use crate::config::RelayAccess;
use crate::places::{LastGood, Place};

/// Frames no larger than this: the client keeps buffers of many frames.
const FRAME_MAX: u32 = 64 * 1024;
/// How long an address of a node may take to accept a connection. The kernel asks a
/// host that says nothing less and less often; asked anew, one that is back answers
/// sooner.
const REACHING: Duration = Duration::from_secs(5);
/// How long a node that accepted a connection may take for the login. A relay may be
/// silent for longer while it works; one that hangs must not keep the next node from
/// being tried.
const LOGIN: Duration = Duration::from_secs(15);

/// Connects and logs in at the first node that can be used, beginning with the one
/// that could be used last; the relay shows `name` to its operators.
pub(crate) async fn connect(
    access: &RelayAccess,
    last: &LastGood,
    name: &str,
) -> Result<RelayConnection, SessionError> {
    let mut failures = Vec::new();
    for place in last.first(access.places()?) {
        match connect_to(access, &place, name).await {
            Ok(connection) => {
                last.is(place);
                return Ok(connection);
            }
            Err(failure) => failures.push((place, failure)),
        }
    }
    Err(match failures.pop() {
        Some((_, failure)) if failures.is_empty() => failure,
        last => SessionError::NoneOf(failures.into_iter().chain(last).collect()),
    })
}

/// One attempt.
async fn connect_to(
    access: &RelayAccess,
    place: &Place,
    name: &str,
) -> Result<RelayConnection, SessionError> {
    let uri = AMQPUri {
        scheme: if access.tls.is_some() {
            AMQPScheme::AMQPS
        } else {
            AMQPScheme::AMQP
        },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: access.user.clone(),
                password: access.password.clone(),
            },
            host: place.host.clone(),
            port: place.port,
        },
        vhost: access.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: Some(u16::try_from(access.heartbeat.as_secs()).unwrap_or(u16::MAX)),
            frame_max: Some(FRAME_MAX),
            ..AMQPQueryString::default()
        },
    };
    let tls = match &access.tls {
        None => OwnedTLSConfig::default(),
        Some(tls) => OwnedTLSConfig {
            identity: tls
                .identity
                .clone()
                .map(|(pem, key)| OwnedIdentity::PKCS8 { pem, key }),
            cert_chain: Some(tls.ca.clone()),
        },
    };
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let runtime = lapin::runtime::default_runtime()?;
    // Also cuts the connection of an attempt that is given up.
    let socket = Socket::default();
    let keep = socket.keeper();
    let (reaching, login) = limits(access.timeout);
    let target = (place.host.as_str(), place.port);
    let stream = mig_reach::connect(target, Begin::First, reaching).await?;
    stream.set_nodelay(true)?;
    keep.set(stream.as_fd().try_clone_to_owned()?.into());
    let stream = Mutex::new(Some(stream));
    let attempt = Connection::connector(
        uri,
        runtime,
        async move |uri, _| {
            // Reconnecting is our business, so it is taken once.
            let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
            let stream = stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
            let stream = AsyncTcpStream::Plain(stream.compat());
            if uri.scheme == AMQPScheme::AMQP {
                return Ok(stream);
            }
            let host = &uri.authority.host;
            let stream = stream.into_tls(host, tls.as_ref()).await?;
            // Built without its TLS the client would send the password in clear.
            if matches!(stream, AsyncTcpStream::Plain(_)) {
                let error = io::Error::other("this program was built without TLS");
                return Err(error.into());
            }
            Ok(stream)
        },
        properties,
    );
    match tokio::time::timeout(login, attempt).await {
        Ok(connection) => Ok(RelayConnection::new(connection?, socket)),
        Err(_) => Err(SessionError::Slow(login)),
    }
}

/// How long an address may take to answer, and a node to log somebody in.
fn limits(timeout: Duration) -> (Duration, Duration) {
    (timeout.min(REACHING), timeout.min(LOGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_hangs_has_less_time_than_a_relay_may_be_silent() {
        let seconds = Duration::from_secs;
        let both = |timeout| limits(seconds(timeout));
        assert_eq!(both(60), (seconds(5), seconds(15)));
        assert_eq!(both(10), (seconds(5), seconds(10)));
        assert_eq!(both(1), (seconds(1), seconds(1)));
    }
}
