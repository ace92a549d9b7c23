//! The options of `mig ping`.

use super::validate::DEFAULT_PORT;
use super::{Parameters, Protocol};
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Defaults, Failure, Options};

/// What `mig ping help` prints.
pub const HELP: &str = "\
Asks a machine for an answer, as seen from the endpoint
-------------------------------------------------------
-d <destination>  IPv4 address, IPv6 address or host name (www.google.com).
                  The endpoint looks the name up. ex: -d 192.0.2.7
-p <protocol>     icmp, tcp or udp (icmp). ex: -p tcp
-dp <port>        destination port for tcp and udp (80). ex: -dp 443
-c <count>        number of attempts, up to 1000 (3). ex: -c 10
-t <seconds>      how long to wait for each answer, up to 300 (5). ex: -t 2

-p, -c and -t are options of mig too, which takes them as its own until it
meets an option that it does not know: put -d or -dp first.

icmp needs the right to open raw sockets (root), or a system that grants echo
requests to everybody (sysctl net.ipv4.ping_group_range).
A machine that does not answer udp may still be there: many never do.

ex: -d www.example.net -dp 443 -p tcp -c 5
";

fn default_parameters(defaults: Defaults) -> Parameters {
    match defaults {
        Defaults::Mig => Parameters {
            destination: "www.google.com".to_owned(),
            destinationport: -1.0,
            protocol: "icmp".to_owned(),
            count: 3.0,
            timeout: 5.0,
        },
        Defaults::Json | Defaults::Console => Parameters::default(),
    }
}

/// Turns words into parameters.
///
/// # Errors
/// When a word is no option, an option is unknown, or a value is missing or of
/// the wrong kind.
pub fn parse(words: &[String], defaults: Defaults) -> Result<Options<Parameters>, Failure> {
    if Words::ask_for_help(words) {
        return Ok(Options::Help(HELP.to_owned()));
    }
    let mut parameters = default_parameters(defaults);
    let mut port_given = false;
    let mut words = Words::new(words);
    while let Some(name) = words.next_option()? {
        match name {
            "d" => parameters.destination = words.value()?,
            "p" => parameters.protocol = words.value()?,
            "dp" => {
                parameters.destinationport = words.number()?;
                port_given = true;
            }
            "c" => parameters.count = words.number()?,
            "t" => parameters.timeout = words.number()?,
            "h" | "help" => return Ok(Options::Help(HELP.to_owned())),
            _ => return Err(words.unknown()),
        }
    }
    // Agents of the original know no default port: it is sent to them.
    let has_ports = Protocol::named(&parameters.protocol).is_some_and(Protocol::has_ports);
    if has_ports && !port_given {
        parameters.destinationport = f64::from(DEFAULT_PORT);
    }
    Ok(Options::Parameters(parameters))
}
