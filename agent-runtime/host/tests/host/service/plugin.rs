//! Persistent modules in C, compiled by the tests.

use mig_host::ModuleStore;

use crate::c_plugins::Plugins;

/// What a plugin is made of. The defaults make one that says that it is ready
/// and echoes every query.
pub struct Source<'a> {
    pub name: &'a str,
    /// Runs before the module says that it is ready.
    pub begin: &'a str,
    /// Body of the handler of messages: `got` is the message.
    pub handle: &'a str,
    /// Runs after each wait, with a message or without; `turn` counts.
    pub turn: &'a str,
    /// Milliseconds of each wait.
    pub patience: &'a str,
    /// Runs when the end was asked for.
    pub end: &'a str,
    /// Definitions before all of that.
    pub before: &'a str,
    /// Words of the manifest's `capabilities`.
    pub capabilities: &'a str,
    /// Schema of the configuration file, as JSON.
    pub configuration: &'a str,
    /// The entry in the table.
    pub entry: &'a str,
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self {
            name: "cserve",
            begin: "",
            handle: "if (got.kind == MIG_MESSAGE_QUERY) echo(&got);",
            turn: "",
            patience: "-1",
            end: "",
            before: "",
            capabilities: "",
            configuration: r#"{"type":"object"}"#,
            entry: "serve",
        }
    }
}

const TEMPLATE: &str = r#"
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <linux/netlink.h>
#include <time.h>
#include <unistd.h>
#include "mig_plugin.h"

__attribute__((section(".mig.manifest"), used)) static const char manifest[] =
    "{\"name\":\"@NAME@\",\"version\":\"1\",\"persistent\":true,"
    "\"abi\":{\"major\":1,\"minor\":0,\"fingerprint\":\"" MIG_ABI_FINGERPRINT "\"},"
    "\"operations\":{\"run\":{\"parameters\":{\"type\":\"object\",\"properties\":{\"say\":{\"type\":\"string\"}}},"
    "\"result\":{\"properties\":{\"elements\":{\"type\":\"object\",\"properties\":{"
    "\"said\":{\"type\":\"string\",\"x-mig-privacy\":\"name\"}}}}}},"
    "\"serve\":{\"parameters\":@CONFIGURATION@,\"result\":{\"type\":\"object\",\"properties\":{"
    "\"user\":{\"type\":\"string\",\"x-mig-privacy\":\"name\"},"
    "\"count\":{\"type\":\"integer\",\"x-mig-privacy\":\"open\"}}}}},"
    "\"capabilities\":[@CAPABILITIES@]}";

static inline MigBytes bytes(const void *data, size_t length) {
    MigBytes result = {(const uint8_t *)data, length};
    return result;
}
static inline MigBytes text(const char *string) { return bytes(string, strlen(string)); }

typedef struct { uint32_t kind; uint64_t number; size_t length; uint8_t data[4096]; } Message;
static void receive(void *taker, uint32_t kind, uint64_t number, MigBytes payload) {
    Message *got = taker;
    got->kind = kind; got->number = number;
    got->length = payload.len < sizeof got->data ? payload.len : sizeof got->data;
    memcpy(got->data, payload.ptr, got->length);
}
static const MigHost *host;
static const MigService *service;
static MigBytes start;
static inline int notice(uint32_t kind, uint64_t number, const void *data, size_t length) {
    return service->send(service->context, kind, number, bytes(data, length));
}
static inline int alert(const char *string) { return notice(MIG_NOTICE_ALERT, 0, string, strlen(string)); }
static inline void say(const char *string) { host->log(host->context, MIG_LEVEL_INFO, text(string)); }
/* Answers with {"foundanything":true,"success":true,"elements":{"said":TEXT}}. */
static inline int answer(uint64_t number, const char *string) {
    unsigned char out[4096]; size_t used = 0, length = strlen(string);
    static const char head[] = "\xa3" "\x6d" "foundanything" "\xf5" "\x67" "success" "\xf5"
        "\x68" "elements" "\xa1\x64" "said";
    memcpy(out, head, sizeof head - 1); used = sizeof head - 1;
    out[used++] = 0x79; out[used++] = length >> 8; out[used++] = length & 255;
    memcpy(out + used, string, length);
    return notice(MIG_NOTICE_ANSWER, number, out, used + length);
}
/* The text of the only member of a small map. */
static inline const char *member(const Message *got) {
    static char out[64];
    size_t key = got->length > 1 ? got->data[1] & 31 : 0, at = 2 + key;
    size_t length = at < got->length ? got->data[at] & 31 : 0;
    snprintf(out, sizeof out, "%.*s", (int)length, (const char *)got->data + at + 1);
    return out;
}
static inline int echo(const Message *got) { return answer(got->number, member(got)); }
static inline const char *outcome(int failed) { return failed ? strerrorname_np(errno) : "allowed"; }
@BEFORE@
static int32_t call(const MigHost *h, MigBytes operation, MigBytes input) {
    (void)h; (void)operation; (void)input; return MIG_CODE_UNSUPPORTED;
}
static int32_t serve(const MigHost *h, MigBytes operation, MigBytes input) {
    (void)operation; host = h; start = input;
    service = h->get_service(h->context, text(MIG_SERVICE));
    if (!service) return MIG_CODE_UNSUPPORTED;
    @BEGIN@
    notice(MIG_NOTICE_READY, 0, "", 0);
    for (unsigned long turn = 0;; turn++) {
        static Message got;
        got.kind = 0;
        int came = service->next(service->context, @PATIENCE@, receive, &got);
        if (came < 0) break;
        if (came > 0) { @HANDLE@ }
        @TURN@
    }
    @END@
    return MIG_CODE_OK;
}
static MigPlugin table = {
    sizeof(MigPlugin), MIG_ABI_MAJOR, MIG_ABI_MINOR, 0, MIG_CAPABILITY_PERSISTENT,
    {(const uint8_t *)manifest, sizeof manifest - 1}, call, @ENTRY@,
};
__attribute__((visibility("default"))) const MigPlugin *mig_plugin_draft_1(void) { return &table; }
"#;

impl Source<'_> {
    /// Compiles the plugin into the directory.
    pub fn add_to(&self, plugins: &Plugins) {
        let quoted = self
            .capabilities
            .split_whitespace()
            .map(|word| format!("\\\"{word}\\\""))
            .collect::<Vec<_>>()
            .join(",");
        let code = TEMPLATE
            .replace("@NAME@", self.name)
            .replace("@CAPABILITIES@", &quoted)
            .replace("@CONFIGURATION@", &self.configuration.replace('"', "\\\""))
            .replace("@BEFORE@", self.before)
            .replace("@BEGIN@", self.begin)
            .replace("@HANDLE@", self.handle)
            .replace("@TURN@", self.turn)
            .replace("@PATIENCE@", self.patience)
            .replace("@END@", self.end)
            .replace("@ENTRY@", self.entry);
        plugins.compile(self.name, &code, &[]);
    }

    /// A store with this plugin; `None` without a C compiler.
    pub fn store(&self) -> Option<(Plugins, ModuleStore)> {
        let plugins = Plugins::new()?;
        self.add_to(&plugins);
        let store = plugins.store();
        assert_eq!(store.refused(), &[], "the plugin is acceptable");
        Some((plugins, store))
    }
}
