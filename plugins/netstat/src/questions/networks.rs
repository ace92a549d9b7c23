//! Addresses and networks in CIDR notation.

use super::Number;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

/// A network, or a single address as the smallest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    /// Bits that count, from the top.
    prefix: u32,
}

impl Network {
    /// Reads an address, or a network when there is a slash. IPv4 in its mapped
    /// form is IPv4.
    ///
    /// # Errors
    /// What the value is not.
    pub fn parse(value: &str) -> Result<Self, &'static str> {
        let Some((address, prefix)) = value.split_once('/') else {
            let address: IpAddr = value.parse().map_err(|_| "not an IP address")?;
            let base = address.to_canonical();
            let prefix = width(base);
            return Ok(Self { base, prefix });
        };
        const NO_NETWORK: &str = "not a network in CIDR notation";
        let address: IpAddr = address.parse().map_err(|_| NO_NETWORK)?;
        // Digits only: a number may carry a plus sign, a prefix may not.
        let digits = (1..=3).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix: u32 = Some(prefix)
            .filter(|_| digits)
            .and_then(|prefix| prefix.parse().ok())
            .filter(|prefix| *prefix <= width(address))
            .ok_or(NO_NETWORK)?;
        let base = masked(address, prefix);
        Ok(match (base.to_canonical(), prefix.checked_sub(96)) {
            (mapped @ IpAddr::V4(_), Some(rest)) if base.is_ipv6() => Self {
                base: mapped,
                prefix: rest,
            },
            _ => Self { base, prefix },
        })
    }

    /// Whether the network has this address, which must not be in mapped form.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.base.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == self.base
    }

    /// The address, when there is only one.
    fn single(&self) -> Option<IpAddr> {
        (self.prefix == width(self.base)).then_some(self.base)
    }
}

/// Bits of an address.
fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all bits after the prefix cleared.
fn masked(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

/// Networks with the numbers of their questions. Single addresses, which lists
/// of indicators consist of, are looked up and not compared one by one.
#[derive(Debug, Default)]
pub struct Networks {
    singles: HashMap<IpAddr, Vec<Number>>,
    wide: Vec<(Network, Number)>,
}

impl Networks {
    /// Adds a network.
    pub fn add(&mut self, network: Network, number: Number) {
        match network.single() {
            Some(address) => self.singles.entry(address).or_default().push(number),
            None => self.wide.push((network, number)),
        }
    }

    /// The numbers of all networks with this address, which must not be in
    /// mapped form.
    pub fn each(&self, address: IpAddr, mut found: impl FnMut(Number)) {
        for number in self.singles.get(&address).into_iter().flatten() {
            found(*number);
        }
        for (network, number) in &self.wide {
            if network.contains(address) {
                found(*number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn networks_contain_what_goes_by_the_textbook() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3/8", "10.0.0.0", "9.255.255.255"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "ff02::1", "10.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.7/32", "192.0.2.7", "192.0.2.8"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("2001:DB8:0:0::0001", "2001:db8::1", "2001:db8::2"),
            // Mapped IPv4 is IPv4.
            ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"),
            ("::ffff:10.0.0.1", "10.0.0.1", "::10.0.0.1"),
        ] {
            let parsed = Network::parse(network).expect(network);
            assert!(parsed.contains(inside.parse().unwrap()), "{network}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{network}");
        }
    }

    #[test]
    fn what_is_neither_address_nor_network_is_refused() {
        for value in [
            "",
            "10.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "::/129",
            "10.0.0.0/8/8",
            "fe80::1%eth0",
            "host",
            " 10.0.0.1",
            "010.0.0.1",
            "/8",
            "::/0x8",
        ] {
            assert!(Network::parse(value).is_err(), "{value:?}");
        }
    }

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
            any::<u128>().prop_map(|bits| IpAddr::V6(bits.into()).to_canonical()),
        ]
    }

    /// The bits of an address, one character each.
    fn bits(address: IpAddr) -> String {
        match address {
            IpAddr::V4(address) => format!("{:032b}", address.to_bits()),
            IpAddr::V6(address) => format!("{:0128b}", address.to_bits()),
        }
    }

    proptest! {
        /// Containment is equality of the leading bits, and of nothing else.
        #[test]
        fn a_network_has_the_addresses_that_share_its_bits(
            base in address(), prefix in 0usize..=128, flipped in 0usize..128, other in address(),
        ) {
            let width = bits(base).len();
            let prefix = prefix.min(width);
            let network = Network::parse(&format!("{base}/{prefix}")).unwrap();
            // A near miss or hit: one bit differs.
            let flipped = flipped % width;
            let near = match base {
                IpAddr::V4(a) => IpAddr::V4((a.to_bits() ^ (1 << (31 - flipped))).into()),
                IpAddr::V6(a) => IpAddr::V6((a.to_bits() ^ (1 << (127 - flipped))).into()),
            };
            // A near address of another family would be written differently.
            prop_assume!(near.to_canonical() == near);
            prop_assert_eq!(network.contains(near), flipped >= prefix);
            prop_assert!(network.contains(base));
            let wanted = bits(other).len() == width && bits(other)[..prefix] == bits(base)[..prefix];
            prop_assert_eq!(network.contains(other), wanted);
        }

        /// Looking single addresses up finds what comparing finds.
        #[test]
        fn a_set_of_networks_answers_as_each_of_them(
            set in proptest::collection::vec((0u32..64, 24u32..=32), 0..12), asked in 0u32..64,
        ) {
            let mut networks = Networks::default();
            let mut wanted = Vec::new();
            let asked = IpAddr::V4(asked.into());
            for (number, (base, prefix)) in set.iter().enumerate() {
                let text = format!("{}/{prefix}", Ipv4Addr::from(*base));
                let network = Network::parse(&text).unwrap();
                networks.add(network, number as Number);
                if network.contains(asked) {
                    wanted.push(number as Number);
                }
            }
            let mut found = Vec::new();
            networks.each(asked, |number| found.push(number));
            found.sort_unstable();
            prop_assert_eq!(found, wanted);
        }
    }
}
