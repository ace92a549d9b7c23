//! What the tests share: a running site, somebody who asks, and looks behind the
//! curtain.

pub mod asking;
pub mod compiling;
pub mod database;
pub mod hostile;
pub mod marks;

use std::fs;
use std::process::Command;
use std::time::Duration;

use mig_acceptance::{Configuration, Investigator, Process, Programs, Site};

/// Long enough for a loaded machine, and for an agent that waits a minute between two
/// attempts to reach the relay; short enough to notice.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Label of a site's first agent.
pub const AGENT: &str = "agent";
/// What is in the file `data/passwd` of each site.
pub const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";

/// A site with its server and an agent running. Ada and Bob may ask; each alone
/// may use every module but `example`, for which it takes both.
pub struct Whole {
    // Declared in the order in which they must stop.
    pub agent: Process,
    pub server: Process,
    pub site: Site,
    /// Name of the agent.
    pub host: String,
    pub ada: Investigator,
}

impl Whole {
    /// A site as it comes.
    pub fn start() -> Self {
        Self::start_with(|_| {}, |agent| agent)
    }

    /// A site to which something is added before anything runs, and whose agent
    /// is configured in another way.
    pub fn start_with(
        prepare: impl FnOnce(&Site),
        configure: impl FnOnce(Configuration) -> Configuration,
    ) -> Self {
        let (site, ada) = files();
        prepare(&site);
        Self::start_on(site, ada, configure)
    }

    /// A site whose files are made.
    pub fn start_on(
        site: Site,
        ada: Investigator,
        configure: impl FnOnce(Configuration) -> Configuration,
    ) -> Self {
        let server = site.start_server().unwrap();
        let configuration = configure(site.agent_configuration(AGENT).unwrap());
        site.write("agent.cfg", configuration).unwrap();
        let mut agent = site.start_agent(AGENT).unwrap();
        let names = site.wait_until_online(&mut agent, "ada", 1).unwrap();
        Self {
            host: names[0].clone(),
            agent,
            server,
            site,
            ada,
        }
    }

    /// Ada asks, without the countdown.
    pub fn mig(&self, words: &[&str]) -> Said {
        mig(&self.site, "ada", words)
    }

    /// The directory with something to find.
    pub fn data(&self) -> String {
        self.site.path("data").display().to_string()
    }

    /// Ada asks for something that is there.
    pub fn ask(&self) -> Said {
        self.mig(&["file", "-path", &self.data(), "-name", "^passwd$"])
    }

    /// Checks that the agent is the process it was, and still works.
    pub fn assert_agent_lives(&mut self) {
        assert!(self.agent.is_running(), "{}", self.agent.last_words());
        let said = self.ask();
        assert_eq!(said.code, 0, "{said:?}\n{}", self.agent.last_words());
        assert!(
            said.stderr.contains("1 sent, 1 done, 1 succeeded"),
            "{said:?}"
        );
    }
}

/// A site of which nothing runs yet, with Ada (who is returned) and Bob.
pub fn files() -> (Site, Investigator) {
    let programs = Programs::beside_test().unwrap_or_else(|error| panic!("{error}"));
    files_with(programs, &["example"])
}

/// The same with these programs, and these modules as plugin files.
pub fn files_with(programs: Programs, plugins: &[&str]) -> (Site, Investigator) {
    let site = Site::new(programs, "mig-whole-", plugins).unwrap();
    let ada = site.add_investigator("ada").unwrap();
    let bob = site.add_investigator("bob").unwrap();
    let both = format!(
        r#"{{"ada": {{"fingerprint": "{}", "weight": 1}}, "bob": {{"fingerprint": "{}", "weight": 1}}}}"#,
        ada.fingerprint, bob.fingerprint
    );
    fs::create_dir(site.path("data")).unwrap();
    site.write("data/passwd", PASSWD).unwrap();
    site.write(
        "acl.cfg",
        format!(
            r#"{{"default": {{"minimumweight": 1, "investigators": {both}}},
                "example": {{"minimumweight": 2, "investigators": {both}}}}}"#
        ),
    )
    .unwrap();
    (site, ada)
}

/// Somebody of the site asks: `mig WORD -now -c CONFIGURATION WORDS`.
pub fn mig(site: &Site, investigator: &str, words: &[&str]) -> Said {
    let (first, rest) = words.split_first().expect("a module or -i");
    let mut call = site.mig();
    // `-i FILE` stands in the module's place and is an option itself.
    let rest = match (*first, rest) {
        ("-i", [file, rest @ ..]) => {
            call.args([first, file]);
            rest
        }
        _ => {
            call.arg(first);
            rest
        }
    };
    call.arg("-now").arg("-c");
    call.arg(site.path(&format!("{investigator}.migrc")));
    Said::by(call.args(rest))
}

/// What a program that ended had to say.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Runs a program to its end.
    pub fn by(command: &mut Command) -> Self {
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The one line that says `part`; there must be exactly one.
    #[track_caller]
    pub fn line_with(&self, part: &str) -> &str {
        let all = self.stdout.lines().chain(self.stderr.lines());
        let lines: Vec<&str> = all.filter(|line| line.contains(part)).collect();
        assert_eq!(lines.len(), 1, "`{part}` once in {self:?}");
        lines[0]
    }
}
