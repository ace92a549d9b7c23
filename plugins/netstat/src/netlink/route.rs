//! Interfaces, addresses and neighbours: rtnetlink.

use super::Request;
use super::message::{Attributes, Malformed, array, u16_at};
use crate::facts::{NO_ANSWER, Neighbour, hardware_address};
use std::net::IpAddr;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
/// Size of `struct ifinfomsg`.
const LINK: usize = 16;
/// Size of `struct ifaddrmsg`.
const ADDRESS: usize = 8;
/// Size of `struct ndmsg`.
const NEIGHBOUR: usize = 12;
const IFLA_ADDRESS: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// Neighbour states: nothing known, and no need to know anything.
const NUD_NONE: u16 = 0;
const NUD_NOARP: u16 = 0x40;
/// Tunnels, whose "hardware address" is an IP address (`linux/if_arp.h`):
/// IP in IP, SIT, GRE over IPv4; the same and GRE over IPv6.
const TUNNELS_V4: [u16; 3] = [768, 776, 778];
const TUNNELS_V6: [u16; 2] = [769, 823];

/// The request for all interfaces.
pub fn links() -> Request {
    Request {
        kind: RTM_GETLINK,
        body: vec![0; LINK],
    }
}

/// The request for the addresses of all interfaces.
pub fn addresses() -> Request {
    Request {
        kind: RTM_GETADDR,
        body: vec![0; ADDRESS],
    }
}

/// The request for all neighbours, of IPv4 and IPv6.
pub fn neighbours() -> Request {
    Request {
        kind: RTM_GETNEIGH,
        body: vec![0; NEIGHBOUR],
    }
}

/// The hardware address of an interface; empty when it has none: loopback,
/// tunnels. `None` when the message is about something else.
///
/// # Errors
/// When the message is damaged.
pub fn link(kind: u16, payload: &[u8]) -> Result<Option<String>, Malformed> {
    if kind != RTM_NEWLINK {
        return Ok(None);
    }
    let attributes = Attributes::after(payload, LINK)?;
    let device = u16_at(payload, 2).unwrap_or(0);
    let mut address = String::new();
    for attribute in attributes {
        let (kind, value) = attribute?;
        let tunnel = match value.len() {
            4 => TUNNELS_V4.contains(&device),
            16 => TUNNELS_V6.contains(&device),
            _ => false,
        };
        if kind == IFLA_ADDRESS && !tunnel && value.iter().any(|byte| *byte != 0) {
            address = hardware_address(value);
        }
    }
    Ok(Some(address))
}

/// An address of an interface: its own end of a point-to-point connection.
/// `None` when the message is about something else.
///
/// # Errors
/// When the message is damaged.
pub fn address(kind: u16, payload: &[u8]) -> Result<Option<IpAddr>, Malformed> {
    if kind != RTM_NEWADDR {
        return Ok(None);
    }
    let (mut local, mut address) = (None, None);
    let family = payload.first().copied().unwrap_or(0);
    for attribute in Attributes::after(payload, ADDRESS)? {
        match attribute? {
            (IFA_LOCAL, value) => local = ip(family, value)?,
            (IFA_ADDRESS, value) => address = ip(family, value)?,
            _ => {}
        }
    }
    Ok(local.or(address))
}

/// A neighbour. Those that did not answer have an address of zeros, as in
/// `/proc/net/arp`; those that need not be asked (loopback, multicast) are left
/// out, as there. `None` also when the message is about something else.
///
/// # Errors
/// When the message is damaged.
pub fn neighbour(kind: u16, payload: &[u8]) -> Result<Option<Neighbour>, Malformed> {
    if kind != RTM_NEWNEIGH {
        return Ok(None);
    }
    let attributes = Attributes::after(payload, NEIGHBOUR)?;
    let family = payload.first().copied().unwrap_or(0);
    let state = u16_at(payload, 8).unwrap_or(NUD_NONE);
    let mut address = None;
    let mut mac = String::new();
    for attribute in attributes {
        match attribute? {
            (NDA_DST, value) => address = ip(family, value)?,
            (NDA_LLADDR, value) => mac = hardware_address(value),
            _ => {}
        }
    }
    if state == NUD_NONE || state == NUD_NOARP {
        return Ok(None);
    }
    if mac.is_empty() {
        mac = NO_ANSWER.to_owned();
    }
    Ok(address.map(|ip| Neighbour { mac, ip }))
}

/// The value of an address attribute. Families other than IP have no meaning
/// here.
fn ip(family: u8, value: &[u8]) -> Result<Option<IpAddr>, Malformed> {
    let exact = |length: usize| value.len() == length;
    let wrong = Malformed("an address of the wrong length");
    match family {
        AF_INET if exact(4) => Ok(array::<4>(value, 0).map(IpAddr::from)),
        AF_INET6 if exact(16) => {
            Ok(array::<16>(value, 0).map(|octets| IpAddr::from(octets).to_canonical()))
        }
        AF_INET | AF_INET6 => Err(wrong),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::testing::attribute;

    fn link_message(device: u16, address: &[u8]) -> Vec<u8> {
        let mut payload = vec![0; LINK];
        payload[2..4].copy_from_slice(&device.to_ne_bytes());
        payload.extend(attribute(3, b"name\0"));
        payload.extend(attribute(IFLA_ADDRESS, address));
        payload
    }

    #[test]
    fn interfaces_have_hardware_addresses_or_none() {
        for (device, address, wanted) in [
            (1, &[0x8c, 0x70, 0x5a, 0, 0, 1][..], "8c:70:5a:00:00:01"),
            // Loopback.
            (772, &[0; 6], ""),
            // Tunnels to 10.0.0.1, and something else with as many bytes.
            (776, &[10, 0, 0, 1], ""),
            (823, &[1; 16], ""),
            (1, &[10, 0, 0, 1], "0a:00:00:01"),
            // InfiniBand.
            (32, &[0xab; 20], &["ab"; 20].join(":")),
            (1, &[], ""),
        ] {
            let found = link(RTM_NEWLINK, &link_message(device, address)).unwrap();
            assert_eq!(found.as_deref(), Some(wanted), "{device}");
        }
        assert_eq!(link(RTM_NEWADDR, &[]).unwrap(), None);
        assert!(link(RTM_NEWLINK, &[0; LINK - 1]).is_err());
    }

    #[test]
    fn addresses_are_the_local_end() {
        let message = |family: u8, attributes: &[(u16, &[u8])]| {
            let mut payload = vec![0; ADDRESS];
            payload[0] = family;
            for (kind, value) in attributes {
                payload.extend(attribute(*kind, value));
            }
            payload
        };
        let v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        for (payload, wanted) in [
            (
                message(2, &[(1, &[10, 0, 0, 2]), (2, &[10, 0, 0, 1])]),
                Some("10.0.0.1"),
            ),
            (
                message(2, &[(2, &[10, 0, 0, 1]), (1, &[10, 0, 0, 2])]),
                Some("10.0.0.1"),
            ),
            (message(10, &[(1, &v6)]), Some("2001:db8::1")),
            (message(2, &[]), None),
            (message(28, &[(1, &[1, 2, 3])]), None),
        ] {
            let found = address(RTM_NEWADDR, &payload).unwrap();
            assert_eq!(found, wanted.map(|text| text.parse().unwrap()));
        }
        assert!(address(RTM_NEWADDR, &message(2, &[(1, &v6)])).is_err());
        assert!(address(RTM_NEWADDR, &message(10, &[(2, &[1])])).is_err());
        assert!(address(RTM_NEWADDR, &[2]).is_err());
    }

    #[test]
    fn neighbours_are_those_of_the_arp_table() {
        let message = |state: u16, mac: Option<&[u8]>| {
            let mut payload = vec![0; NEIGHBOUR];
            payload[0] = AF_INET;
            payload[8..10].copy_from_slice(&state.to_ne_bytes());
            payload.extend(attribute(NDA_DST, &[192, 0, 2, 5]));
            if let Some(mac) = mac {
                payload.extend(attribute(NDA_LLADDR, mac));
            }
            payload
        };
        let mac = [2, 0, 0, 0, 0, 5];
        // Reachable, stale, permanent, failed, incomplete.
        for (state, mac, wanted) in [
            (2, Some(&mac[..]), "02:00:00:00:00:05"),
            (4, Some(&mac[..]), "02:00:00:00:00:05"),
            (0x80, Some(&mac[..]), "02:00:00:00:00:05"),
            (0x20, None, NO_ANSWER),
            (1, None, NO_ANSWER),
        ] {
            let found = neighbour(RTM_NEWNEIGH, &message(state, mac)).unwrap();
            let found = found.expect("a neighbour");
            assert_eq!(
                (found.mac.as_str(), found.ip),
                (wanted, [192, 0, 2, 5].into())
            );
        }
        for state in [NUD_NONE, NUD_NOARP] {
            assert_eq!(
                neighbour(RTM_NEWNEIGH, &message(state, Some(&mac))),
                Ok(None)
            );
        }
        assert!(neighbour(RTM_NEWNEIGH, &message(2, None)[..18]).is_err());
    }
}
