//! Which actions may be accepted, and compression of parameters.

use std::time::Duration;

use mig_protocol::action::{
    ExpandError, Invalid, SigningRefusal, check_signable, compress_parameters, expand_parameters,
};
use mig_protocol::{Action, Operation, parse_action, validate, validate_for_agent};
use serde_json::json;

use crate::at;

fn valid() -> Action {
    Action {
        pgpsignatures: Some(vec!["x".into()]),
        ..crate::action()
    }
}

#[test]
fn the_first_broken_rule_is_reported() {
    let during = at("2024-03-01T10:05:00Z");
    assert_eq!(validate(&valid(), during), Ok(()));

    type Change = fn(&mut Action);
    let cases: [(Change, &str); 10] = [
        (|action| action.name.clear(), "no name"),
        (|action| action.target.clear(), "no target"),
        (|action| action.syntaxversion = 1, "syntax version 1"),
        (
            |action| action.validfrom = at("2024-03-01T10:10:01Z"),
            "before it becomes valid",
        ),
        (
            |action| action.expireafter = at("2024-03-01T10:04:59Z"),
            "expired at 2024-03-01T10:04:59Z",
        ),
        (|action| action.operations = None, "no operations"),
        (|action| action.pgpsignatures = None, "not signed"),
        (|action| action.pgpsignatures = Some(vec![]), "not signed"),
        (|action| action.name.push_str(";target=x"), "`;target=`"),
        (
            |action| action.target.push_str(";operations=[]"),
            "`;operations=`",
        ),
    ];
    for (change, expected) in cases {
        let mut action = valid();
        change(&mut action);
        let error = validate(&action, during).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
    let mut nothing = Action::default();
    assert_eq!(validate(&nothing, during), Err(Invalid::NoName));
    nothing.name = "n".into();
    assert_eq!(validate(&nothing, during), Err(Invalid::NoTarget));
}

#[test]
fn the_limits_of_validity_belong_to_it() {
    let mut action = valid();
    action.validfrom = at("2024-03-01T10:00:00Z");
    action.expireafter = action.validfrom;
    assert_eq!(validate(&action, action.expireafter), Ok(()));
    assert!(matches!(
        validate(&action, at("2024-03-01T10:00:00.000000001Z")),
        Err(Invalid::Expired { .. })
    ));
    assert_eq!(
        validate(&action, at("2023-01-01T00:00:00Z")),
        Ok(()),
        "the API accepts what becomes valid later"
    );
}

#[test]
fn an_agent_also_wants_operations_and_a_started_validity_give_or_take_its_clock() {
    let tolerance = Duration::from_secs(30);
    assert_eq!(
        validate_for_agent(&valid(), at("2024-03-01T10:00:00.25Z"), Duration::ZERO),
        Ok(())
    );
    assert!(matches!(
        validate_for_agent(&valid(), at("2024-03-01T10:00:00Z"), Duration::ZERO),
        Err(Invalid::NotYetValid { .. })
    ));
    assert_eq!(
        validate_for_agent(&valid(), at("2024-03-01T09:59:31Z"), tolerance),
        Ok(())
    );
    assert!(validate_for_agent(&valid(), at("2024-03-01T09:59:29Z"), tolerance).is_err());
    assert_eq!(
        validate_for_agent(&valid(), at("2024-03-01T10:10:30Z"), tolerance),
        Ok(())
    );
    assert!(validate_for_agent(&valid(), at("2024-03-01T10:10:31Z"), tolerance).is_err());

    let empty = Action {
        operations: Some(vec![]),
        ..valid()
    };
    let during = at("2024-03-01T10:05:00Z");
    assert_eq!(validate(&empty, during), Ok(()), "as in the original");
    assert_eq!(
        validate_for_agent(&empty, during, tolerance),
        Err(Invalid::NoOperations)
    );
}

#[test]
fn signing_refuses_what_it_would_change_or_blur() {
    assert_eq!(check_signable(&crate::action()), Ok(()));
    let with = |number: &str| {
        let json = format!(
            r#"{{"name":"n","operations":[{{"module":"a"}},{{"module":"m","parameters":{{"x":[1,{{"size":{number}}}]}}}}]}}"#
        );
        check_signable(&parse_action(json.as_bytes()).expect("an action"))
    };
    for fine in ["9007199254740991", "-9007199254740991", "0.5", "1e15", "-0"] {
        assert_eq!(with(fine), Ok(()), "{fine}");
    }
    for refused in [
        "9007199254740993",
        "9007199254740992",
        "-9007199254740993",
        "18446744073709551615",
        "1e300",
        "123456789012345678901234",
    ] {
        let error = with(refused).expect_err(refused).to_string();
        assert!(
            error.contains("operation 1") && error.contains("x.1.size"),
            "{error}"
        );
    }
    let mut built = Action {
        operations: Some(vec![Operation {
            parameters: json!(u64::MAX),
            ..Operation::default()
        }]),
        ..Action::default()
    };
    assert!(matches!(
        check_signable(&built),
        Err(SigningRefusal::InexactNumber { operation: 0, .. })
    ));
    built.name = "a;validfrom=1".into();
    assert_eq!(
        check_signable(&built),
        Err(SigningRefusal::Ambiguous {
            field: "name",
            separator: ";validfrom="
        })
    );
}

#[test]
fn parameters_are_compressed_on_request_and_expand_to_the_same() {
    let parameters = json!({"searches": {"s1": {"paths": ["/etc"], "n": 2.5}}});
    let mut plain = Operation {
        module: "file".into(),
        parameters: parameters.clone(),
        ..Operation::default()
    };
    compress_parameters(&mut plain);
    assert!(!plain.is_compressed, "only on request");

    let mut wanted = Operation {
        want_compressed: true,
        ..plain.clone()
    };
    compress_parameters(&mut wanted);
    assert!(wanted.is_compressed && wanted.want_compressed && wanted.parameters.is_string());
    assert_eq!(
        expand_parameters(&wanted, 1000).expect("expands"),
        parameters
    );
    let once = wanted.clone();
    compress_parameters(&mut wanted);
    assert_eq!(wanted, once, "never twice");
    assert_eq!(expand_parameters(&plain, 1).expect("as it is"), parameters);
}

#[test]
fn expansion_is_bounded_and_says_what_is_wrong() {
    let compressed = |parameters| Operation {
        module: "m".into(),
        parameters,
        is_compressed: true,
        ..Operation::default()
    };
    let sample = compressed(json!("H4sIAAAAAAAA/6pWqlCy\r\nMqwFBAAA//9cWes7BwAAAA=="));
    assert_eq!(
        expand_parameters(&sample, 100).expect("expands"),
        json!({"x": 1})
    );

    let mut bomb = Operation {
        parameters: json!("0".repeat(1 << 20)),
        want_compressed: true,
        ..compressed(json!(null))
    };
    bomb.is_compressed = false;
    compress_parameters(&mut bomb);
    assert!(matches!(
        expand_parameters(&bomb, 1 << 16),
        Err(ExpandError::TooLarge { limit: 65536, .. })
    ));

    assert!(matches!(
        expand_parameters(&compressed(json!({})), 100),
        Err(ExpandError::NotText { .. })
    ));
    assert!(matches!(
        expand_parameters(&compressed(json!("!")), 100),
        Err(ExpandError::Base64 { .. })
    ));
    assert!(matches!(
        expand_parameters(&compressed(json!("AAAA")), 100),
        Err(ExpandError::Gzip { .. })
    ));
    let mut cut = sample.clone();
    cut.parameters = json!("H4sIAAAAAAAA/6pWqlCyMqwFBAAA");
    assert!(expand_parameters(&cut, 100).is_err());
}
