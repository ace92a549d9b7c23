//! Virtual hosts: worlds of exchanges and queues that know nothing of each
//! other.

use std::sync::Arc;

/// Names a virtual host for as long as the relay runs: its place in the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct VhostId(pub usize);

impl VhostId {
    /// The first of the configuration's.
    pub const MAIN: Self = Self(0);
}

/// The virtual host that a connection has opened.
#[derive(Debug, Clone)]
pub(crate) struct Vhost {
    pub id: VhostId,
    pub name: Arc<str>,
}

/// The virtual hosts that can be opened.
#[derive(Debug, Clone)]
pub(crate) struct Vhosts(Vec<Arc<str>>);

impl Vhosts {
    /// The main one and the others, each once.
    pub fn new(main: &str, others: &[String]) -> Self {
        let mut all: Vec<Arc<str>> = vec![main.into()];
        for name in others {
            if !all.iter().any(|known| **known == **name) {
                all.push(name.as_str().into());
            }
        }
        Self(all)
    }

    /// The one where accounts have the permissions they were configured with.
    pub fn main(&self) -> &Arc<str> {
        &self.0[0]
    }

    pub fn names(&self) -> &[Arc<str>] {
        &self.0
    }

    pub fn find(&self, name: &str) -> Option<Vhost> {
        let at = self.0.iter().position(|known| **known == *name)?;
        Some(Vhost {
            id: VhostId(at),
            name: Arc::clone(&self.0[at]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_found_once() {
        let all = Vhosts::new("mig", &["/".into(), "mig".into(), "staging".into()]);
        assert_eq!(all.names().len(), 3);
        assert_eq!(**all.main(), *"mig");
        assert_eq!(all.find("staging").expect("known").id, VhostId(2));
        assert!(all.find("Mig").is_none());
    }
}
