//! What is accepted, what it means, and what is refused with which words.

use mig_target::{AgentFacts, Target, Verdict};
use serde_json::json;
use time::macros::datetime;

const NOW: time::OffsetDateTime = datetime!(2024-03-01 12:00:00 UTC);

fn agent() -> AgentFacts {
    AgentFacts {
        name: "web1.dc1.example.org".into(),
        queueloc: "linux.abc".into(),
        mode: "daemon".into(),
        version: "20240101-0.abc.prod".into(),
        pid: 812,
        environment: json!({
            "init": "systemd", "ident": "Ubuntu 22.04", "os": "linux", "arch": "amd64",
            "isproxied": false, "addresses": ["10.1.2.3/24"], "aws": {"amiid": "ami-1"},
            "uptime": "41", "load": 1.5, "nothing": null
        }),
        tags: json!({"operator": "it"}),
    }
}

#[test]
fn accepted_targets_and_what_an_agent_makes_of_them() {
    use Verdict::{False, True, Unknown};
    let cases = [
        ("true", True),
        ("1=1", True),
        ("false OR name = 'web1.dc1.example.org'", True),
        ("environment->>'os'='linux'", True),
        ("environment->>'os'='linux' AND status='online'", Unknown),
        ("environment->>'os'='windows' AND status='online'", False),
        (
            "NOT (environment->>'os'='windows' AND status='online')",
            True,
        ),
        ("status='online'", Unknown),
        ("agents.queueloc like 'linux.%'", True),
        ("queueloc LIKE 'Linux.%'", False),
        ("queueloc ILIKE 'Linux.%'", True),
        ("queueloc NOT ILIKE 'Linux.%'", False),
        (
            "queueloc LIKE 'linux.%' AND environment->>'ident' ILIKE '%ubuntu%'",
            True,
        ),
        ("name LIKE '%.dc1.%'", True),
        ("name LIKE 'web_.dc1%'", True),
        ("name LIKE 'web\\_.dc1%'", False),
        ("name ~ '^web[0-9]+\\.dc1'", True),
        ("name !~* '^WEB'", False),
        ("name ~ '^WEB'", False),
        ("tags->>'operator'='it'", True),
        ("tags->>'nobody'='it'", False),
        ("NOT tags->>'nobody'='it'", False),
        ("tags->>'nobody' IS NULL", True),
        ("tags->>'operator' IS NOT NULL", True),
        ("environment->>'nothing' IS NULL", True),
        ("environment->'nothing' IS NULL", False),
        ("environment->'aws'->>'amiid' = 'ami-1'", True),
        ("environment#>>'{aws,amiid}' = 'ami-1'", True),
        ("environment #>> '{addresses,0}' LIKE '10.%'", True),
        ("environment->'addresses'->>0 LIKE '10.%'", True),
        ("environment->'addresses'->>1 LIKE '10.%'", False),
        ("environment->>'isproxied' = 'false'", True),
        ("(environment->>'isproxied')::boolean", False),
        ("(environment->>'isproxied')::boolean = false", True),
        ("(environment->>'uptime')::int > 40", True),
        ("(environment->>'ident')::int > 40", False),
        ("(environment->>'load')::numeric = 1.5", True),
        ("environment->>'os'::text = 'linux'", True),
        ("pid = 812 AND pid='812' AND pid <> 5 AND pid != -1", True),
        ("pid::text LIKE '8%'", True),
        ("pid BETWEEN 800 AND 900", True),
        ("pid NOT BETWEEN 800 AND 900", False),
        ("mode IN ('daemon', 'checkin')", True),
        ("mode NOT IN ('checkin')", True),
        ("id IN (1, 2, 3)", Unknown),
        ("starttime < NOW() - INTERVAL '30 days'", Unknown),
        ("heartbeattime > now() - '5 minutes'::interval", Unknown),
        ("NOW() - INTERVAL '1 day' < '2024-03-01'", True),
        ("CURRENT_TIMESTAMP > '2024-03-01 11:59:59'::timestamp", True),
        ("refreshtime > '2024-01-01T00:00:00Z'", Unknown),
        ("name = 'it''s'", False),
        ("loadername IS NULL", Unknown),
        (
            "id IN (select agentid from commands, json_array_elements(commands.results) as r \
             where actionid=12 and r#>>'{foundanything}' = 'true')",
            Unknown,
        ),
        (
            "ID in ( SELECT AgentId FROM Commands , JSON_ARRAY_ELEMENTS ( commands.results ) r \
             WHERE commands.actionid = 12 AND r#>>'{foundanything}' = 'false' ) \
             AND environment->>'os' = 'windows'",
            False,
        ),
        (
            "id IN (SELECT agentid FROM commands WHERE commands.actionid = 12)",
            Unknown,
        ),
        (
            "id NOT IN (SELECT agentid FROM commands WHERE actionid = 12 AND status = 'success')",
            Unknown,
        ),
        (
            "id IN (SELECT c.agentid FROM commands AS c, actions a WHERE c.actionid = a.id \
             AND a.name LIKE 'file%' AND a.threat->>'family' = 'audit')",
            Unknown,
        ),
        (
            "id IN (SELECT agentid FROM commands WHERE actionid IN \
             (SELECT id FROM actions WHERE starttime > NOW() - INTERVAL '1 week'))",
            Unknown,
        ),
        // A whole number that is no integer: too large to be exact.
        ("pid < 10000000000000000.0", True),
    ];
    for (text, expected) in cases {
        let target = Target::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(target.evaluate(NOW, &agent()), expected, "{text}");
        let printed = target.to_string();
        let again = Target::parse(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
        assert_eq!(again, target, "{printed}");
    }
}

#[test]
fn and_binds_tighter_than_or_and_not_tighter_than_both() {
    let plain = Target::parse("NOT pid=1 AND pid=2 OR pid=3 AND pid=4").unwrap();
    let explicit = Target::parse("((NOT (pid=1)) AND pid=2) OR (pid=3 AND pid=4)").unwrap();
    assert_eq!(plain, explicit);
}

#[test]
fn refusals_name_the_place_and_what_was_expected() {
    let cases = [
        ("", "target: column 1: expected a condition, found nothing"),
        (
            "name",
            "target: column 5: expected a comparison such as = or LIKE, found the end",
        ),
        (
            "name =",
            "target: column 7: expected a column, a constant or `(`, found the end",
        ),
        (
            "name = web1",
            "target: column 8: unknown column `web1`; there are id, name, queueloc, mode, version, pid, starttime, destructiontime, heartbeattime, refreshtime, status, environment, tags, loadername",
        ),
        ("é='x'", "target: column 1: unexpected character `é`"),
        (
            "'é' = 'é' XOR true",
            "target: column 11: expected AND, OR or the end, found `XOR`",
        ),
        (
            "status=\"online\"",
            "target: column 8: text stands in single quotes, names stand without quotes",
        ),
        (
            "status='online",
            "target: column 8: this text has no closing quote",
        ),
        (
            "status='online'; DROP TABLE agents",
            "target: column 16: a target is one condition, without `;`",
        ),
        (
            "true -- really",
            "target: column 6: comments are not part of a target",
        ),
        (
            "true) OR (true",
            "target: column 5: expected AND, OR or the end, found `)`",
        ),
        (
            "name = 5",
            "target: column 8: text cannot be compared with a number; write it in quotes",
        ),
        (
            "pid = 'x'",
            "target: column 7: expected a number, found 'x'",
        ),
        (
            "pid LIKE '8%'",
            "target: column 1: expected text, found a number",
        ),
        (
            "environment = 'linux'",
            "target: column 1: expected text, found a JSON document; use ->> to get at a part of the document as text",
        ),
        (
            "environment->>'a'->>'b' = 'x'",
            "target: column 1: expected a JSON document, found text",
        ),
        (
            "environment->>'x'::int > 5",
            "target: column 18: write parentheses around the value: (environment->>'key')::type",
        ),
        (
            "name = NULL",
            "target: column 8: compare with IS NULL or IS NOT NULL",
        ),
        (
            "name ~ '('",
            "target: column 8: invalid regular expression: unclosed group",
        ),
        (
            "name ~ '\\bx'",
            "target: column 8: this regular expression has a boundary other than ^ and $, which not every part of MIG understands",
        ),
        (
            "name LIKE 'a\\'",
            "target: column 11: a pattern must not end with the escape `\\`",
        ),
        (
            "name NOT = 'a'",
            "target: column 10: expected IN, BETWEEN, LIKE or ILIKE, found `=`",
        ),
        (
            "pg_sleep(10)",
            "target: column 1: unknown function `pg_sleep`",
        ),
        (
            "starttime < NOW() - INTERVAL '30 moons'",
            "target: column 30: expected an interval such as '30 days' or '1 hour 30 minutes'",
        ),
        (
            "starttime > 'yesterday'",
            "target: column 13: expected a time such as '2024-03-01 10:00:00', found 'yesterday'",
        ),
        (
            "starttime - INTERVAL '1 day' < NOW()",
            "target: column 1: only NOW() can be moved by an interval",
        ),
        (
            "agent.name = 'x'",
            "target: column 7: unknown table `agent`; here is agents",
        ),
        (
            "id IN (SELECT id FROM investigators)",
            "target: column 23: a target cannot read table `investigators`",
        ),
        (
            "id IN (SELECT id FROM commands, actions)",
            "target: column 15: `id` is ambiguous: write commands.id or actions.id",
        ),
        (
            "id IN (SELECT results FROM commands)",
            "target: column 15: a JSON column cannot be selected",
        ),
        (
            "id IN (SELECT agentid FROM commands WHERE agents.name = 'x')",
            "target: column 50: unknown table `agents`; here is commands",
        ),
        (
            "id IN (SELECT agentid FROM commands WHERE loadername = 'x')",
            "target: column 43: unknown column `loadername`; there are id, actionid, agentid, status, results, starttime, finishtime",
        ),
        (
            "id IN (SELECT agentid FROM json_array_elements(commands.results) AS r)",
            "target: column 28: json_array_elements stands after commands",
        ),
        (
            "name IN (SELECT agentid FROM commands)",
            "target: column 1: expected a number, found text",
        ),
        (
            "mode IN (name)",
            "target: column 10: expected a constant in the list",
        ),
        (
            "mode IN ()",
            "target: column 10: expected a column, a constant or `(`, found `)`",
        ),
        (
            "pid = 12ab",
            "target: column 9: expected the end of the number",
        ),
        ("(true) = true", "TRUE = TRUE"),
        (
            "(pid = 1) = true",
            "target: column 11: expected AND, OR or the end, found `=`",
        ),
        (
            "tags->>'a\"b' = 'x'",
            "target: column 8: a key must not hold quotes, backslashes or control characters",
        ),
    ];
    for (text, expected) in cases {
        let got = match Target::parse(text) {
            Ok(target) => target.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected, "{text}");
        assert!(!got.contains('\n'), "one line: {got}");
    }
}

#[test]
fn length_and_depth_are_bounded() {
    let fits = format!("name = '{}'", "x".repeat(2048 - 9));
    assert!(Target::parse(&fits).is_ok());
    let long = format!("name = '{}'", "x".repeat(2048 - 8));
    assert_eq!(
        Target::parse(&long).unwrap_err().to_string(),
        "target: column 1: a target is at most 2048 bytes long, this one has 2049"
    );
    for (open, close) in [("(", ")"), ("NOT ", ""), ("NOT (", ")")] {
        let text = format!("{}true{}", open.repeat(200), close.repeat(200));
        let error = Target::parse(&text).unwrap_err();
        assert_eq!(error.message(), "nested deeper than 48 levels", "{open}");
    }
    let wide = vec!["pid=1"; 186].join(" AND ");
    assert!(Target::parse(&wide).is_ok());
}

#[test]
fn nothing_a_user_wrote_reaches_the_sql_text() {
    let text = "name = 'zzq1' AND tags->>'zzq2' ~ 'zzq3' AND name ILIKE 'zzq4%' \
                AND environment#>>'{zzq5,7}' IN ('zzq6') AND id IN (SELECT zzq7.agentid \
                FROM commands zzq7, json_array_elements(zzq7.results) AS zzq8 \
                WHERE zzq7.actionid = 990017 AND zzq8->>'zzq9' = 'zzq10')";
    let target = Target::parse(text).unwrap();
    for sql in [target.sqlite(NOW, 1).sql, target.postgres(NOW, 1).sql] {
        assert!(!sql.contains("zzq") && !sql.contains("9900"), "{sql}");
    }
}

#[test]
fn postgresql_gets_typed_parameters_and_the_folded_time() {
    let text = "environment->>'os'='linux' AND starttime < NOW() - INTERVAL '1 month' \
                AND name < 'm' AND environment->'addresses'->>0 LIKE '10.%'";
    let compiled = Target::parse(text).unwrap().postgres(NOW, 3);
    assert_eq!(
        compiled.sql,
        "((agents.environment ->> $3::text) = $4::text) AND (agents.starttime < $5::timestamptz) \
         AND ((agents.name) COLLATE \"C\" < $6::text) AND ((agents.environment -> $7::text ->> \
         $8::bigint::int) LIKE $9::text)"
    );
    assert_eq!(
        compiled.params[2],
        mig_target::Param::Time(datetime!(2024-02-01 12:00 UTC))
    );
}

#[test]
fn agents_that_answered_are_found_by_their_queue_after_a_restart() {
    let target =
        Target::parse("id IN (SELECT agentid FROM commands WHERE commands.actionid = 7)").unwrap();
    assert_eq!(
        target.sqlite(NOW, 1).sql,
        "agents.queueloc IN (SELECT same.queueloc FROM agents AS same WHERE same.id IN \
         (SELECT commands.agentid FROM commands WHERE commands.actionid = ?1))"
    );
}
