//! Directories, links, special files, depth.

use crate::support::{Tree, errors, files, found, run, search};
use serde_json::json;

#[test]
fn depth_counts_the_search_path_as_the_first_level() {
    let tree = Tree::of(&[("0", b""), ("a/1", b""), ("a/b/2", b""), ("a/b/c/3", b"")]);
    let at = |depth: f64| {
        found(
            &tree,
            json!({"names": ["^[0-9]$"], "options": {"maxdepth": depth}}),
        )
    };
    assert_eq!(at(1.0), ["0"]);
    assert_eq!(at(3.0), ["0", "a/1", "a/b/2"]);
    assert_eq!(at(2.5), ["0", "a/1"], "a fraction is cut off");
    assert_eq!(
        at(0.0),
        ["0", "a/1", "a/b/2", "a/b/c/3"],
        "zero is no limit"
    );
    assert_eq!(at(-1.0), [""; 0]);
}

#[test]
fn links_to_files_are_followed_and_reported_under_their_own_name() {
    let tree = Tree::of(&[("outside/real", b"hello\n"), ("in/plain", b"hello\n")]);
    tree.link("in/link", tree.path("outside/real"));
    tree.link("in/relative", "../outside/real");
    tree.link("in/chain", "relative");
    tree.link("in/to-directory", tree.path("outside"));
    let inside = json!([tree.text("in")]);
    let names = found(
        &tree,
        json!({"paths": inside, "contents": ["^hello$"], "sizes": ["6"]}),
    );
    assert_eq!(names, ["in/chain", "in/link", "in/plain", "in/relative"]);
    assert_eq!(
        found(&tree, json!({"paths": inside, "names": ["real"]})),
        [""; 0]
    );
}

#[test]
fn links_are_followed_below_relative_paths_too() {
    let tree = Tree::of(&[("text/real", b"hello\n")]);
    tree.link("links/one", "../text/real");
    tree.link("top", "text/real");
    // From the test's working directory up to the root, and down again.
    let here = std::env::current_dir().unwrap();
    let up = "../".repeat(here.components().count() - 1);
    let root = std::fs::canonicalize(tree.root()).unwrap();
    let relative = format!("{up}{}", root.to_str().unwrap().trim_start_matches('/'));
    for (path, found) in [("links", "links/one"), ("top", "text/real")] {
        let document = search(json!({"paths": [format!("{relative}/{path}")],
            "contents": ["^hello$"], "options": {"matchall": true}}));
        assert_eq!(errors(&document), [""; 0], "{path}");
        let entry = &document["elements"]["s"][0];
        assert_eq!(entry["file"], format!("{relative}/{found}"), "{document}");
    }
}

#[test]
fn a_link_that_leads_nowhere_is_one_error() {
    let tree = Tree::of(&[("file", b"")]);
    tree.link("dangling", "missing");
    tree.link("loop-a", "loop-b");
    tree.link("loop-b", "loop-a");
    let document = search(json!({"paths": [tree.root()], "names": ["file"]}));
    assert_eq!(document["statistics"]["openfailed"], 3);
    assert_eq!(document["statistics"]["filescount"], 1);
    let wanted = [
        format!(
            "ERROR: follow link {}: no such file or directory",
            tree.text("dangling")
        ),
        format!(
            "ERROR: follow link {}: too many levels of symbolic links",
            tree.text("loop-a")
        ),
        format!(
            "ERROR: follow link {}: too many levels of symbolic links",
            tree.text("loop-b")
        ),
    ];
    assert_eq!(errors(&document), wanted);
}

#[test]
fn directory_links_are_never_walked() {
    let tree = Tree::of(&[("a/file", b"")]);
    tree.link("a/up", "..");
    tree.link("a/self", ".");
    assert_eq!(found(&tree, json!({"names": ["file"]})), ["a/file"]);
}

#[test]
fn a_file_as_search_path_is_looked_at_directly() {
    let tree = Tree::of(&[("dir/file", b"hello\n")]);
    let path = tree.text("dir/file");
    let document = search(
        json!({"paths": [path], "names": ["^file$"], "contents": ["hello"],
        "options": {"matchall": true}}),
    );
    assert_eq!(document["elements"]["s"][0]["file"], path);
    assert_eq!(document["statistics"]["filescount"], 1);
    // Cleaned: an unclean path gives the same.
    let unclean = format!("{}//dir/./x/../file/", tree.root());
    let document = search(json!({"paths": [unclean], "names": ["^file$"],
        "options": {"matchall": true}}));
    assert_eq!(document["elements"]["s"][0]["file"], path);
    assert_eq!(
        document["elements"]["s"][0]["search"]["paths"],
        json!([path])
    );
}

#[test]
fn a_link_to_a_file_as_search_path_is_reported_as_what_it_leads_to() {
    let tree = Tree::of(&[("dir/real", b"hello\n")]);
    tree.link("one", "dir/real");
    tree.link("two", tree.path("one"));
    let document = search(json!({"paths": [tree.text("two")], "names": ["^real$"],
        "options": {"matchall": true}}));
    assert_eq!(files(&tree, &document, "s"), ["dir/real"]);
    assert_eq!(errors(&document), [""; 0]);
}

#[test]
fn a_link_to_a_directory_as_search_path_is_looked_at_but_not_walked() {
    let tree = Tree::of(&[("real/file", b"hello\n")]);
    tree.link("link", "real");
    let ask = |criteria: serde_json::Value| {
        let mut criteria = criteria;
        criteria["paths"] = json!([tree.text("link")]);
        criteria["options"]["matchall"] = json!(true);
        search(criteria)
    };
    let document = ask(json!({"names": ["^link$"], "modes": ["^d"]}));
    assert_eq!(files(&tree, &document, "s"), ["link"]);
    let (link, real) = (tree.text("link"), tree.text("real"));
    let warning = format!("warning: {link} is a link to {real} and was not followed");
    assert_eq!(errors(&document), std::slice::from_ref(&warning));
    assert_eq!(files(&tree, &ask(json!({"names": ["file"]})), "s"), [""; 0]);
    assert_eq!(
        files(&tree, &ask(json!({"contents": ["!hello"]})), "s"),
        ["link"]
    );
    assert_eq!(
        files(&tree, &ask(json!({"contents": ["hello"]})), "s"),
        [""; 0]
    );
    let document = ask(json!({"md5": ["0".repeat(32)]}));
    assert_eq!(
        errors(&document),
        [format!("ERROR: read {link}: is a directory"), warning]
    );
}

#[test]
fn what_is_missing_is_named_once() {
    let tree = Tree::of(&[("file", b"")]);
    let missing = tree.text("missing/*");
    let document = search(json!({"paths": [missing, missing], "names": ["x"]}));
    assert_eq!(document["statistics"]["openfailed"], 1);
    assert_eq!(
        errors(&document),
        [format!("ERROR: open {missing}: no such file or directory")]
    );
    assert_eq!(document["success"], true);
    let below_a_file = tree.text("file/x");
    let document = search(json!({"paths": [below_a_file], "names": ["x"]}));
    assert_eq!(
        errors(&document),
        [format!("ERROR: open {below_a_file}: not a directory")]
    );
}

#[test]
fn special_files_never_block() {
    let tree = Tree::of(&[("file", b"hello\n")]);
    tree.fifo("pipe");
    let _socket = std::os::unix::net::UnixListener::bind(tree.path("socket")).unwrap();
    assert_eq!(found(&tree, json!({"contents": ["hello"]})), ["file"]);
    assert_eq!(
        found(&tree, json!({"names": ["."]})),
        ["file"],
        "silently skipped inside"
    );

    let pipe = json!([tree.text("pipe")]);
    assert_eq!(
        found(&tree, json!({"paths": pipe, "modes": ["^prw"]})),
        ["pipe"]
    );
    let document = search(json!({"paths": pipe, "contents": ["!x"], "md5": ["0".repeat(32)]}));
    assert_eq!(files(&tree, &document, "s"), [""; 0]);
    let wanted = "not a regular file, its content is not read";
    assert_eq!(
        errors(&document),
        [format!("ERROR: read {}: {wanted}", tree.text("pipe"))]
    );

    let document = search(json!({"paths": [tree.text("socket")], "names": ["socket"]}));
    assert_eq!(document["statistics"]["openfailed"], 1);
    assert_eq!(errors(&document).len(), 1);

    let document = search(json!({"paths": ["/dev/zero"], "contents": ["x"], "modes": ["^Dc"]}));
    assert_eq!(document["statistics"]["totalhits"], 1, "metadata only");
}

#[test]
fn holes_read_as_zeros() {
    let tree = Tree::new();
    let file = std::fs::File::create(tree.path("sparse")).unwrap();
    file.set_len(20 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"\nneedle\n", 15 << 20).unwrap();
    assert_eq!(
        found(&tree, json!({"contents": ["^needle$"], "sizes": ["20m"]})),
        ["sparse"]
    );
    assert_eq!(found(&tree, json!({"contents": ["^\\x00*$"]})), ["sparse"]);
}

#[test]
fn large_files_are_shared_between_threads_and_counted_once() {
    let mut large = vec![b'x'; 5 << 20];
    large.extend_from_slice(b"\nend\n");
    let tree = Tree::new();
    for number in 0..6 {
        tree.file(format!("big{number}"), &large);
        tree.file(format!("d{number}/small"), b"end\n");
    }
    let document = search(json!({"paths": [tree.root()], "contents": ["^end$"],
        "options": {"matchall": true, "returnsha256": true}}));
    assert_eq!(files(&tree, &document, "s").len(), 12);
    assert_eq!(document["statistics"]["filescount"], 12);
    let sums: std::collections::BTreeSet<&str> = document["elements"]["s"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["fileinfo"]["sha256"].as_str().unwrap())
        .collect();
    assert_eq!(sums.len(), 2);
}

#[test]
fn thousands_of_files_in_many_directories_are_each_seen_once() {
    let tree = Tree::new();
    for directory in 0..40 {
        for file in 0..50 {
            tree.file(
                format!("d{directory}/e{}/f{file}", directory % 7),
                b"word\n",
            );
        }
    }
    let document = search(json!({"paths": [tree.root()], "contents": ["^word$"],
        "options": {"matchall": true}}));
    let names = files(&tree, &document, "s");
    assert_eq!(names.len(), 2000);
    assert!(names.is_sorted());
    assert_eq!(document["statistics"]["filescount"], 2000);
}

#[test]
fn a_very_deep_tree_is_walked_to_its_end() {
    let tree = Tree::new();
    // Deeper than the directories that are kept open, each with a sibling.
    let mut path = String::new();
    for level in 0..120 {
        path.push_str(&format!("d{level}/"));
        tree.directory(format!("{path}side"));
    }
    tree.file(format!("{path}bottom"), b"x\n");
    let names = found(&tree, json!({"contents": ["x"]}));
    assert_eq!(names, [format!("{path}bottom")]);
}

#[test]
fn relative_paths_are_reported_as_they_were_asked() {
    // The test's working directory is the package's own.
    let ask = |paths: serde_json::Value| {
        let document = run(json!({"searches": {"s": {"paths": paths,
            "names": ["^Cargo\\.toml$"], "options": {"matchall": true, "maxdepth": 1}}}}));
        document["elements"]["s"][0]["file"].clone()
    };
    assert_eq!(ask(json!(["."])), "./Cargo.toml");
    assert_eq!(ask(json!([""])), "./Cargo.toml");
    assert_eq!(ask(json!(["Cargo.toml"])), "Cargo.toml");
    assert_eq!(ask(json!(["./src/../Cargo.toml"])), "Cargo.toml");
    assert_eq!(ask(json!(["../file"])), "../file/Cargo.toml");
}

#[test]
fn what_the_kernel_makes_up_is_read_only_when_asked_for() {
    let document = search(
        json!({"paths": ["/proc/self/status"], "contents": ["^Name:"],
        "options": {"matchall": true}}),
    );
    assert_eq!(document["statistics"]["totalhits"], 1, "{document}");
}
