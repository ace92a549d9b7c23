//! The configuration files of the demo's site.

use std::path::Path;

use crate::building::Outcome;
use crate::demo::site::write_private;

/// Loopback ports of the site.
#[derive(Clone, Copy)]
pub struct Ports {
    /// The relay, AMQP over TLS.
    pub relay: u16,
    /// The API, HTTPS.
    pub api: u16,
    /// The agent's status page.
    pub status: u16,
}

/// Writes the files of server, agent and client.
pub fn write(directory: &Path, ports: Ports, password: &str) -> Outcome<()> {
    let at = directory.display();
    let Ports { relay, api, status } = ports;
    write_private(
        &directory.join("server.cfg"),
        &format!(
            "[server]\nip = 127.0.0.1\nport = {api}\nhost = \"https://localhost:{api}\"\n\
             cert = \"{at}/server.crt\"\nkey = \"{at}/server.key\"\n\
             [relay]\nlisten = \"127.0.0.1:{relay}\"\ncert = \"{at}/server.crt\"\n\
             key = \"{at}/server.key\"\nca = \"{at}/ca.crt\"\nagentpassword = \"{password}\"\n\
             [database]\npath = \"{at}/mig.db\"\n\
             [logging]\nmode = stdout\nlevel = info\n"
        ),
    )?;
    write_private(
        &directory.join("agent.cfg"),
        &format!(
            "[agent]\nrelay = \"amqps://agent:{password}@localhost:{relay}/mig\"\n\
             api = \"https://localhost:{api}/api/v1/\"\nsocket = 127.0.0.1:{status}\n\
             rundirectory = \"{at}/agent\"\nkeyring = \"{at}/agentkeys\"\nacl = \"{at}/acl.cfg\"\n\
             isimmortal = off\ninstallservice = off\ndiscoverpublicip = off\n\
             discoverawsmeta = off\ntags = operator:demo\n\
             [certs]\nca = \"{at}/ca.crt\"\ncert = \"{at}/agent.crt\"\nkey = \"{at}/agent.key\"\n\
             [modules]\npath = \"{at}/modules\"\nkeyring = \"{at}/pluginkeys\"\n\
             [logging]\nmode = stdout\nlevel = info\n"
        ),
    )?;
    write_private(
        &directory.join("migrc"),
        &format!(
            "[api]\nurl = \"https://localhost:{api}/api/v1/\"\ncacert = \"{at}/ca.crt\"\n\
             [gpg]\nkeyfile = \"{at}/investigator.key\"\n\
             [targets]\nmacro = allonline:status='online'\n\
             [modules]\npath = \"{at}/modules\"\nkeyring = \"{at}/pluginkeys\"\n"
        ),
    )
}

/// Writes the agent's access list: the investigator alone may use every module
/// but `example`, which needs two.
pub fn write_access_list(directory: &Path, fingerprint: &str) -> Outcome<()> {
    let investigator = format!("\"demo\": {{\"fingerprint\": \"{fingerprint}\", \"weight\": 1}}");
    write_private(
        &directory.join("acl.cfg"),
        &format!(
            "{{\n  \"default\": {{\"minimumweight\": 1, \"investigators\": {{{investigator}}}}},\n  \
             \"example\": {{\"minimumweight\": 2, \"investigators\": {{{investigator}}}}}\n}}\n"
        ),
    )
}
