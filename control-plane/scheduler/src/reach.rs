//! The way to the relay, for other programs of the control plane.

use crate::config::RelayAccess;
use crate::places::LastGood;
use crate::relay::{RelayConnection, SessionError, connect};

/// Why the relay cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RelayError(SessionError);

/// One attempt to connect to a relay and log in, at the node that could be used `last`
/// or at another one; it shows `name` to its operators. With [`RelayAccess::tls`] nothing goes out in clear.
///
/// # Errors
/// It is not there, refuses, or takes longer than [`RelayAccess::timeout`].
pub async fn connect_to_relay(
    access: &RelayAccess,
    last: &LastGood,
    name: &str,
) -> Result<RelayConnection, RelayError> {
    connect::connect(access, last, name)
        .await
        .map_err(RelayError)
}
