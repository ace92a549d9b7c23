//! How many may connect, and what is said when that is not enough.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::process::{DEADLINE, Site};

#[test]
fn who_is_turned_away_and_files_that_are_too_few_are_said_with_the_key() {
    let site = Site::new();
    site.configure("[relay]\nconnections = 3000\nconnectionsperaddress = 10\n");
    let server = site.start_limited("-H", 2000);
    let log = site.log();
    assert!(
        log.contains(
            "[warning] 2000 files may be open, and `connections` in [relay] promises 3000"
        ),
        "{log}"
    );
    // The scheduler has some of the ten places for its address.
    let mut open = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(server.relay).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        // Fails when it was closed already.
        let _ = stream.write_all(b"AMQP\0\0\x09\x01");
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => open.push(stream),
            // Closed, perhaps with a reset because it had not read the header.
            _ => break,
        }
    }
    assert!(!open.is_empty());
    mig_testkit::wait_until("the log", DEADLINE, || {
        site.log().contains(
            "[warning] The relay turned a connection away: 10 are open from 127.0.0.1, all that \
             `connectionsperaddress` in [relay] allows",
        )
    });
    server.stop();
}
