//! Parameters as the original accepted them: keys in any case, null for the
//! default.

use super::{Schema, Types};
use serde_json::{Map, Value};

impl Schema {
    /// Renames members that differ from a declared property only in case, and
    /// removes null members whose property does not allow null. Of several
    /// spellings of one property the last wins. Members of maps keep their
    /// names and their nulls.
    pub fn normalise(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                if !self.properties.list.is_empty() {
                    self.normalise_keys(members);
                }
                for (name, member) in members {
                    if let Some(schema) = self.member(name) {
                        schema.normalise(member);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    for item in items {
                        schema.normalise(item);
                    }
                }
            }
            _ => {}
        }
    }

    fn normalise_keys(&self, members: &mut Map<String, Value>) {
        let given = std::mem::take(members);
        for (name, member) in given {
            let declared = match self.properties.get(&name) {
                Some(schema) => Some((name.as_str(), schema)),
                None => self
                    .properties()
                    .find(|(declared, _)| declared.eq_ignore_ascii_case(&name)),
            };
            match declared {
                Some((_, schema))
                    if member.is_null()
                        && !schema.types.is_any()
                        && !schema.types.intersects(Types::NULL) => {}
                Some((declared, _)) => {
                    members.insert(declared.to_owned(), member);
                }
                None => {
                    members.insert(name, member);
                }
            }
        }
    }
}
