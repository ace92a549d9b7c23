//! The agent may not speak netlink: a filter on it and all that it starts
//! refuses such sockets, as container runtimes and policies do.

use super::stage;
use crate::setup::{Machine, fed};
use nix::libc;
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Where `struct seccomp_data` has the number of the system call, and the lower
/// half of its first argument.
const CALL: u32 = 0;
const FIRST_ARGUMENT: u32 = if cfg!(target_endian = "big") { 20 } else { 16 };

/// Makes the program that is called find netlink refused.
fn without_netlink(call: &mut Command) {
    let load = |offset| libc::sock_filter {
        code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        jt: 0,
        jf: 0,
        k: offset,
    };
    // Passes on to the next when equal, else over so many.
    let unless_equal = |value, jf| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: 0,
        jf,
        k: value,
    };
    let answer = |k| libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let mut filter = [
        load(CALL),
        unless_equal(libc::SYS_socket as u32, 3),
        load(FIRST_ARGUMENT),
        unless_equal(libc::AF_NETLINK as u32, 1),
        answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        answer(libc::SECCOMP_RET_ALLOW),
    ];
    let put_on = move || {
        let program = libc::sock_fprog {
            len: filter.len() as u16,
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: prctl with integers, and with a program that lives through
        // the call and has the given length. Nothing is allocated.
        let refused = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::prctl(
                    libc::PR_SET_SECCOMP,
                    libc::SECCOMP_MODE_FILTER,
                    &raw const program,
                ) != 0
        };
        if refused {
            return Err(std::io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: the closure makes two system calls and nothing else, which is
    // permitted between fork and exec.
    unsafe { call.pre_exec(put_on) };
}

#[test]
fn without_netlink_the_worker_reads_what_proc_shows() {
    if !stage::inside() {
        return;
    }
    stage::furnish();
    let listener = TcpListener::bind("[::]:0").expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let stream = TcpStream::connect(("192.0.2.1", port)).expect("a connection");
    let local = stream.local_addr().expect("its address").port();
    let _end = listener.accept().expect("its end");
    let port = port.to_string();
    let parameters = json!({
        "localmac": ["^02"], "localip": ["192.0.2.1", "2001:db8:aa::1"],
        "neighborip": ["192.0.2.5", "2001:db8:aa::6"], "neighbormac": [":05$"],
        "connectedip": ["192.0.2.1"], "listeningport": [port], "onlylistening": true,
    });
    let message = json!({"class": "parameters", "parameters": parameters}).to_string();
    let machine = Machine::new();
    let said = fed(&mut machine.agent("netstat"), &message);
    let whole: Value = serde_json::from_str(&said.stdout).expect("a result");
    let mut call = machine.agent("netstat");
    without_netlink(&mut call);
    let said = fed(&mut call, &message);
    let document: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));

    let refused = "Operation not permitted (os error 1)";
    assert_eq!(whole["errors"], Value::Null);
    assert_eq!(
        document["errors"],
        json!([
            format!(
                "namespace default: hardware addresses of interfaces cannot be read: {refused}"
            ),
            format!("namespace default: IPv6 neighbours cannot be read: {refused}"),
        ])
    );
    // Apart from these, the same.
    let elements = &document["elements"];
    for kind in ["localip", "neighbormac", "listeningport"] {
        assert_eq!(elements[kind], whole["elements"][kind], "{kind}");
        assert_ne!(elements[kind], Value::Null, "{kind}");
    }
    assert_eq!(elements["localmac"]["^02"], Value::Null);
    assert_eq!(elements["neighborip"]["2001:db8:aa::6"], Value::Null);
    assert_eq!(
        elements["neighborip"]["192.0.2.5"].as_array().map(Vec::len),
        Some(1)
    );
    let peers = elements["connectedip"]["192.0.2.1"]
        .as_array()
        .expect("both ends");
    assert_eq!(peers.len(), 2, "{peers:?}");
    let mine = peers
        .iter()
        .find(|peer| peer["localport"] == local)
        .expect("this end");
    assert_eq!(mine["pid"], std::process::id());
    assert_eq!(mine["state"], "established");
}
