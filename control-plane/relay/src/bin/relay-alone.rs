//! The relay by itself, for tests that kill it and for trying clients on it.
//!
//! `relay-alone ADDRESS FILE [LIMIT=NUMBER]...` listens on the address, keeps its
//! messages in the file, lets `guest` with password `guest-secret` do everything in
//! virtual host `mig`, prints `listening ADDRESS`, and stops in good order when
//! its standard input ends.

use mig_relay::{Listener, Password, PermissionPatterns, Relay, RelayConfig, User};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay-alone: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let relay = Relay::start(configuration()?)
        .await
        .map_err(|error| error.to_string())?;
    for address in relay.addresses() {
        println!("listening {address}");
    }
    std::io::stdout()
        .flush()
        .map_err(|error| error.to_string())?;
    let ended =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    // Input that breaks has ended, too.
    let _ = ended.await;
    relay.shutdown().await.map_err(|error| error.to_string())
}

fn configuration() -> Result<RelayConfig, String> {
    let usage = || String::from("usage: relay-alone ADDRESS FILE [LIMIT=NUMBER]...");
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or_else(usage)?;
    let file = arguments.next().ok_or_else(usage)?;
    let mut config = RelayConfig::new(file);
    config.listeners.push(Listener::Plain(
        address
            .parse()
            .map_err(|_| format!("`{address}` is not an address with a port"))?,
    ));
    config.users.push(User {
        name: "guest".into(),
        password: Password::Plain("guest-secret".into()),
        permissions: PermissionPatterns::all(),
    });
    for argument in arguments {
        let (name, value) = argument.split_once('=').ok_or_else(usage)?;
        let number: usize = value
            .parse()
            .map_err(|_| format!("`{value}` is not a number"))?;
        let limits = &mut config.limits;
        match name {
            "body_memory_bytes" => limits.body_memory_bytes = number,
            "max_queue_messages" => limits.max_queue_messages = number as u64,
            "max_connections" => limits.max_connections = number,
            "heartbeat_seconds" => limits.heartbeat = Duration::from_secs(number as u64),
            _ => return Err(format!("there is no limit `{name}` to set here")),
        }
    }
    Ok(config)
}
