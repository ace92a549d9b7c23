//! How many connections there may be, in all, from one address, and before
//! login.

use crate::limits::Limits;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    connections: usize,
    pending: usize,
}

#[derive(Debug, Default)]
struct State {
    all: Count,
    by_address: HashMap<IpAddr, Count>,
}

/// Counts connections against the limits.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: Arc<Limits>,
    state: Mutex<State>,
}

impl Admission {
    pub fn new(limits: Arc<Limits>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection in, or not.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = site(address);
        let limits = &self.limits;
        let mut state = self.state();
        let own = state.by_address.get(&address).copied().unwrap_or_default();
        if state.all.connections >= limits.max_connections
            || state.all.pending >= limits.max_pending_logins
            || own.connections >= limits.max_connections_per_address
            || own.pending >= limits.max_pending_logins_per_address
        {
            return None;
        }
        let seat = |count: &mut Count| {
            count.connections += 1;
            count.pending += 1;
        };
        seat(&mut state.all);
        seat(state.by_address.entry(address).or_default());
        Some(Seat {
            admission: Arc::clone(self),
            address,
            pending: true,
        })
    }
}

/// One customer's IPv6 addresses are a network of 64 bits.
fn site(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64))),
        },
    }
}

/// A connection's place; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Seat {
    admission: Arc<Admission>,
    address: IpAddr,
    pending: bool,
}

impl Seat {
    /// The client has logged in.
    pub fn logged_in(&mut self) {
        if self.pending {
            self.leave(false);
        }
    }

    fn leave(&mut self, connection: bool) {
        let pending = std::mem::take(&mut self.pending);
        let mut state = self.admission.state();
        let free = |count: &mut Count| {
            count.connections -= usize::from(connection);
            count.pending -= usize::from(pending);
        };
        free(&mut state.all);
        if let Some(count) = state.by_address.get_mut(&self.address) {
            free(count);
            if count.connections == 0 {
                state.by_address.remove(&self.address);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_limit_holds_and_leaving_makes_room() {
        let admission = Admission::new(Arc::new(Limits {
            max_connections: 4,
            max_connections_per_address: 3,
            max_pending_logins: 3,
            max_pending_logins_per_address: 2,
            ..Limits::default()
        }));
        let (a, b) = (address("192.0.2.1"), address("192.0.2.2"));
        let mut first = admission.admit(a).expect("room");
        let second = admission.admit(a).expect("room");
        assert!(admission.admit(a).is_none(), "two pending from one address");
        first.logged_in();
        let third = admission.admit(a).expect("room");
        let mut other = admission.admit(b).expect("room");
        assert!(admission.admit(b).is_none(), "three pending, four in all");
        other.logged_in();
        assert!(admission.admit(b).is_none(), "four in all");
        drop(second);
        assert!(admission.admit(b).is_some());
        drop((first, third, other));
        assert!(admission.state().by_address.is_empty());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        assert_eq!(
            site(address("2001:db8::1")),
            site(address("2001:db8::ffff"))
        );
        assert_ne!(site(address("2001:db8::1")), site(address("2001:db9::1")));
        assert_eq!(site(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }
}
