//! The lines people see.

use mig_module_sshkey::SshkeyModule;
use mig_plugin_sdk::ResultDocument;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::json;

fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    FakeHost::new().print::<SshkeyModule>(result, found_only)
}

#[test]
fn lines_are_those_of_the_original() {
    let result = ResultDocument {
        foundanything: true,
        success: true,
        elements: json!({"keys": [
            {"fingerprint_md5": "5a:0c", "fingerprint_sha256": "SHA256:q3Z", "path": "/a/id_rsa",
             "encrypted": false, "type": "private"},
            {"fingerprint_md5": "", "fingerprint_sha256": "", "path": "/a/id_dsa",
             "encrypted": true, "type": "private"},
            {"fingerprint_md5": "5a:0c", "fingerprint_sha256": "SHA256:q3Z",
             "path": "/a/authorized_keys", "encrypted": false, "type": "authorizedkeys"},
        ]}),
        errors: Some(vec!["/a/authorized_keys contained unparsable data".into()]),
        ..ResultDocument::default()
    };
    let wanted = [
        "/a/id_rsa [private] encrypted=false md5fp=5a:0c sha256fp=SHA256:q3Z",
        "/a/id_dsa [private] encrypted=true md5fp=unknown sha256fp=unknown",
        "/a/authorized_keys [authorizedkeys] md5fp=5a:0c sha256fp=SHA256:q3Z",
        "/a/authorized_keys contained unparsable data",
    ];
    assert_eq!(lines(&result, true), wanted[..3]);
    assert_eq!(lines(&result, false), wanted);
}

#[test]
fn a_result_without_keys_prints_nothing() {
    for elements in [
        json!(null),
        json!({}),
        json!({"keys": null}),
        json!({"keys": []}),
    ] {
        let result = ResultDocument {
            success: true,
            elements,
            ..ResultDocument::default()
        };
        assert_eq!(lines(&result, false), [""; 0]);
    }
}
