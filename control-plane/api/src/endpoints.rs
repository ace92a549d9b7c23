//! The one table of what exists and who may use it.

use ::http::Method;
use mig_protocol::Permissions;

/// Who may use an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Investigators that have this permission.
    Investigator(Permissions),
}

/// What an endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Greet,
    Heartbeat,
    Ip,
    PublicKey,
    Dashboard,
    Search,
    Action,
    CreateAction,
    Command,
    Agent,
    Investigator,
    CreateInvestigator,
    UpdateInvestigator,
}

/// One endpoint.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path below the base route; one that ends in `/*` has one more part.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// Largest body, in bytes.
    pub body: usize,
    pub(crate) operation: Operation,
}

/// Forms, as the original's framework limits them.
const FORM: usize = 10 << 20;
/// Heartbeats.
const HEARTBEAT: usize = 102_400;

const fn get(path: &'static str, access: Access, operation: Operation) -> Endpoint {
    Endpoint {
        method: "GET",
        path,
        access,
        body: 0,
        operation,
    }
}

const fn post(path: &'static str, access: Access, body: usize, operation: Operation) -> Endpoint {
    Endpoint {
        method: "POST",
        path,
        access,
        body,
        operation,
    }
}

const fn may(permission: Permissions) -> Access {
    Access::Investigator(permission)
}

/// All endpoints.
pub const ENDPOINTS: &[Endpoint] = &[
    get("/heartbeat", Access::Public, Operation::Greet),
    post(
        "/heartbeat",
        Access::Public,
        HEARTBEAT,
        Operation::Heartbeat,
    ),
    get("/ip", Access::Public, Operation::Ip),
    get("/publickey/*", Access::Public, Operation::PublicKey),
    get(
        "/dashboard",
        may(Permissions::DASHBOARD),
        Operation::Dashboard,
    ),
    get("/search", may(Permissions::SEARCH), Operation::Search),
    get("/action", may(Permissions::ACTION), Operation::Action),
    post(
        "/action/create/",
        may(Permissions::ACTION_CREATE),
        FORM,
        Operation::CreateAction,
    ),
    get("/command", may(Permissions::COMMAND), Operation::Command),
    get("/agent", may(Permissions::AGENT), Operation::Agent),
    get(
        "/investigator",
        may(Permissions::INVESTIGATOR),
        Operation::Investigator,
    ),
    post(
        "/investigator/create/",
        may(Permissions::INVESTIGATOR_CREATE),
        FORM,
        Operation::CreateInvestigator,
    ),
    post(
        "/investigator/update/",
        may(Permissions::INVESTIGATOR_UPDATE),
        FORM,
        Operation::UpdateInvestigator,
    ),
];

/// The endpoint a request is for, and the last part of its path when the
/// endpoint has one. Doubled and trailing slashes do not matter: agents join a
/// base URL that ends in a slash with a path that starts with one.
pub(crate) fn find(
    method: &Method,
    path: &str,
    base_route: &str,
) -> Option<(&'static Endpoint, Option<String>)> {
    let parts = |path: &str| -> Vec<String> {
        path.split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (path, base) = (parts(path), parts(base_route));
    let below = path.strip_prefix(base.as_slice())?;
    ENDPOINTS.iter().find_map(|endpoint| {
        if method.as_str() != endpoint.method {
            return None;
        }
        let own = parts(endpoint.path);
        match own.split_last() {
            Some((star, before)) if star == "*" => {
                let (last, rest) = below.split_last()?;
                (rest == before).then(|| (endpoint, Some(last.clone())))
            }
            _ => (own == below).then_some((endpoint, None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_finds_its_endpoint_whatever_its_slashes() {
        let table = [
            ("GET", "/api/v1/ip", Some("/ip")),
            ("GET", "/api/v1//ip", Some("/ip")),
            ("GET", "/api/v1/publickey/ABCD", Some("/publickey/*")),
            ("POST", "/api/v1/action/create/", Some("/action/create/")),
            ("POST", "/api/v1/action/create", Some("/action/create/")),
            ("POST", "/api/v1/dashboard", None),
            ("GET", "/api/v1/action/create/", None),
            ("GET", "/api/v1/publickey", None),
            ("GET", "/api/v1/publickey/a/b", None),
            ("GET", "/ip", None),
            ("GET", "/api/v1", None),
        ];
        for (method, path, expected) in table {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let found = find(&method, path, "/api/v1/").map(|(endpoint, _)| endpoint.path);
            assert_eq!(found, expected, "{method} {path}");
        }
        let (_, last) = find(&Method::GET, "/publickey/ABCD/", "").expect("an endpoint");
        assert_eq!(last.as_deref(), Some("ABCD"));
    }
}
