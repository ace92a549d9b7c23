//! Limits, errors, cancelling, memory.

use crate::support::{Tree, errors, files, search};
use mig_module_file::FileModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

fn many(count: usize) -> Tree {
    let tree = Tree::new();
    (0..count).for_each(|n| {
        tree.file(format!("d{}/f{n}", n % 10), b"x\n");
    });
    tree
}

fn limited(tree: &Tree, options: Value) -> Value {
    search(
        json!({"paths": [tree.root()], "names": ["^f"], "contents": ["x"],
        "options": options}),
    )
}

#[test]
fn the_limit_of_hits_is_exact_with_matchall() {
    let tree = many(200);
    for (limit, wanted) in [(10.0, 10), (1.5, 2), (0.0, 200), (1000.0, 200), (-1.0, 0)] {
        let document = limited(&tree, json!({"matchall": true, "matchlimit": limit}));
        assert_eq!(files(&tree, &document, "s").len(), wanted, "limit {limit}");
        assert_eq!(document["statistics"]["totalhits"], wanted);
    }
}

#[test]
fn without_matchall_check_hits_count_and_no_file_is_cut_in_two() {
    let tree = many(50);
    let document = limited(&tree, json!({"matchlimit": 3}));
    assert_eq!(document["statistics"]["totalhits"], 4, "two checks a file");
    assert_eq!(files(&tree, &document, "s").len(), 4);
}

#[test]
fn the_limit_of_errors_counts_what_it_withholds() {
    let tree = Tree::new();
    (0..5).for_each(|n| {
        tree.link(format!("l{n}"), "missing");
    });
    let ask = |search_options: Value, names: Value| {
        errors(&search(json!({"paths": [tree.root()], "names": names,
            "options": search_options})))
    };
    assert_eq!(ask(json!({}), json!(["x"])).len(), 5, "zero is no limit");
    assert_eq!(ask(json!({"maxerrors": 5}), json!(["x"])).len(), 5);
    let lines = ask(json!({"maxerrors": 2}), json!(["x"]));
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].contains("/l0:") && lines[1].contains("/l1:"),
        "{lines:?}"
    );
    assert_eq!(lines[2], "3 errors were not returned (max errors = 2)");
    let lines = ask(json!({"maxerrors": 2}), json!([]));
    assert_eq!(lines.len(), 2, "only check-less searches: {lines:?}");
    assert_eq!(lines[1], "5 errors were not returned (max errors = 0)");
}

#[test]
fn a_run_ends_soon_after_it_was_cancelled_and_keeps_what_it_found() {
    let tree = many(400);
    let parameters = json!({"searches": {"s": {"paths": [tree.root()], "contents": ["x"],
        "options": {"matchall": true}}}});
    for polls in [0, 1, 5, 20] {
        let answer = FakeHost::new()
            .cancel_after(polls)
            .run::<FileModule>(parameters.clone());
        assert_eq!(answer.code, code::CANCELLED, "{}", answer.message());
        let document = answer.document();
        assert_eq!(document["success"], false);
        let counted = document["statistics"]["filescount"].as_u64().unwrap();
        assert!(counted < 400, "{counted} files after {polls} polls");
    }
}

#[test]
fn a_long_run_reports_its_progress() {
    let tree = many(9000);
    let answer = crate::support::attempt(json!({"searches": {"s": {"paths": [tree.root()],
        "names": ["nothing"]}}}));
    assert_eq!(answer.progress, [(8192, 0)]);
}

#[test]
fn reading_an_endless_line_can_be_cancelled() {
    let tree = Tree::new();
    let file = std::fs::File::create(tree.path("sparse")).unwrap();
    // Would take minutes.
    file.set_len(1 << 40).unwrap();
    let parameters = json!({"searches": {"s": {"paths": [tree.root()],
        "contents": ["^a+$"], "md5": ["0".repeat(32)], "options": {"matchall": false}}}});
    let answer = FakeHost::new()
        .cancel_after(20)
        .run::<FileModule>(parameters);
    assert_eq!(answer.code, code::CANCELLED);
    assert_eq!(answer.document()["statistics"]["totalhits"], 0);
}

#[test]
fn a_host_that_takes_no_more_gets_the_statistics() {
    let tree = many(30);
    let parameters = json!({"searches": {"s": {"paths": [tree.root()], "names": ["f"],
        "options": {"matchall": true}}}});
    let answer = FakeHost::new()
        .refuse_emit_after(10)
        .run::<FileModule>(parameters);
    assert_eq!(answer.code, code::LIMIT, "{}", answer.message());
    assert_eq!(answer.elements.len(), 10);
}

#[test]
fn a_growing_file_is_read_to_the_size_it_had() {
    let tree = Tree::of(&[("log", b"start\n")]);
    let path = tree.path("log");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = std::fs::File::options().append(true).open(&path).unwrap();
            let block = vec![b'x'; 1 << 16];
            let mut written = 0;
            while !stop.load(order) && written < 256 << 20 {
                std::io::Write::write_all(&mut file, &block).unwrap();
                written += block.len();
            }
        });
        for _ in 0..20 {
            let document = search(json!({"paths": [tree.root()], "contents": ["!nothing"],
                "options": {"matchall": true, "returnsha256": true}}));
            assert_eq!(files(&tree, &document, "s"), ["log"]);
        }
        stop.store(true, order);
    });
}

#[test]
fn files_that_vanish_spoil_nothing() {
    let tree = many(300);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !stop.load(order) {
                let path = tree.path(format!("d{}/f{n}", n % 10));
                std::fs::remove_file(&path).unwrap();
                std::fs::write(&path, b"x\n").unwrap();
                n = (n + 1) % 150;
            }
        });
        let _stop = mig_testkit::StopOnDrop(&stop);
        for _ in 0..10 {
            let document = search(json!({"paths": [tree.root()], "contents": ["x"],
                "mtimes": ["<1d"], "options": {"matchall": true}}));
            assert!(
                files(&tree, &document, "s").len() >= 150,
                "the others are found"
            );
        }
    });
}
