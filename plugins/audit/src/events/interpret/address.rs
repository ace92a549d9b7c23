//! Socket addresses, which records carry as the bytes of the C structure.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::constants::FAMILIES;

const LOCAL: u16 = 1;
const INET: u16 = 2;
const INET6: u16 = 10;
const NETLINK: u16 = 16;

/// The address as text; `None` when it is too short to be one, as a program
/// may have given it to the kernel.
pub(super) fn describe(bytes: &[u8]) -> Option<Vec<u8>> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    let family = u16::from_ne_bytes(*family);
    let Some(name) = FAMILIES.name(family.into()) else {
        return Some(format!("unknown family ({family})").into_bytes());
    };
    Some(match family {
        LOCAL => {
            // All bytes, padding too: a name in the abstract space begins with
            // a zero and may have more of them.
            let mut out = format!("{name} ").into_bytes();
            out.extend_from_slice(rest);
            out
        }
        INET => {
            let port = u16::from_be_bytes(*rest.first_chunk()?);
            let address = Ipv4Addr::from(*rest.get(2..)?.first_chunk::<4>()?);
            format!("{name} host:{address} serv:{port}").into_bytes()
        }
        INET6 => {
            let port = u16::from_be_bytes(*rest.first_chunk()?);
            let address = Ipv6Addr::from(*rest.get(6..)?.first_chunk::<16>()?);
            // Addresses of the older protocol are shown in its own form.
            match address.to_ipv4_mapped() {
                Some(older) => format!("{name} host:{older} serv:{port}").into_bytes(),
                None => format!("{name} host:{address} serv:{port}").into_bytes(),
            }
        }
        NETLINK => {
            let pid = i32::from_ne_bytes(*rest.get(2..)?.first_chunk()?);
            format!("{name} pid:{pid}").into_bytes()
        }
        _ => name.as_bytes().to_vec(),
    })
}
