//! What an investigator may do at the API: a bit mask in the database, an object
//! of booleans on the wire.

use std::fmt;
use std::ops::{BitAnd, BitOr};

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::json::members::FoldedName;

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Permissions(u64);

/// Name on the wire and bit, in the wire's order, which is not that of the bits.
const NAMES: [(&str, Permissions); 19] = [
    ("search", Permissions::SEARCH),
    ("action", Permissions::ACTION),
    ("action_create", Permissions::ACTION_CREATE),
    ("command", Permissions::COMMAND),
    ("agent", Permissions::AGENT),
    ("dashboard", Permissions::DASHBOARD),
    ("loader", Permissions::LOADER),
    ("loader_status", Permissions::LOADER_STATUS),
    ("loader_expect", Permissions::LOADER_EXPECT),
    ("loader_key", Permissions::LOADER_KEY),
    ("loader_new", Permissions::LOADER_NEW),
    ("manifest", Permissions::MANIFEST),
    ("manifest_sign", Permissions::MANIFEST_SIGN),
    ("manifest_status", Permissions::MANIFEST_STATUS),
    ("manifest_new", Permissions::MANIFEST_NEW),
    ("manifest_loaders", Permissions::MANIFEST_LOADERS),
    ("investigator", Permissions::INVESTIGATOR),
    ("investigator_create", Permissions::INVESTIGATOR_CREATE),
    ("investigator_update", Permissions::INVESTIGATOR_UPDATE),
];

#[allow(missing_docs)] // One constant per wire name; the names say it.
impl Permissions {
    pub const SEARCH: Permissions = Permissions(1);
    pub const ACTION: Permissions = Permissions(1 << 1);
    pub const ACTION_CREATE: Permissions = Permissions(1 << 2);
    pub const COMMAND: Permissions = Permissions(1 << 3);
    pub const AGENT: Permissions = Permissions(1 << 4);
    pub const DASHBOARD: Permissions = Permissions(1 << 5);
    pub const LOADER: Permissions = Permissions(1 << 6);
    pub const LOADER_STATUS: Permissions = Permissions(1 << 7);
    pub const LOADER_EXPECT: Permissions = Permissions(1 << 8);
    pub const LOADER_KEY: Permissions = Permissions(1 << 9);
    pub const LOADER_NEW: Permissions = Permissions(1 << 10);
    pub const MANIFEST: Permissions = Permissions(1 << 11);
    pub const MANIFEST_SIGN: Permissions = Permissions(1 << 12);
    pub const MANIFEST_NEW: Permissions = Permissions(1 << 13);
    pub const MANIFEST_STATUS: Permissions = Permissions(1 << 14);
    pub const MANIFEST_LOADERS: Permissions = Permissions(1 << 15);
    pub const INVESTIGATOR: Permissions = Permissions(1 << 16);
    pub const INVESTIGATOR_CREATE: Permissions = Permissions(1 << 17);
    pub const INVESTIGATOR_UPDATE: Permissions = Permissions(1 << 18);
}

impl Permissions {
    /// Nothing.
    pub const NONE: Permissions = Permissions(0);
    /// What every new investigator gets: searching, acting, reading.
    pub const DEFAULT: Permissions = Permissions(63);
    /// Managing loaders.
    pub const LOADERS: Permissions = Permissions(1984);
    /// Managing manifests.
    pub const MANIFESTS: Permissions = Permissions(63488);
    /// Managing investigators.
    pub const ADMIN: Permissions = Permissions(458_752);
    /// Everything.
    pub const ALL: Permissions = Permissions(524_287);

    /// The set of a stored mask. Bits without a meaning are dropped.
    pub fn from_mask(mask: u64) -> Permissions {
        Permissions(mask & Permissions::ALL.0)
    }

    /// The mask to store.
    pub fn mask(self) -> u64 {
        self.0
    }

    /// True when every permission in `other` is in this set.
    pub fn contains(self, other: Permissions) -> bool {
        self.0 & other.0 == other.0
    }

    /// For people: the names of the four groups joined by commas, with
    /// `(partial)` where only a part is held; groups without any are left out.
    pub fn describe(self) -> String {
        let groups = [
            ("Default", Permissions::DEFAULT),
            ("PermAdmin", Permissions::ADMIN),
            ("PermLoader", Permissions::LOADERS),
            ("PermManifest", Permissions::MANIFESTS),
        ];
        let held = groups
            .into_iter()
            .filter(|(_, group)| self.0 & group.0 != 0);
        let named = held.map(|(name, group)| {
            if self.contains(group) {
                name.to_owned()
            } else {
                format!("{name}(partial)")
            }
        });
        named.collect::<Vec<_>>().join(",")
    }
}

impl BitOr for Permissions {
    type Output = Permissions;

    fn bitor(self, other: Permissions) -> Permissions {
        Permissions(self.0 | other.0)
    }
}

impl BitAnd for Permissions {
    type Output = Permissions;

    fn bitand(self, other: Permissions) -> Permissions {
        Permissions(self.0 & other.0)
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(NAMES.len()))?;
        for (name, permission) in NAMES {
            map.serialize_entry(name, &self.contains(permission))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PermissionsVisitor;

        impl<'de> Visitor<'de> for PermissionsVisitor {
            type Value = Permissions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of permissions (true or false)")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Permissions, E> {
                Ok(Permissions::NONE)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Permissions, A::Error> {
                let mut set = 0;
                while let Some(FoldedName(name)) = map.next_key()? {
                    let Some((_, Permissions(bit))) =
                        NAMES.iter().find(|(known, _)| *known == name)
                    else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    match map.next_value::<Option<bool>>()? {
                        Some(true) => set |= bit,
                        Some(false) => set &= !bit,
                        None => {}
                    }
                }
                Ok(Permissions(set))
            }
        }

        deserializer.deserialize_any(PermissionsVisitor)
    }
}
