//! The options of `mig timedrift`.

use super::Parameters;
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Defaults, Failure, Options};

/// What `mig timedrift help` prints.
pub const HELP: &str = "\
Tells the local time, and how far it is from that of NTP servers
----------------------------------------------------------------
-drift <duration>  how far the clock may be off; without it only the local
                   time is returned. Numbers with units ns, us, ms, s, m, h.
                   ex: -drift 5s, -drift 1m30s, -drift 250ms
-server <host>     server to ask, with a port if it is not 123; repeat it for
                   several. Without it the servers that the endpoint's own
                   time service is configured with are asked (ntpd, ntpsec,
                   OpenNTPD, chrony, systemd-timesyncd), and public ones only
                   if none of them answers. ex: -server ntp1.example.net

The clock is within the window when most of the servers that answer say so; up
to four answers are taken. An endpoint is found when its clock is outside.

ex: -drift 5s
";

/// Turns words into parameters. No word at all asks for the local time.
///
/// # Errors
/// When a word is no option, an option is unknown, or a value is missing or
/// empty.
pub fn parse(words: &[String], _: Defaults) -> Result<Options<Parameters>, Failure> {
    if !words.is_empty() && Words::ask_for_help(words) {
        return Ok(Options::Help(HELP.to_owned()));
    }
    let mut parameters = Parameters::default();
    let mut words = Words::new(words);
    while let Some(name) = words.next_option()? {
        match name {
            "drift" => parameters.drift = filled(&mut words)?,
            "server" => parameters.servers.push(words.value()?),
            "h" | "help" => return Ok(Options::Help(HELP.to_owned())),
            _ => return Err(words.unknown()),
        }
    }
    Ok(Options::Parameters(parameters))
}

/// An empty drift would silently mean "none".
fn filled(words: &mut Words<'_>) -> Result<String, Failure> {
    let value = words.value()?;
    if value.is_empty() {
        let written = words.written();
        return Err(Failure::bad_parameters(
            written,
            format!("option {written}: the value is empty; write a duration like 5s"),
        ));
    }
    Ok(value)
}
