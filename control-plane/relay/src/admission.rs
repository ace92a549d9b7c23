//! How many connections there may be, in all, from one address, and before
//! login.

use crate::limits::Limits;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often the log may say which limit turns connections away. How many it were
/// is told once a minute anyway, and whoever is turned away may come back at once.
const SAYING: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    connections: usize,
    pending: usize,
}

#[derive(Debug, Default)]
struct State {
    all: Count,
    by_address: HashMap<IpAddr, Count>,
    /// When the log may next say that this limit is reached.
    quiet: HashMap<Bound, Instant>,
}

/// A limit that turns connections away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Bound {
    All,
    Pending,
    OfAddress,
    PendingOfAddress,
}

/// Why a connection was turned away, with the key of `mig-server.cfg` that says
/// how many there may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full {
    bound: Bound,
    limit: usize,
    address: IpAddr,
    /// The log has not said so in the last minute.
    pub new: bool,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Full { limit, address, .. } = self;
        match self.bound {
            Bound::All => write!(
                f,
                "{limit} are open, all that `connections` in [relay] allows"
            ),
            Bound::Pending => write!(
                f,
                "{limit} have not logged in yet, all that `connections` in [relay] allows; \
                 agents try again"
            ),
            Bound::OfAddress => write!(
                f,
                "{limit} are open from {address}, all that `connectionsperaddress` in [relay] \
                 allows"
            ),
            Bound::PendingOfAddress => write!(
                f,
                "{limit} from {address} have not logged in yet, all that \
                 `connectionsperaddress` in [relay] allows; agents try again"
            ),
        }
    }
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

    /// Lets a connection in, or says why not.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Seat, Full> {
        let address = site(address);
        let limits = &self.limits;
        let mut state = self.state();
        let own = state.by_address.get(&address).copied().unwrap_or_default();
        let bounds = [
            (Bound::All, state.all.connections, limits.max_connections),
            (
                Bound::OfAddress,
                own.connections,
                limits.max_connections_per_address,
            ),
            (Bound::Pending, state.all.pending, limits.max_pending_logins),
            (
                Bound::PendingOfAddress,
                own.pending,
                limits.max_pending_logins_per_address,
            ),
        ];
        if let Some((bound, _, limit)) = bounds.into_iter().find(|(_, now, most)| now >= most) {
            return Err(Full {
                bound,
                limit,
                address,
                new: state.may_say(bound, Instant::now()),
            });
        }
        let seat = |count: &mut Count| {
            count.connections += 1;
            count.pending += 1;
        };
        seat(&mut state.all);
        seat(state.by_address.entry(address).or_default());
        Ok(Seat {
            admission: Arc::clone(self),
            address,
            pending: true,
        })
    }
}

impl State {
    fn may_say(&mut self, bound: Bound, now: Instant) -> bool {
        let may = self.quiet.get(&bound).is_none_or(|until| *until <= now);
        if may {
            self.quiet.insert(bound, now + SAYING);
        }
        may
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
    fn each_limit_holds_says_its_key_and_leaving_makes_room() {
        let admission = Admission::new(Arc::new(Limits {
            max_connections: 4,
            max_connections_per_address: 3,
            max_pending_logins: 3,
            max_pending_logins_per_address: 2,
            ..Limits::default()
        }));
        let (a, b) = (address("192.0.2.1"), address("192.0.2.2"));
        let refused = |address, start: &str, key: &str, new| {
            let full = admission.admit(address).expect_err(start);
            let said = full.to_string();
            assert!(said.starts_with(start) && said.contains(key), "{said}");
            assert_eq!(full.new, new, "{said}");
        };
        let (all, own) = ("`connections`", "`connectionsperaddress`");
        let mut first = admission.admit(a).expect("room");
        let second = admission.admit(a).expect("room");
        refused(a, "2 from 192.0.2.1 have not logged in", own, true);
        refused(a, "2 from 192.0.2.1 have not logged in", own, false);
        first.logged_in();
        let mut third = admission.admit(a).expect("room");
        refused(a, "3 are open from 192.0.2.1", own, true);
        let mut other = admission.admit(b).expect("room");
        refused(b, "4 are open", all, true);
        other.logged_in();
        drop(first);
        let fourth = admission.admit(b).expect("room");
        drop(other);
        refused(b, "3 have not logged in", all, true);
        third.logged_in();
        drop(second);
        assert!(admission.admit(b).is_ok());
        drop((third, fourth));
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
