/* A module that answers as no module should: compiled with NAME, what it is
 * called, and ANSWER, an expression that is its whole run. FINGERPRINT and MAJOR
 * are what it says of its ABI; with EXPORTS it exports more than it may.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mig_plugin.h"

#ifndef ANSWER
#define ANSWER raw(host, "\xa2" "\x6d" "foundanything" "\xf4" "\x67" "success" "\xf5", 24)
#endif
#ifndef FINGERPRINT
#define FINGERPRINT MIG_ABI_FINGERPRINT
#endif
#ifndef MAJOR
#define MAJOR "1"
#endif

__attribute__((section(".mig.manifest"), used)) static const char manifest[] =
    "{\"name\":\"" NAME "\",\"version\":\"1.0\",\"publisher\":\"MIG\","
    "\"description\":\"Answers nonsense\","
    "\"abi\":{\"major\":" MAJOR ",\"minor\":0,\"fingerprint\":\"" FINGERPRINT "\"},"
    "\"operations\":{\"run\":{\"result\":{\"properties\":{"
    "\"elements\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"array\"}},"
    "\"statistics\":{\"type\":[\"object\",\"null\"]}}}}},"
    "\"repeatable\":true}";

#ifdef EXPORTS
__attribute__((visibility("default"))) void call_me(void) {}
#endif

static MigBytes bytes(const void *data, size_t length) {
    MigBytes result = {(const uint8_t *)data, length};
    return result;
}

/* Gives these bytes as the result. */
__attribute__((unused)) static void raw(const MigHost *host, const void *data, size_t length) {
    host->emit(host->context, MIG_EMIT_RESULT, bytes("", 0), bytes(data, length));
}

/* Arrays in arrays, more than anybody may nest. */
__attribute__((unused)) static void nest(const MigHost *host) {
    static unsigned char deep[200];
    memset(deep, 0x81, sizeof deep);
    raw(host, deep, sizeof deep);
}

/* Findings without end, whatever the host says. */
__attribute__((unused)) static void flood(const MigHost *host) {
    for (;;)
        host->emit(host->context, MIG_EMIT_ELEMENT, bytes("/elements/s1", 12),
                   bytes("\x68" "and more", 9));
}

static int32_t call(const MigHost *host, MigBytes operation, MigBytes input) {
    (void)host;
    (void)operation;
    (void)input;
    ANSWER;
    return MIG_CODE_OK;
}

__attribute__((visibility("default"))) const MigPlugin *mig_plugin_draft_1(void) {
    static const MigPlugin table = {
        .size = sizeof(MigPlugin),
        .abi_major = MIG_ABI_MAJOR,
        .abi_minor = MIG_ABI_MINOR,
        .manifest = {(const uint8_t *)manifest, sizeof manifest - 1},
        .call = call,
    };
    return &table;
}
