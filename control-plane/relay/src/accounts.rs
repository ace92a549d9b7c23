//! The accounts: who may log in, and what each may do.

use crate::config::User;
use crate::error::RelayError;
use crate::exception::Exception;
use crate::password::{Password, PasswordCheck};
use crate::permissions::{Access, Permissions};
use std::collections::HashMap;
use std::sync::Arc;

/// An account that can log in.
#[derive(Debug)]
pub(crate) struct Account {
    pub name: Arc<str>,
    password: Password,
    permissions: Permissions,
}

/// Exchanges and queues are told apart only in messages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource<'a> {
    Exchange(&'a str),
    Queue(&'a str),
}

impl Account {
    /// # Errors
    /// 403 naming what is refused.
    pub fn check(
        &self,
        access: Access,
        resource: Resource<'_>,
        vhost: &str,
    ) -> Result<(), Exception> {
        let (kind, name) = match resource {
            Resource::Exchange("") => ("exchange", "amq.default"),
            Resource::Exchange(name) => ("exchange", name),
            Resource::Queue(name) => ("queue", name),
        };
        if self.permissions.allow(access, name) {
            return Ok(());
        }
        Err(Exception::access_refused(format!(
            "{} access to {kind} '{name}' in vhost '{vhost}' refused for user '{}'",
            access.name(),
            self.name
        )))
    }
}

/// All accounts.
pub(crate) struct Accounts {
    by_name: HashMap<String, Arc<Account>>,
    check: Arc<PasswordCheck>,
}

impl Accounts {
    /// # Errors
    /// For a name given twice or a pattern that does not compile.
    pub fn new(users: &[User]) -> Result<Self, RelayError> {
        let mut by_name = HashMap::new();
        for user in users {
            let account = Account {
                name: user.name.as_str().into(),
                password: user.password.clone(),
                permissions: Permissions::compile(&user.name, &user.permissions)?,
            };
            if by_name
                .insert(user.name.clone(), Arc::new(account))
                .is_some()
            {
                return Err(RelayError::DuplicateUser(user.name.clone()));
            }
        }
        Ok(Self {
            by_name,
            check: Arc::new(PasswordCheck::new()?),
        })
    }

    /// The account, if name and password are right.
    pub async fn login(&self, name: String, password: String) -> Option<Arc<Account>> {
        let account = self.by_name.get(&name).cloned();
        let expected = account.as_ref().map(|account| account.password.clone());
        let good = Arc::clone(&self.check)
            .verify(name, expected, password)
            .await;
        account.filter(|_| good)
    }
}
