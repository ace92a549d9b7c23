//! Who signed an action, and what that weighs.

use mig_protocol::openpgp::Fingerprint;
use mig_protocol::{Action, Time, signing_string};

use crate::record::entry::Signer;
use crate::trust::{Rules, Trust};

/// Most signatures that are looked at one by one.
const MOST: usize = 64;

/// A signer for people.
pub(super) fn name(signer: &Signer) -> String {
    if signer.names.is_empty() {
        return signer.fingerprint.clone();
    }
    format!("{} ({})", signer.names.join(", "), signer.fingerprint)
}

/// A line for each signature, and one or more for each module.
pub(super) fn details(trust: &Trust, action: &Action, now: Time) -> Vec<String> {
    let Ok(rules) = trust.current() else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    if rules.keyring.is_empty() {
        lines.push("no investigator's key is known here".to_owned());
    }
    let data = signing_string(action);
    let mut signers = Vec::new();
    for (line, number) in action.signatures().iter().zip(1..).take(MOST) {
        match rules.keyring.verify_line(data.as_bytes(), line, now) {
            Ok(key) => {
                let names = rules.names(&key);
                let signer = Signer {
                    fingerprint: key.to_string(),
                    names,
                };
                lines.push(format!("signature {number} is good: {}", name(&signer)));
                signers.push(key);
            }
            Err(error) => lines.push(format!("signature {number} does not count: {error}")),
        }
    }
    if rules.only_verify_keys {
        lines.push("any key of the keyring may order anything: `onlyverifypubkey`".to_owned());
        return lines;
    }
    let mut modules: Vec<&str> = action
        .operations()
        .iter()
        .map(|operation| operation.module.as_str())
        .collect();
    modules.sort_unstable();
    modules.dedup();
    for module in modules {
        lines.extend(weights(&rules, module, &signers));
    }
    lines
}

/// What the ACL asks for a module, who brings what, and who else could.
fn weights(rules: &Rules, module: &str, signers: &[Fingerprint]) -> Vec<String> {
    let entries = rules.acl.entries();
    let found = [module, "default"]
        .into_iter()
        .find_map(|name| Some((name, entries.get(name)?)));
    let Some((name, entry)) = found else {
        return vec![format!("module `{module}`: the ACL has no entry for it")];
    };
    let mut lines = vec![format!(
        "module `{module}`: ACL entry `{name}` asks for weight {}",
        entry.minimumweight
    )];
    for (label, investigator) in &entry.investigators {
        let signed = signers
            .iter()
            .any(|signer| signer.matches(&investigator.fingerprint));
        let signed = if signed { "signed" } else { "did not sign" };
        lines.push(format!(
            "module `{module}`: {label} has weight {} and {signed}",
            investigator.weight
        ));
    }
    lines
}
