/* A persistent MIG module in plain C: raises an alert at every beat and answers
 * how many there were.
 *
 *   gcc -std=c99 -Wall -Wextra -O2 -shared -fPIC -fvisibility=hidden \
 *       -Wl,-z,noexecstack -I ../../include -o libpulse.so pulse.c
 *
 * Its configuration file, pulse.cfg:
 *
 *   [pulse]
 *   seconds = 60
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cbor.h"
#include "mig_plugin.h"

__attribute__((section(".mig.manifest"), used)) static const char manifest[] =
    "{\"name\":\"pulse\",\"version\":\"1.0\",\"publisher\":\"MIG\","
    "\"description\":\"Raises an alert at every beat; an example in C\","
    "\"abi\":{\"major\":1,\"minor\":0,\"fingerprint\":\"" MIG_ABI_FINGERPRINT "\"},"
    "\"persistent\":true,"
    "\"operations\":{"
    /* What it can be asked. */
    "\"run\":{\"result\":{\"properties\":{"
    "\"elements\":{\"type\":\"object\",\"x-mig-privacy\":\"open\",\"properties\":{"
    "\"beats\":{\"type\":\"integer\"}}}}}},"
    /* Its configuration file, and an alert. */
    "\"serve\":{"
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"pulse\":{\"type\":\"object\","
    "\"properties\":{\"seconds\":{\"type\":\"integer\",\"default\":60,"
    "\"description\":\"time between two beats\"}}}}},"
    "\"result\":{\"type\":\"object\",\"x-mig-privacy\":\"open\",\"properties\":{"
    "\"beat\":{\"type\":\"integer\"}}}}}}";

static MigBytes bytes(const void *data, size_t length) {
    MigBytes result = {(const uint8_t *)data, length};
    return result;
}

static int send(const MigService *service, uint32_t kind, uint64_t number, const void *data, size_t length) {
    return service->send(service->context, kind, number, bytes(data, length));
}

struct state {
    const MigService *service;
    uint64_t beats;
};

/* Answers a query: {"foundanything":true,"success":true,"elements":{"beats":N}}. */
static void answer(const struct state *state, uint64_t number) {
    struct writer out = {0};

    put_map(&out, 3);
    put_text(&out, "foundanything");
    put_bool(&out, state->beats > 0);
    put_text(&out, "success");
    put_bool(&out, 1);
    put_text(&out, "elements");
    put_map(&out, 1);
    put_text(&out, "beats");
    put_integer(&out, state->beats);
    send(state->service, MIG_NOTICE_ANSWER, number, out.data, out.length);
}

/* Called by `next` with one message. Kinds that it does not know are of a newer
 * host, which does without an answer. */
static void receive(void *taker, uint32_t kind, uint64_t number, MigBytes payload) {
    (void)payload;
    if (kind == MIG_MESSAGE_QUERY)
        answer(taker, number);
}

static int64_t milliseconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int32_t serve(const MigHost *host, MigBytes operation, MigBytes input) {
    struct reader in = {input.ptr, input.len}, config, section, value;
    struct state state = {0};
    uint64_t seconds = 60;
    int64_t due;

    (void)operation;
    state.service = host->get_service(host->context, bytes(MIG_SERVICE, strlen(MIG_SERVICE)));
    if (!state.service)
        return MIG_CODE_UNSUPPORTED;
    if (get(in, "config", &config) && get(config, "pulse", &section) && get(section, "seconds", &value))
        read_integer(&value, &seconds);
    if (seconds < 1 || seconds > 86400)
        return MIG_CODE_BAD_PARAMETERS;
    send(state.service, MIG_NOTICE_READY, 0, "", 0);
    due = milliseconds() + (int64_t)seconds * 1000;
    for (;;) {
        int64_t left = due - milliseconds();

        if (left <= 0) {
            char alert[64];

            state.beats++;
            snprintf(alert, sizeof alert, "{\"beat\":%llu}", (unsigned long long)state.beats);
            send(state.service, MIG_NOTICE_ALERT, 0, alert, strlen(alert));
            due += (int64_t)seconds * 1000;
            continue;
        }
        /* Waits for a message until the next beat. Negative: it is the end. */
        if (state.service->next(state.service->context, (int32_t)left, receive, &state) < 0)
            return MIG_CODE_OK;
    }
}

static int32_t call(const MigHost *host, MigBytes operation, MigBytes input) {
    (void)host, (void)operation, (void)input;
    return MIG_CODE_UNSUPPORTED;
}

__attribute__((visibility("default"))) const MigPlugin *mig_plugin_draft_1(void) {
    static const MigPlugin table = {
        .size = sizeof(MigPlugin),
        .abi_major = MIG_ABI_MAJOR,
        .abi_minor = MIG_ABI_MINOR,
        .capabilities = MIG_CAPABILITY_PERSISTENT,
        .manifest = {(const uint8_t *)manifest, sizeof manifest - 1},
        .call = call,
        .serve = serve,
    };
    return &table;
}
