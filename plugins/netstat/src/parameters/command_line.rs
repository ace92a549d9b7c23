//! The options of `mig netstat`.

use super::Parameters;
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Defaults, Failure, Options};

/// What `mig netstat help` prints.
pub const HELP: &str = "\
Questions (repeat an option to give several values)
---------------------------------------------------
-lm <regex>   hardware address of an interface, in upper or lower case.
              ex: -lm '^8c:70:5a'
-nm <regex>   hardware address of a neighbour (ARP and neighbour discovery),
              lower case. ex: -nm '^02:00:00'
-li <ip>      address of an interface, IPv4 or IPv6, or a network in CIDR
              notation. ex: -li 10.0.0.0/8
-ni <ip>      address of a neighbour, or a network. ex: -ni fe80::/10
-ci <ip>      address of the remote end of a socket, or a network.
              ex: -ci 198.51.100.7
-lp <port>    local port of a socket, whatever its state. ex: -lp 22

Patterns are Go regular expressions (RE2) and match anywhere unless anchored.

Options
-------
-namespaces     look into every network namespace, not only the agent's
-onlylistening  with -lp: only sockets that wait for peers
-onlyconnected  with -ci: only sockets that have a peer

ex: -lp 3306 -onlylistening -namespaces
ex: -ci 198.51.100.0/24 -ci 2001:db8::/32 -nm '^02:00:00'
";

/// Turns words into parameters. The defaults are the same for everybody.
///
/// # Errors
/// A failure that names the option.
pub fn parse(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
    if Words::ask_for_help(words) {
        return Ok(Options::Help(HELP.to_owned()));
    }
    let mut parameters = Parameters::default();
    let mut words = Words::new(words);
    while let Some(name) = words.next_option()? {
        match name {
            "lm" => parameters.localmac.push(words.value()?),
            "nm" => parameters.neighbormac.push(words.value()?),
            "li" => parameters.localip.push(words.value()?),
            "ni" => parameters.neighborip.push(words.value()?),
            "ci" => parameters.connectedip.push(words.value()?),
            "lp" => parameters.listeningport.push(words.value()?),
            "namespaces" => parameters.namespaces = words.switch()?,
            "onlylistening" => parameters.onlylistening = words.switch()?,
            "onlyconnected" => parameters.onlyconnected = words.switch()?,
            "h" | "help" => return Ok(Options::Help(HELP.to_owned())),
            _ => return Err(words.unknown()),
        }
    }
    Ok(Options::Parameters(parameters))
}
