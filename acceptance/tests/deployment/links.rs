//! What documentation points to exists, and nothing on the pages escapes the test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::pages::{self, Kind, Way};

#[test]
fn each_page_is_on_a_way_or_is_linked_from_the_contents() {
    let contents = pages::read("README.md");
    let ways: BTreeSet<String> = Way::ALL.into_iter().flat_map(pages::of).collect();
    let folder = std::fs::read_dir(pages::folder()).expect("the pages");
    for entry in folder {
        let name = entry.expect("a page").file_name();
        let name = name.to_str().expect("a name");
        assert!(
            name == "README.md" || contents.contains(&format!("]({name})")),
            "{name} is not in README.md"
        );
        let text = pages::read(name);
        // Those on no way have commands that nothing would execute.
        assert!(
            ways.contains(name) || !text.contains("```"),
            "{name} has blocks, and is on no way"
        );
        if let Err(problem) = pages::blocks(name, &text, Way::Large) {
            panic!("{problem}");
        }
    }
}

#[test]
fn what_could_not_be_executed_or_compared_is_refused() {
    let refused = [
        ("a language without a meaning", "```bash\ntrue\n```\n"),
        ("a block that is only indented", "    rm -r /\n"),
        ("a fence that is indented", "  ```sh\ntrue\n  ```\n"),
        ("a block without end", "```sh\ntrue\n"),
        ("a file without a name", "Here:\n\n```ini\nkey = 1\n```\n"),
        (
            "a file of two names",
            "`/a` or `/b`:\n\n```ini\nkey = 1\n```\n",
        ),
        ("output of nothing", "```text\nhello\n```\n"),
    ];
    for (what, text) in refused {
        let read = pages::blocks("page", text, Way::Large);
        assert!(read.is_err(), "{what}: {read:?}");
    }
    let expected = ["one … three".to_owned(), "four".to_owned()];
    assert_eq!(pages::missing("one two three\nfour\n", &expected), None);
    assert_eq!(
        pages::missing("four\none two three\n", &expected),
        Some("four")
    );
    assert_eq!(
        pages::missing("three one\nfour\n", &expected),
        Some("one … three")
    );
}

/// What builds the programs, before there is any test.
const EXECUTED_BEFORE: &str = "cargo xtask build";

#[test]
fn commands_within_sentences_are_executed_in_a_block() {
    let pages: BTreeSet<String> = Way::ALL.into_iter().flat_map(pages::of).collect();
    let mut executed = String::new();
    for page in &pages {
        let blocks = pages::blocks(page, &pages::read(page), Way::Large).expect("blocks");
        let embedded = pages::blocks(page, &pages::read(page), Way::Embedded).expect("blocks");
        for block in blocks.into_iter().chain(embedded) {
            if matches!(block.kind, Kind::Commands { .. }) {
                executed.push_str(&one_line(&block.text.replace("\\\n", " ")));
                executed.push('\n');
            }
        }
    }
    let mut only_said = Vec::new();
    for page in pages.iter().map(String::as_str).chain(["README.md"]) {
        for code in inline(&pages::read(page)) {
            let known = code == EXECUTED_BEFORE || executed.contains(&code);
            if is_command(&code) && !known {
                only_said.push(format!("{page}: {code}"));
            }
        }
    }
    assert!(only_said.is_empty(), "{only_said:#?}");

    let text =
        "Say `mig-pki\n  renew` or `mig`, `rm` and `sudo rm -r /`.\n```sh\nls `pwd` x\n```\n";
    let codes = inline(text);
    assert_eq!(codes, ["mig-pki renew", "mig", "rm", "sudo rm -r /"]);
    let commands = codes.iter().map(|code| is_command(code));
    assert_eq!(commands.collect::<Vec<_>>(), [true, false, false, true]);
}

/// What stands between single backquotes in the sentences of a page.
fn inline(text: &str) -> Vec<String> {
    let parts = text.split("```").step_by(2);
    parts
        .flat_map(|sentences| sentences.split('`').skip(1).step_by(2).map(one_line))
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether somebody could type it; the name of a program alone is a name.
fn is_command(code: &str) -> bool {
    const PROGRAMS: [&str; 12] = [
        "apt-get",
        "cargo",
        "curl",
        "gpg",
        "install",
        "mig",
        "openssl",
        "psql",
        "rabbitmqctl",
        "ss",
        "sudo",
        "systemctl",
    ];
    code.split_once(' ')
        .is_some_and(|(first, _)| PROGRAMS.contains(&first) || first.starts_with("mig-"))
}

#[test]
fn what_the_documentation_links_to_is_there() {
    let root = pages::documentation().join("..");
    let mut files = vec![root.join("README.md"), root.join("pki-scripts/README.md")];
    collect(&pages::documentation(), &mut files);
    let mut broken = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a page");
        for link in links(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => file.clone(),
                path => file.parent().expect("a folder").join(path),
            };
            let anchored = || {
                let page = std::fs::read_to_string(&target).unwrap_or_default();
                anchors(&page).contains(anchor)
            };
            if !target.exists() || !(anchor.is_empty() || anchored()) {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The pages below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "md") {
            files.push(path);
        }
    }
}

/// The targets of links to other places of the repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("](").filter_map(|(at, _)| {
        let target = text[at + 2..].split_once(')')?.0;
        let elsewhere = target.contains("://") || target.contains(char::is_whitespace);
        (!elsewhere && !target.is_empty()).then_some(target)
    })
}

/// The names of a page's headings in links.
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| {
            let heading = line.trim_start_matches('#').strip_prefix(' ')?;
            let kept = heading.to_lowercase().replace(' ', "-");
            let named = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_');
            line.starts_with('#')
                .then(|| kept.chars().filter(named).collect())
        })
        .collect()
}
