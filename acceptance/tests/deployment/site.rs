//! Following the pages, block by block.

use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};

use crate::machine::{Ended, Homes, Machine, Who, hindrance};
use crate::pages::{self, Block, Kind, Way};
use crate::siem::Siem;

/// How long something that comes by itself is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// What stands for passwords on the pages, and one that needs to be quoted nowhere.
const PLACEHOLDER: &str = "CHANGE-ME";
const WORD: &str = "pigeon";

/// What the original left, and how it is put into a machine.
const ORIGINAL_DATABASE: &str =
    include_str!("../../../control-plane/store/tests/postgres/data/original.sql");
const ORIGINAL_SITE: &str = include_str!("original.sh");

#[test]
fn the_pages_lead_to_an_embedded_site_and_its_first_investigation() {
    follow(Way::Embedded, |_| ());
}

#[test]
fn the_pages_lead_to_a_large_site_and_its_first_investigation() {
    follow(Way::Large, |_| ());
}

#[test]
fn the_pages_lead_to_a_database_that_others_run() {
    follow(Way::Remote, |_| ());
}

#[test]
fn the_pages_move_a_site_of_the_original_with_all_it_has() {
    follow(Way::Original, |machine| {
        // The page of the move names these, for they are on the other pages.
        for page in ["scheduler.md", "api.md", "agents.md"] {
            let blocks = pages::blocks(page, &pages::read(page), Way::Original);
            for block in blocks.expect("blocks") {
                match block.kind {
                    Kind::File(path) if path.ends_with(".service") => {
                        machine.write(&path, &block.text);
                    }
                    _ => {}
                }
            }
        }
        machine.write("~/original.sql", ORIGINAL_DATABASE);
        let site = ORIGINAL_SITE.replace(PLACEHOLDER, WORD);
        let ended = machine.run(Who::Ada, &site);
        assert!(ended.success, "{}", ended.output);
    });
}

/// Follows the pages of a way. `prepare` is done on the first machine when that has
/// programs, a user and directories.
fn follow(way: Way, prepare: impl FnOnce(&mut Machine)) {
    if let Some(hindrance) = hindrance() {
        mig_testkit::skip(&hindrance);
        return;
    }
    let homes = Homes::prepare();
    let mut first = Machine::start(0, &homes);
    let siem = Siem::start(&first);
    let mut second = None;
    let mut prepare = Some(prepare);
    for page in pages::of(way) {
        let blocks = pages::blocks(&page, &pages::read(&page), way);
        let blocks = blocks.unwrap_or_else(|problem| panic!("{problem}"));
        for block in &blocks {
            let began = Instant::now();
            let machine = if block.second {
                second.get_or_insert_with(|| {
                    let mut second = Machine::start(1, &homes);
                    first.connect(&mut second);
                    second
                })
            } else {
                &mut first
            };
            carry_out(machine, block);
            println!("{way:?} {} {:?}", block.place, began.elapsed());
        }
        if page == "webhook.md" {
            // What happened before the worker was connected, it is not told of: its
            // page ends with a question, which is asked until somebody hears of it.
            let question = blocks.last().expect("a question");
            mig_testkit::wait_until("the event of a result", PATIENCE, || {
                carry_out(&mut first, question);
                siem.has(&["command.results", "needle.txt"])
            });
        }
        if let Some(prepare) = prepare.take() {
            prepare(&mut first);
        }
    }
    let served_by = match way {
        Way::Embedded => ("mig-server", "embedded.md"),
        Way::Large => ("beam.smp", "relay.md"),
        Way::Remote | Way::Original => return,
    };
    connections_are_allowed(&mut first, way, served_by);
}

/// The program that agents connect to may have as many files open as its unit on that
/// page says, as far as this test may itself.
fn connections_are_allowed(machine: &mut Machine, way: Way, (program, page): (&str, &str)) {
    let blocks = pages::blocks(page, &pages::read(page), way).expect("blocks");
    let mut lines = blocks.iter().flat_map(|block| block.text.lines());
    let unit = lines.find_map(|line| line.strip_prefix("LimitNOFILE="));
    let unit: u64 = unit.expect("a limit").parse().expect("a number");
    assert!(unit > 1024, "{page}: {unit}");
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let script = format!(
        "for process in /proc/[0-9]*; do
             if [ \"$(cat $process/comm)\" = {program} ]; then
                 awk '/^Max open files/ {{ print \"limit\", $4 }}' $process/limits
             fi
         done 2>/dev/null"
    );
    let said = machine.run(Who::Root, &script).output;
    let limits: Vec<u64> = said
        .lines()
        .filter_map(|line| line.strip_prefix("limit ")?.parse().ok())
        .collect();
    let enough = limits.iter().any(|limit| *limit >= unit.min(most));
    assert!(enough, "{program}: {limits:?}, {page}: {unit}, here {most}");
}

fn carry_out(machine: &mut Machine, block: &Block) {
    let text = block.text.replace(PLACEHOLDER, WORD);
    match &block.kind {
        Kind::File(path) => machine.write(path, &text),
        Kind::Commands { repeat, output } => {
            let end = Instant::now() + PATIENCE;
            loop {
                let ended = machine.run(Who::Ada, &text);
                let Some(complaint) = complaint(&ended, output) else {
                    return;
                };
                if *repeat && Instant::now() < end {
                    continue;
                }
                let place = &block.place;
                let said = ended.output;
                let logs = machine.logs();
                panic!("{place}: {complaint}\n{text}\nwhich said:\n{said}\nlogs:\n{logs}");
            }
        }
    }
}

fn complaint(ended: &Ended, output: &[String]) -> Option<String> {
    if !ended.success {
        return Some("failed".to_owned());
    }
    let missing = pages::missing(&ended.output, output)?;
    Some(format!("did not print `{missing}`"))
}
