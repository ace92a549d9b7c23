//! Erlang's TLS, which RabbitMQ uses: it serves with the relay's certificate and
//! asks the client for its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::site::{RELAY, Site};

/// Serves two connections and tells the common name of each client.
const SERVER: &str = r#"
    {ok, _} = application:ensure_all_started(ssl),
    {ok, Listener} = ssl:listen(0, [{ip, {127,0,0,1}}, {active, false}, binary,
        {cacertfile, "ca.crt"}, {certfile, "rabbitmq.crt"}, {keyfile, "rabbitmq.key"},
        {verify, verify_peer}, {fail_if_no_peer_cert, true}]),
    {ok, {_, Port}} = ssl:sockname(Listener),
    io:format("port ~p~n", [Port]),
    Serve = fun(_) ->
        {ok, Raw} = ssl:transport_accept(Listener),
        case ssl:handshake(Raw) of
            {ok, Socket} ->
                {ok, Der} = ssl:peercert(Socket),
                Subject = element(7, element(2, public_key:pkix_decode_cert(Der, otp))),
                {rdnSequence, Parts} = Subject,
                [Name] = [V || [{_, {2,5,4,3}, {_, V}}] <- Parts],
                ok = ssl:send(Socket, Name),
                ssl:close(Socket);
            _ -> refused
        end
    end,
    lists:foreach(Serve, [1, 2]),
    halt().
"#;

fn greeted(site: &Site, client: &str, port: u16) -> Result<String, String> {
    let mut roots = rustls::RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(site.path("ca.crt")).expect("an authority");
    roots.add(authority).expect("a trust anchor");
    let chain = CertificateDer::from_pem_file(site.path(&format!("{client}.crt")));
    let key = PrivateKeyDer::from_pem_file(site.path(&format!("{client}.key")));
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![chain.expect("a certificate")], key.expect("a key"))
        .expect("a configuration");
    let name = ServerName::try_from(RELAY).expect("a name");
    let mut client =
        rustls::ClientConnection::new(std::sync::Arc::new(config), name).expect("a client");
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let mut stream = rustls::Stream::new(&mut client, &mut socket);
    stream.flush().map_err(|error| error.to_string())?;
    let mut greeting = String::new();
    stream
        .read_to_string(&mut greeting)
        .map_err(|error| error.to_string())?;
    Ok(greeting)
}

#[test]
fn erlang_serves_with_the_relays_certificate_and_knows_the_agent_by_its_name() {
    let site = Site::created(&[]);
    site.ok(&["issue", "agent", "linux.web1.example.com"]);
    let other = Site::created(&[]);
    for ending in ["crt", "key"] {
        let from = other.path(&format!("agent.{ending}"));
        std::fs::copy(from, site.path(&format!("stranger.{ending}"))).expect("a copy");
    }
    let started = Command::new("erl")
        .args(["-noshell", "-eval", SERVER])
        .current_dir(site.path(""))
        .env("HOME", site.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut erlang) = started else {
        mig_testkit::skip("Erlang is not installed (package erlang-base, comes with RabbitMQ)");
        return;
    };
    let mut lines = BufReader::new(erlang.stdout.take().expect("a pipe")).lines();
    let port = lines.next().expect("a line").expect("text");
    let port = port
        .strip_prefix("port ")
        .and_then(|port| port.parse().ok())
        .unwrap_or_else(|| panic!("{port}"));
    let stranger = greeted(&site, "stranger", port);
    let agent = greeted(&site, "agents/linux.web1.example.com", port);
    // Whatever happened, it is not left behind.
    let _ = erlang.kill();
    let _ = erlang.wait();
    assert_eq!(agent.as_deref(), Ok("linux.web1.example.com"));
    stranger.expect_err("another authority's certificate");
}
