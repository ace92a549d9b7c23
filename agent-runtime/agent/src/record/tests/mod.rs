//! The record as a whole: bounds, crashes, hands that should not touch it.

mod agent;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use mig_protocol::Time;
use mig_protocol::clock::ManualClock;

use super::entry::Refused;
use super::reader::{Part, Verdict};
use super::tell::{Wanted, history};
use super::*;

struct Kept {
    directory: tempfile::TempDir,
    clock: ManualClock,
}

impl Kept {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: ManualClock::new(Time::from_unix(1_700_000_000)),
        }
    }

    fn open(&self) -> Record {
        Record::open(
            self.directory.path(),
            SMALLEST,
            Arc::new(self.clock.clone()),
        )
    }

    fn files(&self, part: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.directory.path().join(DIRECTORY))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with(part)
            })
            .collect();
        files.sort();
        files
    }

    fn size(&self, part: &str) -> u64 {
        self.files(part)
            .iter()
            .map(|file| fs::metadata(file).unwrap().len())
            .sum()
    }

    fn read(&self, part: &'static str) -> (Vec<Entry>, Verdict) {
        let mut reader = Part::open(&self.directory.path().join(DIRECTORY), part).unwrap();
        let mut entries = Vec::new();
        while let Some(read) = reader.read().unwrap() {
            entries.push(read.line.entry);
        }
        (entries, reader.verdict())
    }
}

fn note(number: u64) -> Entry {
    Entry::Answered {
        command: number.to_string(),
        action: "5".into(),
        status: "success".into(),
        bytes: 1,
        sha256: "0".repeat(64),
    }
}

fn numbers(entries: &[Entry]) -> Vec<u64> {
    entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Answered { command, .. } => command.parse().ok(),
            _ => None,
        })
        .collect()
}

#[test]
fn what_is_written_is_read_in_order_after_any_number_of_starts() {
    let kept = Kept::new();
    for start in 0..5 {
        let record = kept.open();
        record.started(false);
        for number in 0..3 {
            record.operations(&[note(start * 3 + number)], true);
        }
        record.stopped();
    }
    let (entries, verdict) = kept.read("operations");
    assert_eq!(numbers(&entries), (0..15).collect::<Vec<_>>());
    assert!(verdict.is_intact(), "{verdict:?}");
    assert_eq!((verdict.first, verdict.removed, verdict.torn), (1, 0, 0));
}

#[test]
fn only_the_owner_reads_it_unless_the_directory_is_opened() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let kept = Kept::new();
    let record = kept.open();
    let directory = kept.directory.path().join(DIRECTORY);
    assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
    let file = &kept.files("operations")[0];
    assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o750)).unwrap();
    for number in 0..3000 {
        record.operations(&[note(number)], false);
    }
    let newest = kept.files("operations").pop().unwrap();
    assert_eq!(fs::metadata(newest).unwrap().mode() & 0o777, 0o640);
    assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o750);
}

#[test]
fn a_storm_of_alerts_stays_within_its_bound_and_operations_survive() {
    let kept = Kept::new();
    let record = kept.open();
    record.operations(&[note(1)], true);
    let text = "x".repeat(300);
    for _ in 0..5_000 {
        record.alert("audit", &text, "log", false);
    }
    // One that is as long as an alert can be in a line.
    record.alert("audit", &"\u{1}".repeat(1 << 20), "log", false);
    for number in 0..2_000_u32 {
        record.refused(Refused {
            kind: "target".into(),
            reason: format!("no {number} {}", "y".repeat(1000)),
            count: 1,
            ..Refused::default()
        });
        if number % 40 == 0 {
            kept.clock.advance(Duration::from_secs(61));
        }
    }
    for (part, share) in PARTS {
        let size = kept.size(part);
        assert!(size <= SMALLEST / 8 * share, "{part}: {size}");
        let (_, verdict) = kept.read(part);
        assert!(verdict.is_intact(), "{verdict:?}");
    }
    let (alerts, verdict) = kept.read("alerts");
    assert!(verdict.removed > 3_000 && verdict.first == verdict.removed + 1);
    assert_eq!(verdict.last - verdict.first + 1, verdict.entries);
    assert!(
        alerts
            .iter()
            .any(|entry| matches!(entry, Entry::Removed { .. }))
    );
    assert_eq!(numbers(&kept.read("operations").0), [1]);
    let [_, _, (_, condition)] = record.condition();
    assert_eq!(
        (condition.entries, condition.bytes),
        (verdict.entries, kept.size("alerts"))
    );
    assert_eq!((condition.lost, condition.failing), (0, None));
}

#[test]
fn every_refusal_is_counted_once() {
    let kept = Kept::new();
    let record = kept.open();
    for number in 0..1000_u64 {
        record.refused(Refused {
            kind: "acl".into(),
            reason: format!("reason {}", number % 100),
            count: 1,
            ..Refused::default()
        });
    }
    assert!(record.pending() > 900);
    kept.clock.advance(Duration::from_secs(60));
    record.tidy();
    assert_eq!(record.pending(), 0);
    let counted: u64 = kept
        .read("refusals")
        .0
        .iter()
        .map(|entry| match entry {
            Entry::Refused(refused) => refused.count,
            _ => 0,
        })
        .sum();
    assert_eq!(counted, 1000);
}

#[test]
fn a_line_that_was_cut_off_anywhere_costs_that_line_only() {
    let kept = Kept::new();
    let record = kept.open();
    for number in 0..3 {
        record.operations(&[note(number)], false);
    }
    drop(record);
    let file = kept.files("operations").remove(0);
    let whole = fs::read(&file).unwrap();
    let last = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    for length in last..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        // Nobody has repaired it yet.
        let (entries, verdict) = kept.read("operations");
        assert_eq!(numbers(&entries), [0, 1], "{length}");
        assert!(verdict.is_intact(), "{verdict:?}");
        assert_eq!(verdict.torn, (length - last) as u64);
        kept.open().operations(&[note(9)], false);
        let (entries, verdict) = kept.read("operations");
        assert_eq!(numbers(&entries), [0, 1, 9], "{length}");
        assert!(verdict.is_intact() && verdict.torn == 0, "{verdict:?}");
        let repaired = entries.contains(&Entry::Repaired {
            bytes: (length - last) as u64,
        });
        assert_eq!(repaired, length > last);
    }
}

#[test]
fn whatever_is_changed_or_taken_out_is_noticed() {
    let kept = Kept::new();
    let record = kept.open();
    for number in 0..40 {
        record.operations(&[note(number)], false);
    }
    drop(record);
    let file = kept.files("operations").remove(0);
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without = |at: usize| {
        let mut lines = lines.clone();
        lines.remove(at);
        lines.join("\n") + "\n"
    };
    for (changed, expected) in [
        (
            text.replace("\"command\":\"7\"", "\"command\":\"8\""),
            "does not follow",
        ),
        (without(5), "line 6 is missing"),
        (without(0), "line 1 is missing"),
        (lines[3..].join("\n") + "\n", "lines 1 to 3 are missing"),
        (
            text.replacen("{\"n\":4,", "{\"n\":4", 1),
            "line 4 is no line",
        ),
        (
            [lines[0], lines[2], lines[1], ""].join("\n"),
            "line 2 is missing",
        ),
        (
            text.clone() + lines[0] + "\n",
            "line 1 stands where 42 should be",
        ),
    ] {
        assert_ne!(changed, text);
        fs::write(&file, changed).unwrap();
        let (_, verdict) = kept.read("operations");
        assert!(
            verdict.breaks.iter().any(|wrong| wrong.contains(expected)),
            "{expected}: {verdict:?}"
        );
    }
    // It stays noticed after the agent went on.
    fs::write(&file, without(5)).unwrap();
    kept.open().operations(&[note(50)], false);
    let (entries, verdict) = kept.read("operations");
    assert!(!verdict.is_intact());
    assert_eq!(numbers(&entries).last(), Some(&50));
}

#[test]
fn a_file_taken_out_of_the_middle_or_the_beginning_is_missed() {
    for which in [0, 2] {
        let kept = Kept::new();
        let record = kept.open();
        for number in 0..1500 {
            record.operations(&[note(number)], false);
        }
        let files = kept.files("operations");
        assert!(files.len() > 3, "{}", files.len());
        fs::remove_file(&files[which]).unwrap();
        let (_, verdict) = kept.read("operations");
        assert!(
            verdict.breaks.iter().any(|wrong| wrong.contains("missing")),
            "{verdict:?}"
        );
    }
}

#[test]
fn what_somebody_does_to_the_files_under_a_running_agent_stays_visible() {
    let kept = Kept::new();
    let directory = kept.directory.path().join(DIRECTORY);
    let record = kept.open();
    for number in 0..5 {
        record.operations(&[note(number)], false);
    }
    // Cut at the end of a line: no later reader could tell.
    let file = kept.files("operations").remove(0);
    let text = fs::read_to_string(&file).unwrap();
    let shorter: String = text.split_inclusive('\n').take(4).collect();
    fs::write(&file, shorter).unwrap();
    record.operations(&[note(5)], false);
    let (entries, verdict) = kept.read("operations");
    assert_eq!(numbers(&entries), [0, 1, 2, 5]);
    assert!(!verdict.is_intact(), "{verdict:?}");
    // Removed altogether.
    fs::remove_dir_all(&directory).unwrap();
    record.operations(&[note(6)], false);
    let (entries, verdict) = kept.read("operations");
    assert!(matches!(&entries[0], Entry::Begun { why } if why.contains("removed")));
    assert_eq!(numbers(&entries), [6]);
    assert!(!verdict.is_intact(), "{verdict:?}");
}

#[test]
fn what_cannot_be_written_is_counted_and_said_later() {
    let kept = Kept::new();
    let directory = kept.directory.path().join(DIRECTORY);
    fs::write(&directory, "in the way").unwrap();
    let record = kept.open();
    record.operations(&[note(1), note(2)], true);
    record.operations(&[note(3)], true);
    let [(_, condition), ..] = record.condition();
    assert_eq!(condition.lost, 3);
    assert!(condition.failing.is_some());
    let line = record.to_line();
    assert!(
        line.contains("; 3 could not be written; it fails: "),
        "{line}"
    );
    fs::remove_file(&directory).unwrap();
    record.operations(&[note(4)], true);
    let [(_, condition), ..] = record.condition();
    assert_eq!((condition.lost, condition.failing), (3, None));
    let (entries, verdict) = kept.read("operations");
    assert!(verdict.is_intact());
    assert_eq!(numbers(&entries), [4]);
    assert!(
        entries
            .iter()
            .any(|entry| matches!(entry, Entry::Lost { entries: 3, .. }))
    );
}

#[test]
fn history_tells_what_is_wanted_newest_last() {
    let kept = Kept::new();
    let record = kept.open();
    record.started(true);
    for number in 0..10 {
        kept.clock.advance(Duration::from_secs(1));
        record.operations(&[note(number)], false);
        kept.clock.advance(Duration::from_secs(1));
        record.alert("audit", "{\"a\":1}", "dispatch", false);
    }
    let tell = |wanted: &Wanted| {
        let (mut output, mut remarks) = (Vec::new(), Vec::new());
        let intact = history(kept.directory.path(), wanted, &mut output, &mut remarks).unwrap();
        assert!(intact);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output), text(remarks))
    };
    let (all, remarks) = tell(&Wanted::default());
    let times: Vec<&str> = all
        .lines()
        .filter(|line| line.starts_with("20"))
        .map(|line| line.split("  ").next().unwrap())
        .collect();
    assert!(times.is_sorted() && times.len() == 24, "{all}");
    assert!(
        remarks.contains("operations: 12 entries, 1 to 12; unbroken"),
        "{remarks}"
    );
    let (last, remarks) = tell(&Wanted {
        last: 3,
        json: true,
        ..Wanted::default()
    });
    assert_eq!(last.lines().count(), 3);
    assert!(
        remarks.starts_with("the last 3 entries; 21 earlier"),
        "{remarks}"
    );
    for line in last.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["n"].is_u64() && value["what"].is_string(), "{line}");
    }
    let (alerts, _) = tell(&Wanted {
        alerts: true,
        module: Some("Audit".into()),
        since: Some(Time::from_unix(1_700_000_018)),
        json: true,
        ..Wanted::default()
    });
    assert_eq!(alerts.lines().count(), 2, "{alerts}");
    let (refused, _) = tell(&Wanted {
        refused: true,
        ..Wanted::default()
    });
    assert_eq!(refused, "");
}

#[test]
fn no_record_is_one_line_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let error = history(
        directory.path(),
        &Wanted::default(),
        &mut Vec::new(),
        &mut Vec::new(),
    )
    .unwrap_err()
    .to_string();
    assert!(error.starts_with("there is no owner's record in") && !error.contains('\n'));
}
