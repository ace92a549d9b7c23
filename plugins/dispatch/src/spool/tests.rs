//! The buffer as a whole: what it keeps over deaths, damage and floods.

use super::*;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

const SIZE: u64 = 4 << 20;

fn open(directory: &Path) -> Spool {
    Spool::open(directory, SIZE, WhenFull::DropOldest, 7)
        .unwrap()
        .0
}

fn alert(number: u64, record: &str) -> Pending {
    Pending::new(number, "audit".to_owned(), record, record.to_owned())
}

fn put(spool: &mut Spool, numbers: std::ops::RangeInclusive<u64>) {
    let alerts: Vec<Pending> = numbers.map(|n| alert(n, &n.to_string())).collect();
    assert_eq!(spool.append(&alerts).unwrap(), alerts.len());
}

/// Reads one batch and says that it was delivered.
fn deliver(spool: &mut Spool, most: usize) -> Vec<String> {
    let batch = spool.read(most, usize::MAX).unwrap();
    let fates = batch.iter().map(|e| (e.sequence, Fate::Delivered));
    spool.settle(&fates.collect()).unwrap();
    batch.into_iter().map(|entry| entry.record).collect()
}

fn drain(spool: &mut Spool) -> Vec<String> {
    let mut all = Vec::new();
    while spool.waiting() > 0 {
        all.extend(deliver(spool, 100));
    }
    all
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

fn balanced(spool: &Spool) {
    let p = spool.progress();
    assert_eq!(
        spool.stored(),
        p.delivered + p.rejected + p.dropped + p.damaged + spool.waiting(),
        "{p:?}"
    );
}

/// The files of segments, oldest first.
fn files(directory: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<PathBuf> = names.filter(|p| p.extension().is_some()).collect();
    files.sort();
    files
}

#[test]
fn a_restart_goes_on_behind_what_was_settled() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    put(&mut spool, 1..=10);
    assert_eq!(deliver(&mut spool, 4), numbers(1..=4));
    // Read, not settled: the process dies here.
    assert_eq!(spool.read(3, 1000).unwrap().len(), 3);
    drop(spool);
    let mut spool = open(directory.path());
    put(&mut spool, 11..=12);
    assert_eq!(drain(&mut spool), numbers(5..=12));
    balanced(&spool);
    assert_eq!((spool.stored(), spool.progress().delivered), (12, 12));
    assert_eq!(spool.waiting_bytes(), 0);
}

#[test]
fn a_full_buffer_drops_the_oldest_and_counts_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    let long = "x".repeat(100_000);
    for number in 1..=100 {
        let one = [alert(number, &format!("{number} {long}"))];
        assert_eq!(spool.append(&one).unwrap(), 1);
        assert!(spool.bytes() <= SIZE);
    }
    let dropped = spool.progress().dropped;
    assert!(dropped > 50, "{dropped}");
    balanced(&spool);
    let left = drain(&mut spool);
    assert_eq!(left.len() as u64, 100 - dropped);
    assert!(left[0].starts_with(&format!("{} ", dropped + 1)));
    assert!(left.last().unwrap().starts_with("100 "));
    balanced(&spool);
    assert_eq!(files(directory.path()).len(), 1);
}

#[test]
fn what_was_dropped_on_its_way_and_arrived_counts_as_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    put(&mut spool, 1..=3);
    let batch = spool.read(2, 1000).unwrap();
    assert!(spool.drop_oldest().unwrap());
    assert_eq!(spool.progress().dropped, 3);
    let fates = batch
        .iter()
        .map(|e| (e.sequence, Fate::Delivered))
        .collect();
    spool.settle(&fates).unwrap();
    assert_eq!(
        (spool.progress().dropped, spool.progress().delivered),
        (1, 2)
    );
    balanced(&spool);
}

#[test]
fn with_wait_a_full_buffer_takes_nothing_until_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(directory.path(), SIZE, WhenFull::Wait, 7).unwrap();
    let long = "x".repeat(200_000);
    let alerts: Vec<Pending> = (1..=30).map(|n| alert(n, &long)).collect();
    let stored = spool.append(&alerts).unwrap();
    assert!((15..=20).contains(&stored), "{stored}");
    assert_eq!(spool.append(&alerts[stored..]).unwrap(), 0);
    deliver(&mut spool, 5);
    assert!(spool.append(&alerts[stored..]).unwrap() > 0);
    balanced(&spool);
    assert_eq!(spool.progress().dropped, 0);
}

#[test]
fn a_torn_end_is_cut_and_its_number_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    put(&mut spool, 1..=3);
    drop(spool);
    let file = &files(directory.path())[0];
    let mut bytes = fs::read(file).unwrap();
    bytes.extend_from_within(32..50);
    fs::write(file, bytes).unwrap();
    let (mut spool, notes) = Spool::open(directory.path(), SIZE, WhenFull::DropOldest, 7).unwrap();
    assert!(notes[0].contains("18 bytes"), "{notes:?}");
    put(&mut spool, 4..=5);
    assert_eq!(drain(&mut spool), numbers(1..=5));
    assert_eq!(spool.progress().damaged, 0);
    balanced(&spool);
}

#[test]
fn damage_costs_what_it_hit_and_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    put(&mut spool, 1..=2);
    spool.roll().unwrap();
    put(&mut spool, 3..=6);
    spool.roll().unwrap();
    put(&mut spool, 7..=8);
    drop(spool);
    let files = files(directory.path());
    // The last entry of the first segment and the second of the next one.
    for (file, entry) in [(&files[0], 1), (&files[1], 1)] {
        let mut bytes = fs::read(file).unwrap();
        bytes[32 + entry * 44 + 30] ^= 0x40;
        fs::write(file, bytes).unwrap();
    }
    let mut spool = open(directory.path());
    assert_eq!(drain(&mut spool), ["1", "3", "5", "6", "7", "8"]);
    assert_eq!(spool.progress().damaged, 2);
    balanced(&spool);
}

#[test]
fn a_segment_that_is_gone_or_all_zeros_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    for start in [1, 4, 7] {
        put(&mut spool, start..=start + 2);
        spool.roll().unwrap();
    }
    drop(spool);
    let files = files(directory.path());
    fs::remove_file(&files[0]).unwrap();
    let length = fs::metadata(&files[1]).unwrap().len();
    fs::write(&files[1], vec![0; length as usize]).unwrap();
    let mut spool = open(directory.path());
    assert_eq!(drain(&mut spool), numbers(7..=9));
    assert_eq!(spool.progress().damaged, 6);
    balanced(&spool);
}

#[test]
fn without_the_progress_everything_is_sent_again_under_the_same_names() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    put(&mut spool, 1..=5);
    deliver(&mut spool, 2);
    let identity = spool.identity();
    drop(spool);
    fs::write(directory.path().join("progress"), b"nonsense").unwrap();
    let (mut spool, notes) = Spool::open(directory.path(), SIZE, WhenFull::DropOldest, 7).unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!(spool.identity(), identity);
    assert_eq!(drain(&mut spool), numbers(1..=5));
    balanced(&spool);
}

#[test]
fn without_segments_numbers_are_not_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    put(&mut spool, 1..=5);
    drain(&mut spool);
    drop(spool);
    fs::remove_file(&files(directory.path())[0]).unwrap();
    let mut spool = open(directory.path());
    put(&mut spool, 6..=6);
    assert_eq!(spool.read(1, 10).unwrap()[0].sequence, 6);
    balanced(&spool);
}

#[test]
fn what_a_killed_predecessor_stored_without_saying_so_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    put(&mut spool, 1..=4);
    drop(spool);
    let mut spool = open(directory.path());
    assert!(spool.knows(&alert(3, "3")) && spool.knows(&alert(4, "4")));
    assert!(!spool.knows(&alert(5, "5")));
    drop(spool);
    // The same numbers of another agent are other alerts.
    let (mut spool, _) = Spool::open(directory.path(), SIZE, WhenFull::DropOldest, 8).unwrap();
    assert!(!spool.knows(&alert(3, "3")));
    spool.close(false).unwrap();
    let mut spool = open(directory.path());
    assert!(!spool.knows(&alert(3, "something else")));
    assert!(
        !spool.knows(&alert(3, "3")),
        "after a foreign one all is new"
    );
    spool.close(true).unwrap();
    assert!(
        !open(directory.path()).knows(&alert(3, "3")),
        "after an end in order all is new"
    );
}

#[test]
fn alerts_of_a_new_agent_with_the_old_one_s_process_number_are_new() {
    let directory = tempfile::tempdir().unwrap();
    let same = |number| alert(number, "the same text every time");
    let mut spool = open(directory.path());
    let old: Vec<Pending> = (1..=9).map(same).collect();
    spool.append(&old).unwrap();
    drop(spool);
    let mut spool = open(directory.path());
    assert!(!spool.knows(&same(1)) && !spool.knows(&same(2)));
    let new: Vec<Pending> = (1..=4).map(same).collect();
    spool.append(&new).unwrap();
    drop(spool);
    let mut spool = open(directory.path());
    assert!(spool.knows(&same(4)), "of the same agent");
    assert!(!spool.knows(&same(5)), "the old agent's fifth");
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u16),
    Deliver(u8),
    Die,
    Drop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1_u8..20, 1_u16..2000).prop_map(|(count, size)| Step::Put(count, size)),
        (1_u8..20).prop_map(Step::Deliver),
        Just(Step::Die),
        Just(Step::Drop),
    ];
    prop::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_happens_the_order_stays_and_the_counters_add_up(steps in steps()) {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = open(directory.path());
        let (mut number, mut got) = (0_u64, Vec::new());
        for step in steps {
            match step {
                Step::Put(count, size) => {
                    let alerts: Vec<Pending> = (0..count).map(|_| {
                        number += 1;
                        alert(number, &format!("{number} {}", "x".repeat(usize::from(size))))
                    }).collect();
                    prop_assert_eq!(spool.append(&alerts).unwrap(), alerts.len());
                }
                Step::Deliver(most) => got.extend(deliver(&mut spool, usize::from(most))),
                Step::Die => {
                    drop(spool);
                    spool = open(directory.path());
                }
                Step::Drop => {
                    spool.drop_oldest().unwrap();
                }
            }
            balanced(&spool);
            prop_assert_eq!(spool.stored(), number);
        }
        got.extend(drain(&mut spool));
        let order: Vec<u64> = got.iter().map(|r| r.split(' ').next().unwrap().parse().unwrap()).collect();
        prop_assert!(order.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert_eq!(spool.progress().delivered, got.len() as u64);
        prop_assert_eq!(spool.progress().damaged, 0);
    }
}

/// The seeds of the fuzz target are what this version writes.
#[test]
fn the_seeds_of_the_fuzz_target_are_read() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/spool");
    let segment = fs::read(seeds.join("segment")).unwrap();
    let found = format::next(segment.as_slice(), format::HEADER, segment.len() as u64);
    assert_eq!(found.unwrap().unwrap().0.record, r#"{"event":1}"#);
    assert_eq!(format::identity(segment.as_slice()), Some(7));
    let progress = Progress::read(&fs::read(seeds.join("progress")).unwrap()).unwrap();
    assert_eq!(progress.position, 1);
}

/// A file system of one mebibyte, as long as this lives.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(disk.0.path())
            .output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        mounted.then_some(disk)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = std::process::Command::new("umount")
            .arg(self.0.path())
            .output();
    }
}

#[test]
fn a_full_disk_is_treated_like_a_full_buffer() {
    let Some(disk) = SmallDisk::new() else {
        return mig_testkit::skip("needs to mount a small file system");
    };
    let mut spool = open(disk.0.path());
    let long = "x".repeat(50_000);
    for number in 1..=60 {
        let one = [alert(number, &format!("{number} {long}"))];
        assert_eq!(spool.append(&one).unwrap(), 1);
        balanced(&spool);
    }
    assert!(spool.progress().dropped > 30, "{:?}", spool.progress());
    let left = drain(&mut spool);
    assert!(left.last().unwrap().starts_with("60 "));
    assert_eq!(spool.progress().damaged, 0);
    drop(spool);

    let waiting = disk.0.path().join("wait");
    fs::create_dir(&waiting).unwrap();
    let (mut spool, _) = Spool::open(&waiting, SIZE, WhenFull::Wait, 7).unwrap();
    let mut stored = 0;
    let error = loop {
        match spool.append(&[alert(stored + 1, &long)]) {
            Ok(count) => stored += count as u64,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(drain(&mut spool).len() as u64, stored);
    assert_eq!(spool.append(&[alert(stored + 1, &long)]).unwrap(), 1);
    balanced(&spool);
}
