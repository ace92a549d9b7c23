//! The embedded relay as a program of its own, so that tests can kill it.
//!
//! `mig-relay-contract ADDRESS FILE` listens on the address, keeps its messages
//! in the file, lets `guest` with password `guest` do everything in virtual host
//! `mig`, prints `listening ADDRESS`, and stops when its standard input ends.
//! Publishers are held up when messages take half a megabyte.

use std::io::Write;
use std::time::Duration;

use mig_relay::{Listener, Password, PermissionPatterns, Relay, RelayConfig, User};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: mig-relay-contract ADDRESS FILE".into());
    };
    let mut config = RelayConfig::new(file);
    config.listeners.push(Listener::Plain(address.parse()?));
    config.users.push(User {
        name: "guest".into(),
        password: Password::Plain("guest".into()),
        permissions: PermissionPatterns::all(),
    });
    config.limits.memory_high_bytes = 512 * 1024;
    // A busy machine is no reason to drop anybody.
    config.limits.login_timeout = Duration::from_secs(120);
    let relay = Relay::start(config).await?;
    for address in relay.addresses() {
        println!("listening {address}");
    }
    std::io::stdout().flush()?;
    let ended =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    // Input that breaks has ended, too.
    let _ = ended.await;
    relay.shutdown().await?;
    Ok(())
}
