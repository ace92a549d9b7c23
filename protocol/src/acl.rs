//! Who may ask agents for what.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::documents::Action;
use crate::json::members::decode_members;
use crate::json::{Limits, ReadError, read_document};
use crate::openpgp::Fingerprint;

/// Name of the entry for modules without one of their own.
const DEFAULT: &str = "default";

/// The rules of an agent, as in its `acl.cfg`: for each module, or for
/// `default`, how much weight the signers must bring together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acl {
    entries: BTreeMap<String, Entry>,
}

/// The rule for one module.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Entry {
    /// Weight needed, at least 1.
    pub minimumweight: i64,
    /// Who brings how much; the names are labels only.
    pub investigators: BTreeMap<String, Weight>,
}

decode_members!(Entry {
    "minimumweight" => minimumweight,
    "investigators" => investigators,
});

/// What one investigator brings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Weight {
    /// 40 hex digits, upper or lower case.
    pub fingerprint: String,
    /// The weight; negative ones are summed as they are.
    pub weight: i64,
}

decode_members!(Weight {
    "fingerprint" => fingerprint,
    "weight" => weight,
});

/// Why the rules do not allow an action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody signed.
    #[error("the action is not signed")]
    NotSigned,
    /// Somebody signed twice.
    #[error("key {0} signed the action more than once")]
    DuplicateSigner(Fingerprint),
    /// There is nothing to allow. The original let such actions pass.
    #[error("the action has no operations")]
    NoOperations,
    /// No rule speaks about the module.
    #[error("the ACL has neither an entry for module `{module}` nor a default")]
    NoEntry {
        /// The module.
        module: String,
    },
    /// The rule would let anybody in.
    #[error("the ACL entry `{entry}` has minimum weight {weight}; it must be at least 1")]
    MinimumWeight {
        /// The entry.
        entry: String,
        /// Its weight.
        weight: i64,
    },
    /// The signers do not bring enough together.
    #[error(
        "module `{module}` needs weight {needed} by ACL entry `{entry}`, the signers have {held}"
    )]
    InsufficientWeight {
        /// The module.
        module: String,
        /// The entry that was used.
        entry: String,
        /// What it asks for.
        needed: i64,
        /// What the signers have.
        held: i64,
    },
}

impl Acl {
    /// Reads the rules from JSON.
    ///
    /// # Errors
    /// When it is not JSON or a member has the wrong type.
    pub fn parse(json: &[u8]) -> Result<Acl, ReadError> {
        let entries: Option<BTreeMap<String, Entry>> = read_document(json, &Limits::DOCUMENT)?;
        Ok(Acl {
            entries: entries.unwrap_or_default(),
        })
    }

    /// The rules of an agent without `acl.cfg`: a default entry that nobody can
    /// satisfy.
    pub fn built_in() -> Acl {
        let nobody = Entry {
            minimumweight: 1,
            investigators: BTreeMap::new(),
        };
        Acl {
            entries: BTreeMap::from([(DEFAULT.to_owned(), nobody)]),
        }
    }

    /// The entries by module name.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// Decides whether `signers`, whose signatures have been verified, may have
    /// the action carried out. With `only_verify_keys` any signer in the keyring
    /// may do anything, but nobody may count twice and nothing may be empty.
    ///
    /// # Errors
    /// The first rule that is not satisfied.
    pub fn evaluate(
        &self,
        action: &Action,
        signers: &[Fingerprint],
        only_verify_keys: bool,
    ) -> Result<(), Refusal> {
        if signers.is_empty() {
            return Err(Refusal::NotSigned);
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = signers.iter().find(|signer| !seen.insert(**signer)) {
            return Err(Refusal::DuplicateSigner(*twice));
        }
        if action.operations().is_empty() {
            return Err(Refusal::NoOperations);
        }
        if only_verify_keys {
            return Ok(());
        }
        let mut modules: Vec<&str> = action
            .operations()
            .iter()
            .map(|operation| operation.module.as_str())
            .collect();
        modules.dedup();
        modules
            .into_iter()
            .try_for_each(|module| self.evaluate_module(module, signers))
    }

    fn evaluate_module(&self, module: &str, signers: &[Fingerprint]) -> Result<(), Refusal> {
        let found = [module, DEFAULT]
            .into_iter()
            .find_map(|name| Some((name, self.entries.get(name)?)));
        let Some((name, entry)) = found else {
            return Err(Refusal::NoEntry {
                module: module.to_owned(),
            });
        };
        if entry.minimumweight < 1 {
            return Err(Refusal::MinimumWeight {
                entry: name.to_owned(),
                weight: entry.minimumweight,
            });
        }
        let held = signers.iter().fold(0_i64, |held, signer| {
            held.saturating_add(entry.weight_of(signer))
        });
        if held < entry.minimumweight {
            return Err(Refusal::InsufficientWeight {
                module: module.to_owned(),
                entry: name.to_owned(),
                needed: entry.minimumweight,
                held,
            });
        }
        Ok(())
    }

    /// What the author of the rules should look at, one line each: rules nobody
    /// can satisfy or anybody could, fingerprints that cannot match, keys listed
    /// twice.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (name, entry) in &self.entries {
            if entry.minimumweight < 1 {
                warnings.push(format!(
                    "ACL entry `{name}`: minimum weight {} refuses everything",
                    entry.minimumweight
                ));
            }
            let mut seen = BTreeMap::new();
            for (label, investigator) in &entry.investigators {
                match investigator.fingerprint.parse::<Fingerprint>() {
                    Err(error) => warnings.push(format!("ACL entry `{name}`, `{label}`: {error}")),
                    Ok(fingerprint) => {
                        if let Some(first) = seen.insert(fingerprint, label) {
                            warnings.push(format!(
                                "ACL entry `{name}`: `{first}` and `{label}` have the same key, which counts once"
                            ));
                        }
                    }
                }
            }
        }
        warnings
    }
}

impl Entry {
    /// What a signer brings: 0 when not listed. A key listed under several names
    /// counts once, with the least of its weights.
    fn weight_of(&self, signer: &Fingerprint) -> i64 {
        let listed = self
            .investigators
            .values()
            .filter(|investigator| signer.matches(&investigator.fingerprint));
        listed
            .map(|investigator| investigator.weight)
            .min()
            .unwrap_or(0)
    }
}
