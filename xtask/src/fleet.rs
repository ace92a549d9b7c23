//! `cargo xtask bench swarm`: how many agents one machine carries.

use std::process::Command;
use std::time::{Duration, Instant};

use mig_acceptance::{Process, Programs, Site};

use crate::building::{Outcome, build, target_directory};
use crate::demo;

/// Who asks.
const INVESTIGATOR: &str = "ada";
/// How long agents may take to connect and to be known, beside a moment for
/// each.
const READY: Duration = Duration::from_secs(120);

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// How many agents.
    #[arg(long, default_value_t = 1000)]
    agents: usize,
    /// How many investigations of all of them.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Take the programs as they were built before.
    #[arg(long)]
    built: bool,
    /// More arguments of `mig-swarm`; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Starts a server and a swarm, asks, and prints what it took.
pub fn run(options: &Options) -> Outcome<()> {
    if !options.built {
        demo::build_programs()?;
        build("the swarm", &["build", "--release", "-p", "mig-swarm"])?;
    }
    let site = Site::new(Programs::shipped(&target_directory())?, "mig-bench-", &[])?;
    let ada = site.add_investigator(INVESTIGATOR)?;
    let list = serde_json::json!({"default": {"minimumweight": 1, "investigators":
        {INVESTIGATOR: {"fingerprint": ada.fingerprint, "weight": 1}}}});
    site.write("acl.cfg", list)?;
    let mut server = site.start_server()?;
    let begun = Instant::now();
    let mut swarm = start(&site, options)?;
    wait_until_known(&site, &mut swarm, options.agents)?;
    println!(
        "{} agents, started together, are known after {:.1} s",
        options.agents,
        begun.elapsed().as_secs_f64()
    );
    println!("mig-server: {} MiB", resident(server.id()) >> 10);
    let mut seconds = Vec::with_capacity(options.runs);
    for _ in 0..options.runs.max(1) {
        seconds.push(investigate(&site, options.agents)?);
    }
    seconds.sort_by(f64::total_cmp);
    println!(
        "one investigation of all of them, from the call of mig to its end, {} runs: \
         median {:.2} s, fastest {:.2} s, slowest {:.2} s",
        seconds.len(),
        seconds[seconds.len() / 2],
        seconds[0],
        seconds[seconds.len() - 1]
    );
    println!("mig-server: {} MiB after that", resident(server.id()) >> 10);
    swarm.stop()?;
    let report = std::fs::read_to_string(site.path("report.json"))
        .map_err(|error| format!("report.json: {error}"))?;
    println!("{report}");
    server.stop()?;
    site.remove()
}

fn start(site: &Site, options: &Options) -> Outcome<Process> {
    let configuration = site.agent_configuration("swarm")?;
    let relay = configuration.get("agent", "relay").unwrap_or_default();
    let mut call = Command::new(target_directory().join("release/mig-swarm"));
    call.args(["--agents", &options.agents.to_string(), "--relay", relay])
        .args(["--arrival", "0", "--ca"])
        .arg(site.path("ca.crt"))
        .arg("--cert")
        .arg(site.path("agent.crt"))
        .arg("--key")
        .arg(site.path("agent.key"))
        .arg("--keyring")
        .arg(site.path("agentkeys"))
        .arg("--acl")
        .arg(site.path("acl.cfg"))
        .arg("--directory")
        .arg(site.path("swarm"))
        .arg("--report")
        .arg(site.path("report.json"))
        .args(&options.arguments);
    Process::start("mig-swarm", &mut call, &site.path("swarm.log"))
}

/// Waits until the server knows all agents: what one investigation would ask.
fn wait_until_known(site: &Site, swarm: &mut Process, agents: usize) -> Outcome<()> {
    let patience = READY + Duration::from_millis(50) * u32::try_from(agents).unwrap_or(u32::MAX);
    swarm.wait_until("every agent being known", patience, || {
        let mut call = site.programs().tool("mig-agent-search");
        call.arg("-c")
            .arg(site.path(&format!("{INVESTIGATOR}.migrc")));
        let said = call.args(["-t", "allonline"]).output();
        // The first line is a heading.
        said.is_ok_and(|said| said.stdout.iter().filter(|byte| **byte == b'\n').count() > agents)
    })
}

/// Asks all agents once; returns how long it took, in seconds.
fn investigate(site: &Site, agents: usize) -> Outcome<f64> {
    let mut call = site.mig();
    call.args(["file", "-now", "-c"])
        .arg(site.path(&format!("{INVESTIGATOR}.migrc")))
        .args(["-t", "allonline", "-path", "/etc", "-name", "^passwd$"]);
    let begun = Instant::now();
    let said = call
        .output()
        .map_err(|error| format!("cannot run mig: {error}"))?;
    let took = begun.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&said.stderr);
    let complete = format!("{agents} sent, {agents} done, {agents} succeeded");
    if text.contains(&complete) {
        return Ok(took);
    }
    Err(format!("not all agents answered: {}", text.trim()))
}

/// Resident memory of a process in KiB; 0 when it is gone.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}
