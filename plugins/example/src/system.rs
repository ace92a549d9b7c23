//! What the operating system is asked.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// The host name.
///
/// # Errors
/// When the system does not tell.
pub fn host_name() -> io::Result<String> {
    let name = nix::unistd::gethostname()?;
    Ok(name.to_string_lossy().into_owned())
}

/// Addresses of all interfaces in CIDR form, loopback addresses left out.
///
/// # Errors
/// When the interfaces cannot be listed.
pub fn addresses() -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for interface in nix::ifaddrs::getifaddrs()? {
        let address = interface.address.as_ref().and_then(address_of);
        let mask = interface.netmask.as_ref().and_then(address_of);
        if let Some(address) = address
            && !address.is_loopback()
        {
            found.push(cidr(address, mask));
        }
    }
    Ok(found)
}

fn address_of(storage: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = storage
        .as_sockaddr_in()
        .map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| {
        storage
            .as_sockaddr_in6()
            .map(|address| IpAddr::V6(address.ip()))
    })
}

/// `192.0.2.1/24`; without a usable mask the address stands for itself alone.
pub fn cidr(address: IpAddr, mask: Option<IpAddr>) -> String {
    let prefix = match (address, mask) {
        (IpAddr::V4(_), Some(IpAddr::V4(mask))) => mask.to_bits().leading_ones(),
        (IpAddr::V6(_), Some(IpAddr::V6(mask))) => mask.to_bits().leading_ones(),
        (IpAddr::V4(_), _) => 32,
        (IpAddr::V6(_), _) => 128,
    };
    format!("{address}/{prefix}")
}

/// The addresses of a name, as the system's own resolver finds them, each once.
///
/// # Errors
/// When there are none, with the resolver's reason.
pub fn look_up(name: &str) -> io::Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for address in (name, 0).to_socket_addrs()? {
        let text = SocketAddr::ip(&address).to_string();
        if !found.contains(&text) {
            found.push(text);
        }
    }
    if found.is_empty() {
        return Err(io::Error::other("no address"));
    }
    Ok(found)
}
