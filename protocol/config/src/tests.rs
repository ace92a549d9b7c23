use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SECTIONS: &[Section<'static>] = &[
    Section {
        name: "agent",
        keys: &[
            key("relay", Kind::Text),
            key("heartbeatfreq", Kind::Duration),
            key("isimmortal", Kind::Bool),
            key("tags", Kind::List),
        ],
    },
    Section {
        name: "stats",
        keys: &[key("maxactions", Kind::Integer)],
    },
];

fn read(text: &str) -> Result<Configuration, String> {
    parse("agent.cfg", text, SECTIONS).map_err(|error| error.to_string())
}

#[test]
fn the_whole_dialect_is_understood() {
    let text = "\u{feff}; comment\r
# another\r
[Agent] ; the agent
    Relay = \"amqps://u:p;#@host/mig\" ; comment behind
    heartbeatfreq=1h30m
    ISIMMORTAL
    tags = operator:it
    tags = \"a\\\"b\\\\c\\n\"
    tags =   inner  space   # cut
    tags =
[stats]maxactions = 0x1e
[agent]
    isimmortal = off
";
    let file = read(text).unwrap();
    assert_eq!(file.text("agent", "relay"), Some("amqps://u:p;#@host/mig"));
    assert_eq!(
        file.duration("agent", "heartbeatfreq"),
        Some(Duration::from_secs(5400))
    );
    assert_eq!(file.bool("agent", "isimmortal"), Some(false));
    assert_eq!(
        file.list("agent", "tags"),
        ["operator:it", "a\"b\\c\n", "inner  space", ""]
    );
    assert_eq!(file.integer("stats", "maxactions"), Some(30));
    assert_eq!(file.integer("stats", "other"), None);
}

#[test]
fn every_mistake_names_file_line_and_remedy() {
    for (text, expected) in [
        (
            "[agent]\nrelai = x",
            "agent.cfg: line 2: unknown key `relai` in [agent]; did you mean `relay`?",
        ),
        (
            "[agnet]\nrelay = x",
            "agent.cfg: line 1: unknown section [agnet]; did you mean [agent]?",
        ),
        ("[qqqqqq]", "agent.cfg: line 1: unknown section [qqqqqq]"),
        (
            "relay = x",
            "agent.cfg: line 1: `relay` stands before the first [section]",
        ),
        (
            "[agent]\n\nrelay",
            "agent.cfg: line 3: `relay` needs a value: relay = ...",
        ),
        (
            "[agent]\nisimmortal = maybe",
            "agent.cfg: line 2: `isimmortal` is `maybe`; expected true, yes, on, 1, false, no, off or 0",
        ),
        (
            "[agent]\nheartbeatfreq = 300",
            "agent.cfg: line 2: `heartbeatfreq` is `300`; expected a time span with a unit, for example 300s, 5m or 1h30m",
        ),
        (
            "[stats]\nmaxactions = many",
            "agent.cfg: line 2: `maxactions` is `many`; expected a whole number",
        ),
        ("[agent", "agent.cfg: line 1: a section is written [name]"),
        (
            "[agent]\n= x",
            "agent.cfg: line 2: expected `key = value`, a [section] or a comment",
        ),
        (
            "[agent]\nrelay = \"x",
            "agent.cfg: line 2: a quotation mark is not closed on this line",
        ),
        (
            "[agent]\nrelay = \\q",
            "agent.cfg: line 2: unknown escape `\\q`; known are \\\" \\\\ \\n and \\t",
        ),
    ] {
        assert_eq!(read(text).err().as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn all_mistakes_can_be_had_at_once() {
    let (file, errors) = parse_all(
        "f",
        "[agent]\na = 1\nrelay = r\n[x]\ny = 1\n[stats]\nb",
        SECTIONS,
    );
    assert_eq!(file.text("agent", "relay"), Some("r"));
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[test]
fn a_table_made_at_run_time_keeps_its_own_spelling() {
    let keys: Vec<String> = ["Path", "maxAge"].map(str::to_owned).to_vec();
    let keys = [key(&keys[0], Kind::List), key(&keys[1], Kind::Integer)];
    let section = String::from("Paths");
    let sections = [Section {
        name: &section,
        keys: &keys,
    }];
    let text = "\n[PATHS]\npath = /a\nMAXAGE = 1\n[paths]\nPath = /b\nmaxage = 2";
    let file = parse("f.cfg", text, &sections).unwrap();
    assert_eq!(file.list("Paths", "Path"), ["/a", "/b"]);
    assert_eq!(file.integer("Paths", "maxAge"), Some(2));
    let lines = |name, index| file.line("Paths", name, index);
    assert_eq!((lines("Path", 0), lines("Path", 1)), (Some(3), Some(6)));
    assert_eq!(lines("maxAge", 0), Some(7), "the last one counts");
    assert_eq!(lines("other", 0), None);
    let error = parse("f.cfg", "[paths]\nmaxagge = 1", &sections).unwrap_err();
    assert_eq!(
        error.to_string(),
        "f.cfg: line 2: unknown key `maxagge` in [Paths]; did you mean `maxAge`?"
    );
}

#[test]
fn a_missing_or_empty_required_key_is_named() {
    for text in ["", "[agent]\nrelay = \"\""] {
        let error = read(text)
            .unwrap()
            .required("agent", "relay")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("agent.cfg: [agent] relay is missing"),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_is_not_text_is_refused_with_its_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"[agent]\nrelay = \xff").unwrap();
    let error = load(file.path(), SECTIONS).unwrap_err().to_string();
    assert!(
        error.ends_with("line 2: the file is not UTF-8 text"),
        "{error}"
    );
    let missing = load(std::path::Path::new("/nonexistent/x.cfg"), SECTIONS).unwrap_err();
    assert!(
        missing.to_string().starts_with("/nonexistent/x.cfg: "),
        "{missing}"
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_fail_without_an_error(text in ".{0,400}") {
        let (_, errors) = parse_all("f", &text, SECTIONS);
        for error in errors {
            prop_assert!(error.to_string().starts_with("f: line "));
        }
    }

    #[test]
    fn lists_come_back_in_order_with_their_lines(
        values in prop::collection::vec("[a-z/]{1,8}", 1..20),
        gaps in prop::collection::vec(0usize..3, 20),
        upper in any::<bool>(),
    ) {
        let name = if upper { "TAGS" } else { "tAgs" };
        let (mut text, mut lines, mut at) = ("[agent]\n".to_owned(), Vec::new(), 1);
        for (value, gap) in values.iter().zip(gaps) {
            text.push_str(&"; remark\n".repeat(gap));
            at += gap + 1;
            lines.push(at);
            text.push_str(&format!("{name} = {value}\n"));
        }
        let file = read(&text).unwrap();
        prop_assert_eq!(file.list("agent", "tags"), &values[..]);
        for (index, line) in lines.into_iter().enumerate() {
            prop_assert_eq!(file.line("agent", "tags", index), Some(line));
        }
    }

    #[test]
    fn a_quoted_value_comes_back_as_it_was(value in "[^\\p{Cc}]{0,40}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let file = read(&format!("[agent]\nrelay = \"{quoted}\" ; c")).unwrap();
        prop_assert_eq!(file.text("agent", "relay"), Some(value.as_str()));
    }
}
