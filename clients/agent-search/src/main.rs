//! `mig-agent-search`: lists agents by properties or by a target.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use mig_client::ClientError;
use mig_client::configuration::Configuration;
use mig_client::http::Api;
use mig_client::terminal::printable;
use mig_client::{signer, targets};
use mig_flags::{Flag, Unknown, switch, value};
use mig_protocol::Agent;

const USAGE: &str = "\
mig-agent-search lists agents.

usage: mig-agent-search -p \"key=value [and key=value ...]\"
       mig-agent-search -t TARGET

  -p   properties: name or agentname, agentid, agentversion, status, before,
       after, limit; % stands for any text in names and versions
  -t   a condition or a macro of the configuration
  -c   configuration file; default ~/.migrc
  -V   version
";

const FLAGS: &[Flag] = &[value("p"), value("t"), value("c"), switch("V")];

/// The most agents a target question asks for.
const MOST_AGENTS: &str = "1000000";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match run(&words) {
        Ok(code) => code,
        Err(error) => {
            // What the API says may come from anywhere.
            eprintln!("error: {}", printable(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<ExitCode, ClientError> {
    let usage = |text: String| ClientError::Configuration(text);
    let flags = mig_flags::parse(words, FLAGS, Unknown::Refuse)
        .map_err(|error| usage(error.to_string()))?;
    if flags.is_set("V") {
        println!("{}", env!("CARGO_PKG_VERSION"));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(word) = flags.rest.first() {
        return Err(usage(format!(
            "`{word}` has no meaning here; quote what follows -p or -t"
        )));
    }
    let (properties, target) = (flags.value("p"), flags.value("t"));
    if properties.is_none() == target.is_none() {
        eprint!("{USAGE}");
        return Ok(ExitCode::FAILURE);
    }
    let configuration = Configuration::load(flags.value("c").map(PathBuf::from).as_deref())?;
    let mut query = vec![("type".to_owned(), "agent".to_owned())];
    if let Some(properties) = properties {
        query.extend(conditions(properties).map_err(usage)?);
    }
    if let Some(target) = target {
        let expression = targets::resolve(target, &configuration.macros);
        query.push(("target".to_owned(), expression.to_owned()));
        query.push(("limit".to_owned(), MOST_AGENTS.to_owned()));
    }
    let endpoint =
        configuration.endpoint(&format!("agent-search-{}", env!("CARGO_PKG_VERSION")))?;
    let api = Api::new(&endpoint, signer::credentials(&configuration)?, false)?;
    let query: Vec<(&str, &str)> = query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let agents: Vec<Agent> = match api.get("search", &query) {
        Ok(collection) => collection.documents("agent")?,
        Err(error) if error.is_nothing_found() => Vec::new(),
        Err(error) => return Err(error),
    };
    match print(&agents) {
        // Somebody like `head` has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ClientError::File {
            path: "standard output".to_owned(),
            source: error,
        }),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Reads `key=value and key=value`.
fn conditions(text: &str) -> Result<Vec<(String, String)>, String> {
    text.split(" and ")
        .map(|term| {
            let (key, value) = term
                .trim()
                .split_once('=')
                .ok_or_else(|| format!("`{term}`: expected key=value"))?;
            let key = match key.trim() {
                "name" => "agentname",
                known @ ("agentname" | "agentid" | "agentversion" | "status" | "before"
                | "after" | "limit") => known,
                other => {
                    return Err(format!(
                        "unknown key `{other}`; use name, agentid, agentversion, status, before, \
                         after or limit"
                    ));
                }
            };
            Ok((key.to_owned(), value.trim().replace('*', "%")))
        })
        .collect()
}

fn print(agents: &[Agent]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "name; id; status; version; mode; os; arch; pid; starttime; heartbeattime; tags; environment"
    )?;
    for agent in agents {
        let environment = &agent.environment;
        let fields = [
            agent.name.clone(),
            agent.id.to_string(),
            agent.status.to_string(),
            agent.version.clone(),
            agent.mode.to_string(),
            environment.os.clone(),
            environment.arch.clone(),
            agent.pid.to_string(),
            agent.starttime.to_string(),
            agent.heartbeatts.to_string(),
            serde_json::to_string(&agent.tags)?,
            serde_json::to_string(environment)?,
        ];
        writeln!(out, "{}", fields.map(|field| printable(&field)).join("; "))?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::conditions;

    #[test]
    fn properties_are_read_and_mistakes_named() {
        assert_eq!(
            conditions("name=*.dc1.% and status=online").unwrap(),
            [
                ("agentname".into(), "%.dc1.%".into()),
                ("status".into(), "online".into())
            ]
        );
        assert!(conditions("name").unwrap_err().contains("key=value"));
        assert!(conditions("version=1").unwrap_err().contains("`version`"));
    }
}
