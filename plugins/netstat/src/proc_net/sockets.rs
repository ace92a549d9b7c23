//! `tcp`, `udp`, `udplite` and their siblings with a `6`.

use crate::facts::{Family, Protocol, Socket, State};
use crate::netlink::Malformed;
use std::net::IpAddr;

/// Columns: number, local end, remote end, state, queues, timer, retransmits,
/// user, timeout, inode, and more.
const LOCAL: usize = 1;
const REMOTE: usize = 2;
const STATE: usize = 3;
const INODE: usize = 9;

/// The socket of a line; `None` for the line with the headings.
///
/// # Errors
/// When the line is not one of the table.
pub fn socket(
    line: &[u8],
    protocol: Protocol,
    family: Family,
) -> Result<Option<Socket>, Malformed> {
    let line = std::str::from_utf8(line).map_err(|_| Malformed("a line that is no text"))?;
    let columns: Vec<&str> = line.split_ascii_whitespace().take(INODE + 1).collect();
    if columns.first() == Some(&"sl") {
        return Ok(None);
    }
    let column = |number: usize| {
        columns
            .get(number)
            .copied()
            .ok_or(Malformed("a line with too few columns"))
    };
    let end = |number| end(column(number)?, family).ok_or(Malformed("not an address and a port"));
    Ok(Some(Socket {
        protocol,
        state: State(hexadecimal(column(STATE)?, 2).ok_or(Malformed("not a state"))? as u8),
        local: end(LOCAL)?,
        remote: end(REMOTE)?,
        inode: column(INODE)?
            .parse()
            .map_err(|_| Malformed("not the number of a file"))?,
    }))
}

/// `0100007F:1F90`: the address as numbers of 32 bits in the order of the
/// machine, the port as a number.
fn end(text: &str, family: Family) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::try_from(hexadecimal(port, 4)?).ok()?;
    let word = |number: usize| {
        let digits = address.get(8 * number..8 * number + 8)?;
        Some(hexadecimal(digits, 8)?.to_ne_bytes())
    };
    let ip = match family {
        Family::V4 if address.len() == 8 => IpAddr::from(word(0)?),
        Family::V6 if address.len() == 32 => {
            let mut octets = [0; 16];
            for (number, four) in octets.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(number)?);
            }
            IpAddr::from(octets).to_canonical()
        }
        _ => return None,
    };
    Some((ip, port))
}

/// A number of exactly so many hexadecimal digits.
pub(super) fn hexadecimal(text: &str, digits: usize) -> Option<u32> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !plain {
        return None;
    }
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_a_real_kernel_are_read() {
        let tcp = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 \
                   00000000     0        0 12345 1 0000000000000000 100 0 0 10 0";
        let found = socket(tcp.as_bytes(), Protocol::Tcp, Family::V4)
            .unwrap()
            .unwrap();
        assert_eq!(found.local, ([127, 0, 0, 1].into(), 8080));
        assert_eq!(found.remote, ([0, 0, 0, 0].into(), 0));
        assert_eq!((found.state, found.inode), (State::LISTEN, 12345));
        assert!(found.listens() && !found.has_peer());

        let udp6 = "  215: B80D0120000000000000000001000000:0035 \
                    0000000000000000FFFF00000100000A:ABCD 01 00000000:00000000 00:00000000 \
                    00000000 65534        0 99 2 0000000000000000 0";
        let found = socket(udp6.as_bytes(), Protocol::Udp, Family::V6)
            .unwrap()
            .unwrap();
        assert_eq!(found.local, ("2001:db8::1".parse().unwrap(), 53));
        assert_eq!(found.remote, ([10, 0, 0, 1].into(), 0xabcd));
        assert!(!found.listens() && found.has_peer());

        let headings = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when";
        assert_eq!(
            socket(headings.as_bytes(), Protocol::Tcp, Family::V4),
            Ok(None)
        );
    }

    #[test]
    fn other_lines_are_refused() {
        let good = "0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 7 1";
        assert!(socket(good.as_bytes(), Protocol::Tcp, Family::V4).is_ok());
        assert!(socket(good.as_bytes(), Protocol::Tcp, Family::V6).is_err());
        for (from, to) in [
            ("0100007F", "100007F"),
            ("0100007F", "0100007F0"),
            ("0100007F", "+100007F"),
            ("0100007F", "0100007G"),
            ("1F90", "11F90"),
            (":1F90", ""),
            ("0A", "0A0"),
            (" 7 1", " x 1"),
            (" 7 1", ""),
            (" 0 0 0 7 1", " 0 0 0 99999999999999999999"),
            ("0100007F:1F90", "ééééé:1F90"),
        ] {
            let line = good.replacen(from, to, 1);
            let found = socket(line.as_bytes(), Protocol::Tcp, Family::V4);
            assert!(found.is_err(), "{line}");
        }
        assert!(socket(b"\xff\xfe", Protocol::Tcp, Family::V4).is_err());
        assert!(socket(b"", Protocol::Tcp, Family::V4).is_err());
    }

    /// How the kernel prints an end (`%08X` of each word, `%04X` of the port).
    fn printed(ip: IpAddr, port: u16) -> String {
        let octets = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let words: String = octets
            .chunks_exact(4)
            .map(|four| format!("{:08X}", u32::from_ne_bytes(four.try_into().unwrap())))
            .collect();
        format!("{words}:{port:04X}")
    }

    proptest! {
        #[test]
        fn every_address_comes_back_as_it_was_printed(
            bits in any::<u128>(), mapped in any::<bool>(), v4 in any::<bool>(),
            port in any::<u16>(), remote_port in any::<u16>(), state in any::<u8>(), inode: u32,
        ) {
            let four = std::net::Ipv4Addr::from(bits as u32);
            let (ip, family) = match (v4, mapped) {
                (true, _) => (IpAddr::from(four), Family::V4),
                (false, true) => (IpAddr::from(four.to_ipv6_mapped()), Family::V6),
                (false, false) => (IpAddr::V6(bits.into()), Family::V6),
            };
            let line = format!(
                "  1: {} {} {state:02X} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1",
                printed(ip, port), printed(ip, remote_port),
            );
            let found = socket(line.as_bytes(), Protocol::Tcp, family).unwrap().unwrap();
            let wanted = Socket {
                protocol: Protocol::Tcp,
                state: State(state),
                local: (ip.to_canonical(), port),
                remote: (ip.to_canonical(), remote_port),
                inode: inode.into(),
            };
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn no_line_is_too_strange(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            for family in Family::ALL {
                let _ = socket(&line, Protocol::Udp, family);
            }
        }
    }
}
