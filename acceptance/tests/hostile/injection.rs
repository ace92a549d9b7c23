//! Text that other programs took for SQL. Here it is what it looks like: a name,
//! a pattern, or a target that cannot be understood.

use mig_protocol::{Agent, Time};
use serde_json::json;

use crate::asking;
use crate::hand::{HEARTBEATS, Hand};
use crate::https::{Https, query};
use crate::stage::{INVESTIGATOR, Stage};

const PAYLOADS: [&str; 24] = [
    "'; DROP TABLE agents; --",
    "\\'; DROP TABLE commands; --",
    "' OR '1'='1",
    "\" OR \"\"=\"",
    "') OR 1=1 --",
    "$$; DELETE FROM actions; $$",
    "$1",
    "?1",
    ":now",
    "E'\\x27' || 'x'",
    "U&'\\0027'",
    "\u{2019} OR 1=1 --",
    "\u{ff07} OR 1=1 --",
    "1::int",
    "-- a comment",
    "/* a comment */",
    "'||(SELECT version())||'",
    "'; SELECT pg_sleep(600); --",
    "1; ATTACH DATABASE 'x' AS y",
    "%' ESCAPE 'x",
    "a%b_c",
    "\r\nX-Injected: yes",
    "{{7*7}}${7*7}",
    "NULL",
];
/// Parameters that are patterns.
const PATTERNS: [&str; 8] = [
    "actionname",
    "agentname",
    "agentversion",
    "investigatorname",
    "loadername",
    "manifestname",
    "threatfamily",
    "status",
];
/// Parameters that are something else.
const OTHERS: [&str; 13] = [
    "actionid",
    "agentid",
    "commandid",
    "investigatorid",
    "loaderid",
    "manifestid",
    "after",
    "before",
    "foundanything",
    "limit",
    "offset",
    "target",
    "type",
];

#[test]
fn sql_is_only_text_on_postgresql_and_rabbitmq() {
    if let Some(stage) = Stage::large("10m") {
        sql_is_only_text(&stage);
    }
}

#[test]
fn sql_is_only_text_in_one_process() {
    sql_is_only_text(&Stage::small());
}

fn sql_is_only_text(stage: &Stage) {
    let _engines = stage.start();
    let hand = Hand::join(&stage.relay(), "hand");
    for (number, payload) in PAYLOADS.iter().enumerate() {
        hand.tell(
            HEARTBEATS,
            hand.heartbeat(|record| named(record, number, payload)),
        );
    }
    let known = PAYLOADS.len() + 1;
    stage.wait_until("everybody being known", || {
        stage.number("SELECT count(*) FROM agents") == known
    });
    let mut api = Https::to(stage.site());
    let names = actions(stage, &mut api);
    investigators(&mut api);
    let tables = tables(stage);

    // Patterns are compared with what there is, letter by letter.
    for payload in PAYLOADS {
        for (kind, parameter, field) in [
            ("agent", "agentname", "name"),
            ("agent", "agentversion", "version"),
            ("action", "actionname", "name"),
            ("investigator", "investigatorname", "name"),
        ] {
            let mut expected: Vec<String> = match kind {
                "action" => names.clone(),
                "agent" => PAYLOADS.iter().map(|name| (*name).to_owned()).collect(),
                _ => PAYLOADS.iter().map(|name| (*name).to_owned()).collect(),
            };
            expected.retain(|name| is_like(name, payload));
            expected.sort();
            let pairs = [("type", kind), ("limit", "1000"), (parameter, payload)];
            let reply = api.get(&format!("search?{}", query(&pairs)));
            let found = reply.values(kind).into_iter();
            let mut found: Vec<String> = found
                .map(|value| value[field].as_str().unwrap_or_default().to_owned())
                .collect();
            found.sort();
            assert_eq!(found, expected, "{kind}: {parameter}={payload:?}");
        }
    }
    for kind in [
        "action",
        "agent",
        "command",
        "investigator",
        "loader",
        "manifest",
    ] {
        for parameter in PATTERNS.iter().chain(&OTHERS) {
            for payload in PAYLOADS {
                let pairs = [(*parameter, payload), ("type", kind), ("limit", "1000")];
                let reply = api.get(&format!("search?{}", query(&pairs)));
                let said = reply.text();
                assert!(
                    reply.status < 500,
                    "{kind}: {parameter}={payload:?}: {said}"
                );
                assert!(
                    !said.contains("syntax error"),
                    "{parameter}={payload:?}: {said}"
                );
            }
        }
    }
    targets(&mut api);
    // In the path and in the names of parameters, escaped in ways that cannot be.
    for path in [
        "action?actionid=1%27%20OR%201=1",
        "agent?agentid=1;DROP%20TABLE%20agents",
        "command?commandid=%00",
        "investigator?investigatorid=1%2527",
        "publickey/%27%20OR%20%271%27=%271",
        "publickey/%00",
        "search?type=agent&agentname=%ff%fe",
        "search?type=agent&agentname=%00",
        "search?type=agent&agentname=a%00b",
        "search?type=agent&%27;DROP%20TABLE%20agents=1",
        "search?type=agent&agentname=%",
        "search?type=agent&agentname=%zz",
        "search?type=agent&target=name%3D%27%00%27",
        "search?type=agent&agentname=%5C",
        "search?type=agent&agentname=a%5C",
        "search?type=agent&limit=1e308&offset=1e308",
        "search?type=agent&limit=NaN",
        "search?type=agent&actionid=1e400",
        "search?type=agent&after=0000-01-01T00:00:00Z&before=9999-12-31T23:59:59Z",
    ] {
        let reply = api.get(path);
        assert!(reply.status < 500, "{path}: {}", reply.text());
    }
    assert_eq!(
        tables,
        self::tables(stage),
        "what there was is there, and nothing else"
    );
}

/// An agent that has the text wherever an agent has text.
fn named(record: &mut Agent, number: usize, payload: &str) {
    record.name = payload.to_owned();
    record.version = payload.to_owned();
    // Without what no queue's name may have.
    record.queueloc = format!("linux.{number}.{}", payload.replace(['\r', '\n'], " "));
    record.environment.ident = payload.to_owned();
    record.tags.insert(payload.to_owned(), payload.to_owned());
}

/// Posts an action of each name; those that no signature can cover are refused.
fn actions(stage: &Stage, api: &mut Https) -> Vec<String> {
    let mut names = Vec::new();
    for payload in PAYLOADS {
        let mut action = asking::action(payload, "swarm", json!({payload: payload}));
        // Far away, so that nothing happens to it here.
        action.validfrom = Time::now() + std::time::Duration::from_secs(86_400);
        action.expireafter = action.validfrom + std::time::Duration::from_secs(600);
        action.threat.family = payload.to_owned();
        action.description.author = payload.to_owned();
        let key = stage.site().path(&format!("{INVESTIGATOR}.key"));
        let signer = mig_protocol::openpgp::KeyFileSigner::from_file(&key, None);
        let signer = signer.expect("a key");
        let signed = mig_protocol::openpgp::sign_action(&mut action, &signer, Time::now());
        if signed.is_err() {
            // The API does not take what the signer refuses either.
            action.pgpsignatures = Some(vec!["none".into()]);
        }
        let body = query(&[("action", &asking::text_of(&action))]);
        let form = "application/x-www-form-urlencoded";
        let reply = api.post("action/create/", form, body.as_bytes());
        let expected = if signed.is_ok() { 202 } else { 400 };
        assert_eq!(reply.status, expected, "{payload:?}: {}", reply.text());
        if signed.is_ok() {
            names.push(payload.to_owned());
        }
    }
    assert!(names.len() > PAYLOADS.len() / 2, "{names:?}");
    names
}

/// Makes an investigator of each name.
fn investigators(api: &mut Https) {
    for payload in PAYLOADS {
        let body = query(&[("name", payload), ("permissions", "{\"search\":true}")]);
        let form = "application/x-www-form-urlencoded";
        let reply = api.post("investigator/create/", form, body.as_bytes());
        assert_eq!(reply.status, 201, "{payload:?}: {}", reply.text());
        for permissions in ["{\"'; DROP TABLE investigators; --\":true}", "'; --"] {
            let pairs = [
                ("id", payload),
                ("permissions", permissions),
                ("status", payload),
            ];
            let body = query(&pairs);
            let reply = api.post("investigator/update/", form, body.as_bytes());
            assert_eq!(reply.status, 400, "{payload:?}: {}", reply.text());
        }
    }
}

/// As targets: refused with the place where it is none, or found by the letter.
fn targets(api: &mut Https) {
    for payload in PAYLOADS {
        let quoted = payload.replace('\'', "''");
        // Keys may not have what only payloads have.
        let odd = |letter: char| letter.is_control() || "\"\\".contains(letter);
        let known = usize::from(!payload.contains(odd));
        for (target, found) in [
            (format!("name = '{quoted}'"), 1),
            (format!("environment->>'ident' = '{quoted}'"), 1),
            (format!("tags->>'{quoted}' = '{quoted}'"), known),
            (format!("tags->>'x' = '{quoted}'"), 0),
            (format!("name = '{quoted}' AND name = 'nobody'"), 0),
        ] {
            let pairs = [("type", "agent"), ("target", target.as_str())];
            let reply = api.get(&format!("search?{}", query(&pairs)));
            let names = reply.values("agent");
            assert_eq!(names.len(), found, "{target}: {}", reply.text());
            assert!(reply.status < 500, "{target}: {}", reply.text());
            assert!(
                names.iter().all(|agent| agent["name"] == payload),
                "{target}"
            );
        }
        for target in [
            payload.to_owned(),
            format!("name = '{payload}"),
            format!("1=1 {payload}"),
            format!("name = '' {payload}"),
            format!("id IN (SELECT id FROM investigators WHERE name = '{payload}')"),
            format!("{payload}->>'os' = 'linux'"),
        ] {
            let pairs = [("type", "agent"), ("target", target.as_str())];
            let reply = api.get(&format!("search?{}", query(&pairs)));
            // None of them is a condition of ours, whatever it is elsewhere.
            let refused = reply.status == 400 && reply.text().contains("target: ");
            assert!(refused, "{target}: {} {}", reply.status, reply.text());
        }
    }
}

/// How much there is of everything.
fn tables(stage: &Stage) -> Vec<(String, usize)> {
    let query = match stage {
        Stage::Large(_) => "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
        Stage::Small(..) => "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1",
    };
    let tables = stage.rows(query).into_iter();
    // Schedulers and statistics come and go by themselves.
    let steady = tables.filter(|table| {
        [
            "actions",
            "agents",
            "commands",
            "investigators",
            "outbox",
            "signatures",
        ]
        .contains(&table.as_str())
    });
    let counted: Vec<_> = steady
        .map(|table| {
            let count = stage.number(&format!("SELECT count(*) FROM {table}"));
            (table, count)
        })
        .collect();
    assert_eq!(counted.len(), 6, "{counted:?}");
    counted
}

/// PostgreSQL's ILIKE, from its documentation.
fn is_like(text: &str, pattern: &str) -> bool {
    fn matches(text: &[char], pattern: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|skip| matches(&text[skip..], rest)),
            ['_', rest @ ..] => !text.is_empty() && matches(&text[1..], rest),
            ['\\', letter, rest @ ..] | [letter, rest @ ..] => {
                text.first() == Some(letter) && matches(&text[1..], rest)
            }
        }
    }
    let letters = |text: &str| -> Vec<char> { text.to_lowercase().chars().collect() };
    matches(&letters(text), &letters(pattern))
}

#[test]
fn the_comparison_itself_is_right() {
    for (text, pattern, like) in [
        ("abc", "ABC", true),
        ("abc", "a%", true),
        ("abc", "a_c", true),
        ("abc", "a_", false),
        ("a%c", "a\\%c", true),
        ("abc", "a\\%c", false),
        ("", "%", true),
    ] {
        assert_eq!(is_like(text, pattern), like, "{text} {pattern}");
    }
}
