//! `arp`: the neighbours of IPv4.

use crate::facts::Neighbour;
use crate::netlink::Malformed;

/// The neighbour of a line; `None` for the line with the headings. Columns: IP
/// address, type, flags, hardware address, and more.
///
/// # Errors
/// When the line is not one of the table.
pub fn neighbour(line: &[u8]) -> Result<Option<Neighbour>, Malformed> {
    let line = std::str::from_utf8(line).map_err(|_| Malformed("a line that is no text"))?;
    if line.starts_with("IP address") {
        return Ok(None);
    }
    let mut columns = line.split_ascii_whitespace();
    let ip = columns.next().and_then(|ip| ip.parse().ok());
    let mac = columns.nth(2).filter(|mac| {
        let octet = |text: &str| super::sockets::hexadecimal(text, 2).is_some();
        mac.split(':').all(octet)
    });
    match (ip, mac) {
        (Some(ip), Some(mac)) => Ok(Some(Neighbour {
            mac: mac.to_owned(),
            ip,
        })),
        _ => Err(Malformed("not a neighbour")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_and_other_lines_refused() {
        let headings =
            "IP address       HW type     Flags       HW address            Mask     Device";
        assert_eq!(neighbour(headings.as_bytes()), Ok(None));
        let line = b"192.0.2.5        0x1         0x6         02:00:00:00:00:05     *        eth0";
        let wanted = Neighbour {
            mac: "02:00:00:00:00:05".to_owned(),
            ip: [192, 0, 2, 5].into(),
        };
        assert_eq!(neighbour(line), Ok(Some(wanted)));
        for line in [
            "",
            "192.0.2.5",
            "192.0.2.5 1 2",
            "x 1 2 02:00",
            "192.0.2.5 1 2 02:0g",
            "\0",
        ] {
            assert!(neighbour(line.as_bytes()).is_err(), "{line:?}");
        }
        assert!(neighbour(&[0xff; 9]).is_err());
    }
}
