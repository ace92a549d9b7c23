//! Plugins in C, compiled by the tests: only C can misbehave this well.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use mig_host::{ModuleStore, StoreOptions};
use tempfile::TempDir;

use crate::setup::STATICS;

/// What a plugin is made of. The defaults make one that answers properly.
pub struct Source<'a> {
    pub name: &'a str,
    /// Body of `call`; falls through to a proper result.
    pub call: &'a str,
    /// Definitions before `call`.
    pub before: &'a str,
    /// Body of the entry function.
    pub entry: &'a str,
    /// Schema of the parameters of `run`, as JSON; empty for none.
    pub parameters: &'a str,
    /// Words of the manifest's `capabilities`.
    pub capabilities: &'a str,
    /// More members of the manifest, each followed by a comma.
    pub manifest: &'a str,
    pub fingerprint: &'a str,
    pub flags: &'a [&'a str],
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self {
            name: "cplug",
            call: "",
            before: "",
            entry: "",
            parameters: "",
            capabilities: "",
            manifest: "",
            fingerprint: mig_plugin_sdk::abi::fingerprint::FINGERPRINT,
            flags: &[],
        }
    }
}

const TEMPLATE: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "mig_plugin.h"

__attribute__((section(".mig.manifest"), used)) static const char manifest[] =
    "{\"name\":\"@NAME@\",\"version\":\"1\",@MANIFEST@"
    "\"abi\":{\"major\":1,\"minor\":0,\"fingerprint\":\"@FINGERPRINT@\"},"
    "\"operations\":{\"run\":{@PARAMETERS@\"result\":{\"properties\":{"
    "\"elements\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"array\"}},"
    "\"statistics\":{\"type\":[\"object\",\"null\"]}}}},\"print\":{},\"validate\":{}},"
    "\"capabilities\":[@CAPABILITIES@]}";

static inline MigBytes bytes(const void *data, size_t length) {
    MigBytes result = {(const uint8_t *)data, length};
    return result;
}
static inline MigBytes text(const char *string) { return bytes(string, strlen(string)); }
static inline int emit(const MigHost *host, uint32_t kind, const char *place, const void *data, size_t length) {
    return host->emit(host->context, kind, text(place), bytes(data, length));
}
#define EMIT(kind, place, literal) emit(host, kind, place, literal, sizeof literal - 1)
/* A result whose only error is what the system said. */
static inline int report(const MigHost *host, const char *what) {
    unsigned char out[256] = "\xa3" "\x6d" "foundanything" "\xf4" "\x67" "success" "\xf5" "\x66" "errors" "\x81\x78";
    size_t used = 1 + 14 + 1 + 8 + 1 + 7 + 2, length = strlen(what);
    out[used++] = (unsigned char)length;
    memcpy(out + used, what, length);
    return emit(host, MIG_EMIT_RESULT, "", out, used + length) ? MIG_CODE_LIMIT : MIG_CODE_OK;
}
static inline int report_errno(const MigHost *host, int failed) {
    return report(host, failed ? strerrorname_np(errno) : "allowed");
}
@BEFORE@
static int32_t call(const MigHost *host, MigBytes operation, MigBytes input) {
    (void)operation; (void)input;
    @CALL@
    return EMIT(MIG_EMIT_RESULT, "", "\xa2" "\x6d" "foundanything" "\xf5" "\x67" "success" "\xf5") ? MIG_CODE_LIMIT : MIG_CODE_OK;
}
static MigPlugin table = {
    sizeof(MigPlugin), MIG_ABI_MAJOR, MIG_ABI_MINOR, 0, 0,
    {(const uint8_t *)manifest, sizeof manifest - 1}, call, 0,
};
__attribute__((visibility("default"))) const MigPlugin *mig_plugin_draft_1(void) {
    @ENTRY@
    return &table;
}
"#;

/// A directory with plugin files, removed when dropped.
pub struct Plugins(TempDir);

impl Plugins {
    /// An empty directory; `None`, with the test reported as skipped, when there
    /// is no C compiler.
    pub fn new() -> Option<Self> {
        if Command::new("gcc").arg("--version").output().is_err() {
            mig_testkit::skip("there is no gcc");
            return None;
        }
        Some(Self(TempDir::new().expect("temporary directory")))
    }

    pub fn directory(&self) -> &Path {
        self.0.path()
    }

    /// Compiles one plugin into the directory.
    pub fn add(&self, source: &Source<'_>) -> PathBuf {
        let quoted = source
            .capabilities
            .split_whitespace()
            .map(|word| format!("\\\"{word}\\\""))
            .collect::<Vec<_>>()
            .join(",");
        let parameters = match source.parameters {
            "" => String::new(),
            schema => format!("\"parameters\":{schema},").replace('"', "\\\""),
        };
        let code = TEMPLATE
            .replace("@PARAMETERS@", &parameters)
            .replace("@NAME@", source.name)
            .replace("@MANIFEST@", &source.manifest.replace('"', "\\\""))
            .replace("@FINGERPRINT@", source.fingerprint)
            .replace("@CAPABILITIES@", &quoted)
            .replace("@BEFORE@", source.before)
            .replace("@CALL@", source.call)
            .replace("@ENTRY@", source.entry);
        self.compile(source.name, &code, source.flags)
    }

    /// Compiles a whole C file.
    pub fn compile(&self, name: &str, code: &str, flags: &[&str]) -> PathBuf {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = self.directory().join(format!("{name}.c"));
        std::fs::write(&file, code).expect("write source");
        let library = self.directory().join(format!("{name}.so"));
        let made = Command::new("gcc")
            .args([
                "-std=gnu11",
                "-O1",
                "-shared",
                "-fPIC",
                "-fvisibility=hidden",
                "-pthread",
                "-I",
            ])
            .arg(manifest.join("../../plugin-abi/include"))
            .arg("-I")
            .arg(manifest.join("../../plugin-abi/examples/c"))
            .arg("-o")
            .arg(&library)
            .arg(&file)
            .args(flags)
            .output()
            .expect("run gcc");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&library, mode).expect("set mode");
        library
    }

    /// A store with the linked modules and, unsigned, all in the directory.
    pub fn store(&self) -> ModuleStore {
        ModuleStore::open(STATICS, &self.options())
    }

    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            directories: vec![self.directory().to_owned()],
            allow_unsigned: true,
            ..StoreOptions::default()
        }
    }

    /// A store with one plugin `cplug` whose `call` starts with `call`.
    pub fn with(call: &str) -> Option<(Self, ModuleStore)> {
        Self::made_of(&Source {
            call,
            ..Source::default()
        })
    }

    pub fn made_of(source: &Source<'_>) -> Option<(Self, ModuleStore)> {
        let plugins = Self::new()?;
        plugins.add(source);
        let store = plugins.store();
        assert_eq!(store.refused(), &[], "the plugin is acceptable");
        Some((plugins, store))
    }
}
