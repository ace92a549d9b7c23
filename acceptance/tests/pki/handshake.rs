//! Handshakes of rustls with the certificates: the library that agent,
//! scheduler, API and embedded relay use.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use crate::site::{RELAY, Site};

/// Certificate and key of a name.
fn identity(site: &Site, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = CertificateDer::from_pem_file(site.path(&format!("{name}.crt")));
    let key = PrivateKeyDer::from_pem_file(site.path(&format!("{name}.key")));
    (
        vec![certificate.expect("a certificate")],
        key.expect("a key"),
    )
}

fn roots(site: &Site, authority: &str) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(site.path(authority)).expect("an authority");
    roots.add(certificate).expect("a trust anchor");
    Arc::new(roots)
}

/// What takes part in a handshake.
pub struct Parties<'a> {
    pub relay: (&'a Site, &'a str),
    pub client: (&'a Site, &'a str),
    /// Authority that the relay holds clients against.
    pub relay_trusts: (&'a Site, &'a str),
    pub client_trusts: (&'a Site, &'a str),
    /// Whether the relay looks at `ca.crl`.
    pub revocation: bool,
    /// Name under which the client connects.
    pub name: &'static str,
}

impl<'a> Parties<'a> {
    /// All of one site.
    pub fn of(site: &'a Site) -> Parties<'a> {
        Parties {
            relay: (site, "rabbitmq"),
            client: (site, "agent"),
            relay_trusts: (site, "ca.crt"),
            client_trusts: (site, "ca.crt"),
            revocation: false,
            name: RELAY,
        }
    }

    /// A handshake, and a word in each direction.
    pub fn shake(&self, version: &'static rustls::SupportedProtocolVersion) -> Result<(), String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trusted = roots(self.relay_trusts.0, self.relay_trusts.1);
        let mut clients =
            WebPkiClientVerifier::builder_with_provider(trusted, Arc::clone(&provider));
        if self.revocation {
            let list = self.relay_trusts.0.path("ca.crl");
            let list = CertificateRevocationListDer::from_pem_file(list).expect("a list");
            clients = clients.with_crls([list]);
        }
        let (certificates, key) = identity(self.relay.0, self.relay.1);
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_client_cert_verifier(clients.build().expect("a verifier"))
            .with_single_cert(certificates, key)
            .expect("the relay's certificate");
        let trusted = roots(self.client_trusts.0, self.client_trusts.1);
        let servers =
            WebPkiServerVerifier::builder_with_provider(trusted, Arc::clone(&provider)).build();
        let (certificates, key) = identity(self.client.0, self.client.1);
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_webpki_verifier(servers.expect("a verifier"))
            .with_client_auth_cert(certificates, key)
            .expect("the client's certificate");
        let name = ServerName::try_from(self.name).expect("a name");
        let mut client = ClientConnection::new(Arc::new(client), name).expect("a client");
        let mut server = ServerConnection::new(Arc::new(server)).expect("a server");
        talk(&mut client, &mut server)
    }

    /// With both versions of TLS that are in use.
    pub fn shake_in_both_versions(&self) -> Result<(), String> {
        self.shake(&rustls::version::TLS13)?;
        self.shake(&rustls::version::TLS12)
    }
}

fn talk(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), String> {
    client.writer().write_all(b"hello").expect("a buffer");
    server.writer().write_all(b"welcome").expect("a buffer");
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).expect("memory");
        }
        let mut bytes = bytes.as_slice();
        while !bytes.is_empty() {
            server.read_tls(&mut bytes).expect("memory");
            server
                .process_new_packets()
                .map_err(|error| format!("the relay refuses the client: {error}"))?;
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).expect("memory");
        }
        let mut bytes = bytes.as_slice();
        while !bytes.is_empty() {
            client.read_tls(&mut bytes).expect("memory");
            client
                .process_new_packets()
                .map_err(|error| format!("the client refuses the relay: {error}"))?;
        }
    }
    let (mut heard, mut said) = ([0; 5], [0; 7]);
    server
        .reader()
        .read_exact(&mut heard)
        .expect("the client's word");
    client
        .reader()
        .read_exact(&mut said)
        .expect("the relay's word");
    assert_eq!((&heard, &said), (b"hello", b"welcome"));
    Ok(())
}

#[test]
fn relay_and_agent_accept_each_other_with_every_kind_of_key() {
    for kind in ["ec", "ec384", "rsa"] {
        let site = Site::empty();
        site.ok(&["authority", "--key", kind]);
        site.ok(&["issue", "relay", "--dns", RELAY, "--key", kind]);
        site.ok(&["issue", "agent", "--key", kind]);
        Parties::of(&site)
            .shake_in_both_versions()
            .unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[test]
fn all_programs_are_accepted_and_every_name_of_the_relay_is_good() {
    let site = Site::empty();
    site.ok(&[
        "create",
        "--relay",
        "relay.example.com,mq.example.com,192.0.2.7,2001:db8::7",
        "--yes",
    ]);
    for client in ["scheduler", "worker", "api", "agent"] {
        let mut parties = Parties::of(&site);
        parties.client.1 = client;
        parties.shake_in_both_versions().expect(client);
    }
    for name in ["mq.example.com", "192.0.2.7", "2001:db8::7"] {
        let mut parties = Parties::of(&site);
        parties.name = name;
        parties.shake_in_both_versions().expect(name);
    }
    let mut parties = Parties::of(&site);
    parties.name = "elsewhere.example.com";
    assert!(parties.shake_in_both_versions().is_err());
}

#[test]
fn nobody_poses_as_somebody_else() {
    let site = Site::created(&[]);
    let other = Site::created(&[]);
    let mut parties = Parties::of(&site);
    parties.relay.1 = "agent";
    parties.name = "agent.site.example";
    let said = parties
        .shake_in_both_versions()
        .expect_err("an agent is no relay");
    assert!(said.contains("the client refuses the relay"), "{said}");

    let mut parties = Parties::of(&site);
    parties.client.1 = "rabbitmq";
    let said = parties
        .shake_in_both_versions()
        .expect_err("a relay is no client");
    assert!(said.contains("the relay refuses the client"), "{said}");

    // Both sites have the same names; only the keys differ.
    let mut parties = Parties::of(&site);
    parties.client.0 = &other;
    assert!(parties.shake_in_both_versions().is_err());
    let mut parties = Parties::of(&site);
    parties.relay.0 = &other;
    assert!(parties.shake_in_both_versions().is_err());
}
