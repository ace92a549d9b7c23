//! The accounts: who may log in, and what each may do where.

use crate::config::{External, Grant, User};
use crate::error::RelayError;
use crate::exception::Exception;
use crate::password::{Password, PasswordCheck};
use crate::permissions::{Access, PermissionPatterns, Permissions};
use crate::reread::Reread;
use crate::roster::{Role, Roster, Surroundings};
use crate::topology;
use crate::vhost::{Vhost, VhostId, Vhosts};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// An account that can log in.
#[derive(Debug)]
pub(crate) struct Account {
    pub name: Arc<str>,
    password: Password,
    /// One entry for each virtual host that it may open.
    permissions: HashMap<VhostId, Permissions>,
}

/// Exchanges and queues are told apart only in messages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource<'a> {
    Exchange(&'a str),
    Queue(&'a str),
}

impl Account {
    pub fn may_open(&self, vhost: &Vhost) -> bool {
        self.permissions.contains_key(&vhost.id)
    }

    /// # Errors
    /// 403 naming what is refused.
    pub fn check(
        &self,
        access: Access,
        resource: Resource<'_>,
        vhost: &Vhost,
    ) -> Result<(), Exception> {
        let (kind, name) = match resource {
            Resource::Exchange("") => ("exchange", "amq.default"),
            Resource::Exchange(name) => ("exchange", name),
            Resource::Queue(name) => ("queue", name),
        };
        let permissions = self.permissions.get(&vhost.id);
        if permissions.is_some_and(|permissions| permissions.allow(access, name)) {
            return Ok(());
        }
        Err(Exception::access_refused(format!(
            "{} access to {kind} '{name}' in vhost '{}' refused for user '{}'",
            access.name(),
            vhost.name,
            self.name
        )))
    }
}

/// All accounts.
pub(crate) struct Accounts {
    by_name: HashMap<String, Arc<Account>>,
    check: Arc<PasswordCheck>,
    /// Those that a certificate does not let in.
    passwords_only: HashSet<String>,
    /// Single agents and further workers, of the main virtual host, and whoever has
    /// another one.
    listed: Option<Reread<Roster>>,
}

impl Accounts {
    /// # Errors
    /// For a name given twice, a pattern that does not compile, or a grant to
    /// nobody or nowhere.
    pub fn new(
        users: &[User],
        grants: &[Grant],
        vhosts: &Vhosts,
        external: Option<&External>,
        listed: Option<&Path>,
    ) -> Result<Self, RelayError> {
        let mut accounts: HashMap<String, Account> = HashMap::new();
        for user in users {
            let mut account = Account {
                name: user.name.as_str().into(),
                password: user.password.clone(),
                permissions: HashMap::new(),
            };
            if user.permissions != PermissionPatterns::default() {
                let compiled = Permissions::compile(&user.name, &user.permissions)?;
                account.permissions.insert(VhostId::MAIN, compiled);
            }
            if accounts.insert(user.name.clone(), account).is_some() {
                return Err(RelayError::DuplicateUser(user.name.clone()));
            }
        }
        for grant in grants {
            let wrong = |problem: &str| RelayError::Grant {
                user: grant.user.clone(),
                vhost: grant.vhost.clone(),
                problem: problem.into(),
            };
            let account = accounts
                .get_mut(&grant.user)
                .ok_or_else(|| wrong("there is no such user; configure it first"))?;
            let vhost = vhosts
                .find(&grant.vhost)
                .ok_or_else(|| wrong("there is no such virtual host; configure it first"))?;
            let compiled = Permissions::compile(&grant.user, &grant.permissions)?;
            if account.permissions.insert(vhost.id, compiled).is_some() {
                return Err(wrong("it has permissions there already; keep one of both"));
            }
        }
        let around = Surroundings {
            taken: accounts.keys().cloned().collect(),
            certificates: external.is_some(),
            vhosts: vhosts.clone(),
        };
        let read = move |path: &Path| Roster::read(path, &around);
        Ok(Self {
            listed: listed.map(|path| Reread::open(path, read)).transpose()?,
            by_name: accounts
                .into_iter()
                .map(|(name, account)| (name, Arc::new(account)))
                .collect(),
            check: Arc::new(PasswordCheck::new()?),
            passwords_only: external
                .map(|external| external.except.iter().cloned().collect())
                .unwrap_or_default(),
        })
    }

    /// The account of that name as it is now.
    fn find(&self, name: &str) -> Option<Arc<Account>> {
        if let Some(account) = self.by_name.get(name) {
            return Some(Arc::clone(account));
        }
        let roster = self.listed.as_ref()?.current();
        let entry = roster.0.get(name)?;
        let compile = |patterns| Permissions::compile(name, &patterns).ok();
        let (vhost, permissions) = match &entry.role {
            Role::Agent(queue) => (VhostId::MAIN, Permissions::Agent(queue.clone())),
            Role::Worker => (VhostId::MAIN, compile(topology::worker_permissions())?),
            Role::Vhost(vhost) => (*vhost, compile(PermissionPatterns::all())?),
        };
        Some(Arc::new(Account {
            name: name.into(),
            password: entry.password.clone(),
            permissions: HashMap::from([(vhost, permissions)]),
        }))
    }

    /// Whether the file with accounts has workers now.
    pub fn lists_workers(&self) -> bool {
        let roster = self.listed.as_ref().map(Reread::current);
        roster.is_some_and(|roster| roster.has_workers())
    }

    /// The account, if name and password are right.
    pub async fn login(&self, name: String, password: String) -> Option<Arc<Account>> {
        let account = self.find(&name);
        let expected = account.as_ref().map(|account| account.password.clone());
        let good = Arc::clone(&self.check)
            .verify(name, expected, password)
            .await;
        account.filter(|_| good)
    }

    /// The account that a verified certificate names.
    pub fn certified(&self, name: &str) -> Option<Arc<Account>> {
        if self.passwords_only.contains(name) {
            return None;
        }
        self.find(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> User {
        User {
            name: name.into(),
            password: Password::None,
            permissions: PermissionPatterns::default(),
        }
    }

    fn grant(user: &str, vhost: &str) -> Grant {
        Grant {
            user: user.into(),
            vhost: vhost.into(),
            permissions: PermissionPatterns::all(),
        }
    }

    #[tokio::test]
    async fn permissions_are_of_one_virtual_host() {
        let vhosts = Vhosts::new("mig", &["other".into()]);
        let external = External {
            except: vec!["b".into()],
            ..External::default()
        };
        let users = [user("a"), user("b")];
        let accounts = Accounts::new(
            &users,
            &[grant("a", "other")],
            &vhosts,
            Some(&external),
            None,
        )
        .expect("accounts");
        let a = accounts.certified("a").expect("an account");
        let [mig, other] = ["mig", "other"].map(|name| vhosts.find(name).expect("a vhost"));
        assert!(!a.may_open(&mig) && a.may_open(&other));
        let queue = Resource::Queue("q");
        assert!(a.check(Access::Read, queue, &other).is_ok());
        assert_eq!(
            a.check(Access::Read, queue, &mig).expect_err("no").code,
            403
        );
        assert!(accounts.certified("b").is_none() && accounts.certified("c").is_none());
        // Without a password there is no login with one, not even an empty one.
        assert!(accounts.login("a".into(), String::new()).await.is_none());
    }

    #[test]
    fn a_grant_that_means_nothing_is_refused() {
        let vhosts = Vhosts::new("mig", &[]);
        let refused = |grants: &[Grant]| {
            let result = Accounts::new(&[user("a")], grants, &vhosts, None, None);
            result.err().expect("refused").to_string()
        };
        assert!(refused(&[grant("nobody", "mig")]).contains("no such user"));
        assert!(refused(&[grant("a", "nowhere")]).contains("no such virtual host"));
        assert!(refused(&[grant("a", "mig"), grant("a", "mig")]).contains("already"));
    }
}
