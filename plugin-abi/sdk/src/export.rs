//! From a [`Module`] to the C table and the exported symbol.

use crate::{Module, PersistentModule, boundary, persistent};
use mig_plugin_abi::{ABI_MAJOR, ABI_MINOR, MigBytes, MigPlugin, capability};

/// The table of a module. `manifest` is [`Module::MANIFEST`] or its copy in the
/// manifest section.
pub const fn table<M: Module>(manifest: &'static [u8]) -> MigPlugin {
    MigPlugin {
        size: size_of::<MigPlugin>(),
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        reserved: 0,
        capabilities: 0,
        manifest: MigBytes::new(manifest),
        call: boundary::call::<M>,
        serve: None,
    }
}

/// The table of a persistent module.
pub const fn persistent_table<M: PersistentModule>(manifest: &'static [u8]) -> MigPlugin {
    MigPlugin {
        capabilities: capability::PERSISTENT,
        serve: Some(persistent::serve::<M>),
        ..table::<M>(manifest)
    }
}

/// Copies bytes into an array, for a static that lives in a section of its own.
///
/// # Panics
/// At compile time, when `N` is not the length of `bytes`.
pub const fn copied<const N: usize>(bytes: &[u8]) -> [u8; N] {
    assert!(bytes.len() == N, "wrong length");
    let mut array = [0; N];
    let mut index = 0;
    while index < N {
        array[index] = bytes[index];
        index += 1;
    }
    array
}

/// Declares a module in its library crate: makes `pub fn plugin()`, which gives
/// the table to an agent that links the module. `declare_plugin!(persistent M)`
/// declares a [`PersistentModule`].
#[macro_export]
macro_rules! declare_plugin {
    (persistent $module:ty) => {
        $crate::declare_plugin!(@ persistent_table, $module);
    };
    (@ $table:ident, $module:ty) => {
        /// The module's table, for a host that links it.
        pub fn plugin() -> *const $crate::abi::MigPlugin {
            static TABLE: $crate::abi::MigPlugin =
                $crate::$table::<$module>(<$module as $crate::Module>::MANIFEST);
            &raw const TABLE
        }
    };
    ($module:ty) => {
        $crate::declare_plugin!(@ table, $module);
    };
}

/// Exports a module from a `cdylib` crate: the entry symbol and the manifest
/// section, and nothing else. `export_plugin!(persistent M)` exports a
/// [`PersistentModule`].
#[macro_export]
macro_rules! export_plugin {
    (persistent $module:ty) => {
        $crate::export_plugin!(@ persistent_table, $module);
    };
    (@ $table:ident, $module:ty) => {
        const _: () = {
            const BYTES: &[u8] = <$module as $crate::Module>::MANIFEST;

            #[used]
            #[unsafe(link_section = ".mig.manifest")]
            static MANIFEST: [u8; BYTES.len()] = $crate::copied(BYTES);

            static TABLE: $crate::abi::MigPlugin = $crate::$table::<$module>(&MANIFEST);

            #[unsafe(no_mangle)]
            extern "C" fn mig_plugin_draft_1() -> *const $crate::abi::MigPlugin {
                &raw const TABLE
            }
        };
    };
    ($module:ty) => {
        $crate::export_plugin!(@ table, $module);
    };
}
