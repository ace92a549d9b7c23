//! `cargo xtask build`: everything that is shipped, with the modules that
//! `MODULETAGS` asks for.

use mig_acceptance::PLUGINS;

use crate::building::{Outcome, build as cargo_build, target_directory};
use crate::module_set::{ModuleSet, VARIABLE};

/// What belongs together with the agent, and carries no modules.
const TOOLS: [&str; 6] = [
    "mig-server",
    "mig-scheduler",
    "mig-api",
    "mig-worker-webhook",
    "mig-agent-search",
    "mig-plugin",
];
/// The packages that they come from.
const PACKAGES: [&str; 5] = [
    "mig-server",
    "mig-daemons",
    "mig-worker",
    "mig-agent-search",
    "mig-plugin",
];

/// The package of the clients that carry modules.
const CLIENTS: &str = "mig";

/// How to build.
#[derive(clap::Args)]
pub struct Options {
    /// Words of MODULETAGS, in place of those of the environment.
    #[arg(long, value_name = "WORDS")]
    moduletags: Option<String>,
}

/// Builds and says what came of it.
pub fn run(options: &Options) -> Outcome<()> {
    let set = match &options.moduletags {
        Some(words) => ModuleSet::from_words(words)?,
        None => ModuleSet::from_environment()?,
    };
    let named = |modules: &[String]| match modules {
        [] => "none".to_owned(),
        modules => modules.join(", "),
    };
    let modules = set.modules();
    println!(
        "modules of agent and clients ({VARIABLE}): {}",
        named(&modules)
    );
    shipped(&set, &set)?;
    let target = target_directory();
    let (release, agent) = (target.join("release"), target.join("agent"));
    println!("agent:   {}", agent.join("mig-agent").display());
    println!("clients: {}", release.join("mig").display());
    println!("tools:   {}/{{{}}}", release.display(), TOOLS.join(","));
    println!(
        "plugins: {}/lib{{{}}}.so",
        release.display(),
        PLUGINS.join(",")
    );
    Ok(())
}

/// Builds agent, clients, tools and all plugin files in the profiles that are
/// shipped.
pub fn shipped(clients: &ModuleSet, agent: &ModuleSet) -> Outcome<()> {
    let plugins = PLUGINS.map(|module| format!("mig-plugin-{module}"));
    let mut words = vec!["build", "--release"];
    for package in PACKAGES
        .into_iter()
        .chain(plugins.iter().map(String::as_str))
    {
        words.extend(["-p", package]);
    }
    let arguments = clients.arguments();
    if arguments.is_empty() {
        // With the default pack nothing needs to be said. Together with the tools,
        // because what both use would otherwise be compiled twice; the call after
        // this one makes the tools without the clients' modules again.
        let words = [words.as_slice(), &["-p", CLIENTS]].concat();
        cargo_build("clients and what they share with others", &words)?;
    } else {
        let mut words = vec!["build", "--release", "-p", CLIENTS];
        words.extend(arguments.iter().map(String::as_str));
        cargo_build("clients", &words)?;
    }
    cargo_build("server, tools and module plugins", &words)?;
    let arguments = agent.arguments();
    let mut words = vec!["build", "--profile", "agent", "-p", "mig-agent"];
    words.extend(arguments.iter().map(String::as_str));
    cargo_build("the agent, small", &words)
}
