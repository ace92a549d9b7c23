//! Connecting with certificates.

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};

use crate::support::soon;

/// What a client shows and whom it trusts, PEM.
#[derive(Clone)]
pub struct Identity {
    pub authority: String,
    /// Certificate and key; `None` shows nothing.
    pub own: Option<(String, String)>,
}

impl Identity {
    pub(super) async fn connect(&self, uri: AMQPUri) -> lapin::Result<Connection> {
        let config = OwnedTLSConfig {
            identity: self.own.clone().map(|(pem, key)| OwnedIdentity::PKCS8 {
                pem: pem.into(),
                key: key.into(),
            }),
            cert_chain: Some(self.authority.clone()),
        };
        let runtime = lapin::runtime::default_runtime()?;
        let properties = ConnectionProperties::default();
        let opened = Connection::connect_uri_with_config(uri, properties, config, runtime);
        soon("the answer to a login over TLS", opened).await
    }
}
