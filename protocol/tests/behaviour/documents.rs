//! Reading and writing of documents by Go's rules.

use mig_protocol::{
    Action, ActionStatus, Agent, Command, CommandStatus, HeartbeatAnswer, HeartbeatPost, Id,
    Investigator, ModuleResult, Operation, Permissions, Time, parse_action, parse_agent,
    parse_command, parse_heartbeat, parse_investigator, to_go_json, to_go_json_pretty,
};
use serde_json::json;

use crate::{at, data};

fn written<T: serde::Serialize>(document: &T) -> String {
    String::from_utf8(to_go_json(document).expect("json")).expect("text")
}

#[test]
fn empty_documents_have_gos_zero_form() {
    assert_eq!(
        written(&Action::default()),
        r#"{"id":0,"name":"","target":"","description":{},"threat":{},"validfrom":"0001-01-01T00:00:00Z","expireafter":"0001-01-01T00:00:00Z","operations":null,"pgpsignatures":null,"starttime":"0001-01-01T00:00:00Z","finishtime":"0001-01-01T00:00:00Z","lastupdatetime":"0001-01-01T00:00:00Z","counters":{}}"#
    );
    assert_eq!(
        written(&Agent::default()),
        r#"{"name":"","queueloc":"","mode":"","starttime":"0001-01-01T00:00:00Z","destructiontime":"0001-01-01T00:00:00Z","heartbeatts":"0001-01-01T00:00:00Z","refreshts":"0001-01-01T00:00:00Z","environment":{"isproxied":false,"aws":{}}}"#
    );
    assert_eq!(
        written(&ModuleResult::default()),
        r#"{"foundanything":false,"success":false,"elements":null,"statistics":null,"errors":null}"#
    );
    assert_eq!(
        written(&Operation::default()),
        r#"{"module":"","parameters":null}"#
    );
    assert_eq!(
        written(&HeartbeatPost::default()),
        r#"{"name":"","mode":"","version":"","pid":0,"queueLoc":"","startTime":"0001-01-01T00:00:00Z","refreshTime":"0001-01-01T00:00:00Z","environment":{"init":"","ident":"","os":"","arch":"","isProxied":false,"proxy":"","addresses":null,"publicIP":"","modules":null},"tags":null}"#
    );
    assert_eq!(written(&HeartbeatAnswer::default()), r#"{"error":null}"#);
}

#[test]
fn full_documents_are_written_back_as_they_were_read() {
    let command = r#"{"id":28044140937300,"action":{"id":28044140937216,"name":"a \u003cb\u003e \u0026 c","target":"tags-\u003e\u003e'x'='y'","description":{"author":"A","email":"a@example.net","url":"http://example.net/","revision":202401020304},"threat":{"ref":"r","level":"low","family":"f","type":"t"},"validfrom":"2024-03-01T10:00:00.5Z","expireafter":"2024-03-01T10:10:00+02:00","operations":[{"module":"file","parameters":{"a":1,"b":[1.5,1e+21,null]}},{"module":"pkg","parameters":"H4sI","is_compressed":true,"want_compressed":true}],"pgpsignatures":["x"],"investigators":[{"id":2,"name":"n","pgpfingerprint":"F","publickey":"QUJD","privatekey":"REVG","status":"active","createdat":"2024-03-01T10:00:00Z","lastmodified":"2024-03-01T10:00:00Z","apikey":"set","permissions":{"search":true,"action":true,"action_create":true,"command":true,"agent":true,"dashboard":true,"loader":false,"loader_status":false,"loader_expect":false,"loader_key":false,"loader_new":false,"manifest":false,"manifest_sign":false,"manifest_status":true,"manifest_new":false,"manifest_loaders":false,"investigator":false,"investigator_create":false,"investigator_update":false}}],"status":"preparing","starttime":"2024-03-01T10:00:05Z","finishtime":"9998-01-11T11:11:11.000000011Z","lastupdatetime":"0001-01-01T00:00:00Z","counters":{"sent":8,"done":7,"inflight":1,"success":1,"cancelled":1,"expired":1,"failed":2,"timeout":2},"syntaxversion":2},"agent":{"id":28044140930001,"name":"h1.example.net","queueloc":"linux.3w5e","mode":"daemon","version":"20240301-0.abc.prod","pid":4711,"loadername":"l","starttime":"2024-03-01T10:00:00Z","destructiontime":"9998-01-11T11:11:11Z","heartbeatts":"2024-03-01T10:00:00Z","refreshts":"2024-03-01T10:00:00Z","status":"online","authorized":true,"environment":{"init":"systemd","ident":"Debian 12","os":"linux","arch":"amd64","isproxied":true,"proxy":"p:3128","addresses":["192.0.2.7/24"],"publicip":"198.51.100.9","aws":{"instanceid":"i","localipv4":"l","amiid":"a","instancetype":"t"},"modules":["file","pkg"],"persistent":{"audit":"running"}},"tags":{"a":"1","b":"2"}},"status":"success","results":[{"foundanything":true,"success":true,"elements":{"s1":[]},"statistics":{"n":1},"errors":["e"]},{"foundanything":false,"success":false,"elements":null,"statistics":null,"errors":null}],"starttime":"2024-03-01T10:00:05.123456Z","finishtime":"0001-01-01T00:00:00Z"}"#;
    assert_eq!(
        written(&parse_command(command.as_bytes()).expect("a command")),
        command
    );

    let heartbeat = r#"{"name":"h1","mode":"checkin","version":"v","pid":4711,"queueLoc":"linux.1kz0","startTime":"2024-03-01T10:00:00.123Z","refreshTime":"2024-03-01T09:00:00Z","environment":{"init":"systemd","ident":"Debian 12","os":"linux","arch":"amd64","isProxied":false,"proxy":"","addresses":["192.0.2.7/24"],"publicIP":"198.51.100.9","modules":["file"],"persistent":{"audit":"running"}},"tags":[{"name":"operator","value":"it"}]}"#;
    assert_eq!(
        written(&parse_heartbeat(heartbeat.as_bytes()).expect("a heartbeat")),
        heartbeat
    );
}

#[test]
fn members_match_without_regard_to_case_unknown_ones_are_ignored_and_the_last_wins() {
    let action = parse_action(
        br#"{"Name":"first","NAME":"second","target":"t","TARGET":null,"unknown":{"deep":[1]},"Description":{"AUTHOR":"a"},
            "\u017ftatu\u017f":"pending","Operations":[{"MODULE":"m","Parameters":{"Case":1,"case":2}},null],"pgpSignatures":["s",null]}"#,
    )
    .expect("an action");
    assert_eq!(action.name, "second");
    assert_eq!(action.target, "t", "null leaves what is there");
    assert_eq!(action.description.author, "a");
    assert_eq!(
        action.status,
        ActionStatus::Pending,
        "the long s folds to s, as in Go"
    );
    assert_eq!(action.operations()[0].module, "m");
    assert_eq!(
        action.operations()[0].parameters,
        json!({"Case": 1, "case": 2}),
        "keys of parameters keep their case"
    );
    assert_eq!(action.operations()[1], Operation::default());
    assert_eq!(action.signatures(), ["s".to_owned(), String::new()]);
    assert_eq!(parse_action(b"null").expect("null"), Action::default());
}

#[test]
fn a_wrong_type_is_refused_with_the_members_name_on_one_line() {
    let cases: [(&[u8], &str); 8] = [
        (br#"{"name":1}"#, "name"),
        (br#"{"id":"7"}"#, "id"),
        (br#"{"operations":{}}"#, "operations"),
        (br#"{"operations":[{"module":[]}]}"#, "module"),
        (br#"{"validfrom":"yesterday"}"#, "validfrom"),
        (br#"{"syntaxversion":2.5}"#, "syntaxversion"),
        (br#"{"syntaxversion":65536}"#, "syntaxversion"),
        (b"{\"status\":{\"a\\nb\":1}}", "status"),
    ];
    for (json, member) in cases {
        let error = parse_action(json).expect_err(member).to_string();
        assert!(
            error.contains(member) && error.lines().count() == 1,
            "{error}"
        );
    }
    for json in [
        &b"[]"[..],
        b"7",
        b"\"text\"",
        b"",
        b"{}{}",
        b"{\"name\":\"a\",}",
    ] {
        assert!(
            parse_action(json).is_err(),
            "{}",
            String::from_utf8_lossy(json)
        );
    }
}

#[test]
fn absent_and_empty_lists_differ_where_the_wire_says_so() {
    let absent = parse_action(b"{}").expect("an action");
    let empty = parse_action(br#"{"operations":[],"pgpsignatures":[],"investigators":[]}"#)
        .expect("an action");
    assert_eq!(
        (absent.operations.clone(), empty.operations.clone()),
        (None, Some(vec![]))
    );
    assert!(written(&empty).contains(r#""operations":[],"pgpsignatures":[],"starttime""#));
    let agent = parse_agent(br#"{"environment":{"addresses":[],"modules":[]},"tags":{}}"#)
        .expect("an agent");
    assert_eq!(written(&agent), written(&Agent::default()));
}

#[test]
fn unknown_words_are_kept_as_values() {
    let command =
        parse_command(br#"{"status":"prepared","agent":{"status":"weird","mode":"turbo"}}"#)
            .expect("a command");
    assert_eq!(command.status, CommandStatus::Other("prepared".to_owned()));
    assert!(!command.status.is_terminal());
    let again = written(&command);
    for word in ["\"prepared\"", "\"weird\"", "\"turbo\""] {
        assert!(again.contains(word), "{again}");
    }
    assert!(CommandStatus::Expired.is_terminal() && !CommandStatus::Sent.is_terminal());
    assert!(ActionStatus::Inflight.is_running() && !ActionStatus::Completed.is_running());
}

#[test]
fn strings_carry_gos_escapes() {
    let result = ModuleResult::from_error("<\"&\\>\u{2028}\u{2029}\u{1}\u{8}\u{c}\n\r\t\u{7f}é/");
    let expected = concat!(
        r#""errors":["\u003c\"\u0026\\\u003e\u2028\u2029\u0001\u0008\u000c\n\r\t"#,
        "\u{7f}é/\"]}"
    );
    assert!(written(&result).ends_with(expected), "{}", written(&result));
}

#[test]
fn what_runs_is_what_was_signed_however_a_number_was_spelt() {
    let read = |number: &str| {
        let json =
            format!(r#"{{"operations":[{{"module":"m","parameters":{{"z":{number},"a":0}}}}]}}"#);
        parse_action(json.as_bytes())
            .expect("an action")
            .operations()[0]
            .parameters
            .to_string()
    };
    assert_eq!(read("2"), r#"{"a":0,"z":2}"#);
    assert_eq!(read("2.0"), read("2"));
    assert_eq!(read("20e-1"), read("2"));
    assert_eq!(read("12345678901234567890"), read("12345678901234567001"));
    assert_eq!(
        read("12345678901234567890"),
        r#"{"a":0,"z":12345678901234567000}"#
    );
    assert_eq!(read("-0"), r#"{"a":0,"z":-0.0}"#);
}

#[test]
fn a_heartbeat_becomes_an_agent_record_and_back() {
    let agent = Agent {
        name: "h1".into(),
        queueloc: "linux.x".into(),
        mode: "daemon".into(),
        version: "v".into(),
        pid: 7,
        heartbeatts: at("2024-03-01T10:00:00Z"),
        refreshts: at("2024-03-01T09:00:00Z"),
        tags: [("a".to_owned(), "1".to_owned())].into(),
        environment: parse_agent(br#"{"environment":{"os":"linux","isproxied":true,"addresses":["a"],"publicip":"p","modules":["m"],"persistent":{"m":"running"}}}"#)
            .expect("an agent")
            .environment,
        ..Agent::default()
    };
    let post = HeartbeatPost::from_agent(&agent, agent.heartbeatts);
    assert_eq!(Agent::from(post), agent);
}

#[test]
fn permissions_are_a_mask_in_the_database_and_an_object_on_the_wire() {
    assert_eq!(
        Permissions::DEFAULT | Permissions::LOADERS | Permissions::MANIFESTS | Permissions::ADMIN,
        Permissions::ALL
    );
    assert_eq!(Permissions::from_mask(u64::MAX), Permissions::ALL);
    assert_eq!(Permissions::MANIFEST_NEW.mask(), 8192);
    assert_eq!(Permissions::MANIFEST_STATUS.mask(), 16384);
    assert!(Permissions::DEFAULT.contains(Permissions::ACTION_CREATE));
    assert!(!Permissions::DEFAULT.contains(Permissions::ACTION_CREATE | Permissions::LOADER));

    let read: Permissions =
        serde_json::from_str(r#"{"Search":true,"loader":null,"other":1,"agent":false}"#)
            .expect("permissions");
    assert_eq!(read, Permissions::SEARCH);
    for mask in [0, 1, 63, 1984, 63488, 458_752, 524_287, 24_576] {
        let permissions = Permissions::from_mask(mask);
        let back: Permissions =
            serde_json::from_slice(&to_go_json(&permissions).expect("json")).expect("permissions");
        assert_eq!(back.mask(), mask);
    }
    assert_eq!(
        Permissions::ALL.describe(),
        "Default,PermAdmin,PermLoader,PermManifest"
    );
    assert_eq!(
        (Permissions::SEARCH | Permissions::ADMIN).describe(),
        "Default(partial),PermAdmin"
    );
    assert_eq!(Permissions::NONE.describe(), "");
}

#[test]
fn an_investigators_keys_are_base64_on_the_wire() {
    let investigator = parse_investigator(b"{\"name\":\"n\",\"publickey\":\"QU\\nJD\",\"id\":3}")
        .expect("an investigator");
    assert_eq!(investigator.publickey, b"ABC");
    assert!(written(&investigator).contains(r#""publickey":"QUJD","status""#));
    assert!(parse_investigator(br#"{"publickey":"?"}"#).is_err());
    assert_eq!(Investigator::default().id, Id(0));
}

#[test]
fn files_are_saved_with_four_spaces_as_the_original_does() {
    let action = crate::action();
    let pretty = String::from_utf8(to_go_json_pretty(&action).expect("json")).expect("text");
    assert!(
        pretty.starts_with("{\n    \"id\": 0,\n    \"name\": \"who kept \\u003cthe\\u003e old"),
        "{pretty}"
    );
    assert_eq!(parse_action(pretty.as_bytes()).expect("an action"), action);
    assert_eq!(
        action.validfrom,
        Time::parse("2024-03-01T12:00:00.25+02:00").expect("time")
    );
    assert!(!data("action.json").is_empty());
}

#[test]
fn a_commands_results_default_to_none() {
    assert!(Command::default().results().is_empty());
    assert!(ModuleResult::default().errors().is_empty());
}
