//! Connecting to the relay.

use std::time::Duration;

use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties};

use super::SessionError;
use crate::config::RelayAccess;

/// Frames no larger than this: the client keeps buffers of many frames.
const FRAME_MAX: u32 = 64 * 1024;
/// How long leaving may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// One attempt to connect and log in.
pub(crate) async fn connect(access: &RelayAccess) -> Result<Connection, SessionError> {
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
            host: access.host.clone(),
            port: access.port,
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
    let properties = ConnectionProperties::default().with_connection_name("mig-scheduler".into());
    let runtime = lapin::runtime::default_runtime()?;
    let attempt = Connection::connector(
        uri,
        runtime,
        async move |uri, runtime| {
            let encrypted = uri.scheme == AMQPScheme::AMQPS;
            let stream = uri
                .connect_with_config_async(tls.as_ref(), &runtime)
                .await?;
            // Built without its TLS the client would send the password in clear.
            if encrypted && matches!(stream, AsyncTcpStream::Plain(_)) {
                let error = std::io::Error::other("this program was built without TLS");
                return Err(error.into());
            }
            Ok(stream)
        },
        properties,
    );
    match tokio::time::timeout(access.timeout, attempt).await {
        Ok(connection) => Ok(connection?),
        Err(_) => Err(SessionError::Slow(access.timeout)),
    }
}

/// Leaves the relay politely, but does not wait for one that is gone.
pub(crate) async fn close(connection: &Connection) {
    // Whether it succeeds or not, the session is over.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection.close(200, "bye".into())).await;
}
