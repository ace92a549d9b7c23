/* A MIG module in plain C: says which kernel the machine runs and since when.
 *
 *   gcc -std=c99 -Wall -Wextra -O2 -shared -fPIC -fvisibility=hidden \
 *       -Wl,-z,noexecstack -I ../../include -o libhello.so hello.c
 *
 * It has a command line (`mig hello -nouptime`) and prints its own results.
 * cbor.h beside it reads and writes the few forms of CBOR that are needed.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "cbor.h"
#include "mig_plugin.h"

/* The manifest is read from this section without executing anything. */
__attribute__((section(".mig.manifest"), used)) static const char manifest[] =
    "{\"name\":\"hello\",\"version\":\"1.0\",\"publisher\":\"MIG\","
    "\"description\":\"Kernel release and uptime; an example in C\","
    "\"abi\":{\"major\":1,\"minor\":0,\"fingerprint\":\"" MIG_ABI_FINGERPRINT "\"},"
    "\"operations\":{"
    "\"run\":{"
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"nouptime\":{"
    "\"type\":\"boolean\",\"default\":false,\"description\":\"leave the uptime out\"}}},"
    "\"result\":{\"properties\":{"
    "\"elements\":{\"type\":\"object\",\"properties\":{\"kernel\":{\"type\":\"array\","
    "\"items\":{\"type\":\"object\",\"x-mig-privacy\":\"open\",\"properties\":{"
    "\"sysname\":{\"type\":\"string\"},\"release\":{\"type\":\"string\"},"
    "\"machine\":{\"type\":\"string\"}}}}}},"
    "\"statistics\":{\"type\":[\"object\",\"null\"],\"x-mig-privacy\":\"open\","
    "\"properties\":{\"uptime\":{\"type\":\"integer\"}}}}}},"
    "\"options\":{},\"print\":{}},"
    "\"repeatable\":true}";

static MigBytes bytes(const void *data, size_t length) {
    MigBytes result = {(const uint8_t *)data, length};
    return result;
}

static MigBytes text(const char *string) { return bytes(string, strlen(string)); }

static int is(MigBytes given, const char *expected) {
    return given.len == strlen(expected) && memcmp(given.ptr, expected, given.len) == 0;
}

/* Emits {"message": ..., "field": ...} and returns the code. */
static int32_t fail(const MigHost *host, int32_t code, const char *message, const char *field) {
    struct writer out = {0};
    put_map(&out, 2);
    put_text(&out, "message");
    put_text(&out, message);
    put_text(&out, "field");
    put_text(&out, field);
    host->emit(host->context, MIG_EMIT_ERROR, text(""), bytes(out.data, out.length));
    return code;
}

/* Emits what was written as the answer, unless it did not fit. */
static int32_t answer(const MigHost *host, const struct writer *out) {
    if (out->overflow)
        return fail(host, MIG_CODE_LIMIT, "the answer does not fit", "");
    if (host->emit(host->context, MIG_EMIT_RESULT, text(""), bytes(out->data, out->length)) != 0)
        return MIG_CODE_LIMIT;
    return MIG_CODE_OK;
}

static int32_t run(const MigHost *host, struct reader input) {
    struct utsname names;
    struct timespec up;
    struct writer out = {0};
    struct reader value;
    int nouptime = 0;

    if (get(input, "nouptime", &value) && !read_bool(&value, &nouptime))
        return fail(host, MIG_CODE_BAD_PARAMETERS, "nouptime: must be boolean", "nouptime");
    if (host->cancelled(host->context))
        return MIG_CODE_CANCELLED;
    if (uname(&names) != 0 || clock_gettime(CLOCK_BOOTTIME, &up) != 0)
        return fail(host, MIG_CODE_IO, "the kernel does not say what it is", "");

    put_map(&out, 3);
    put_text(&out, "sysname");
    put_text(&out, names.sysname);
    put_text(&out, "release");
    put_text(&out, names.release);
    put_text(&out, "machine");
    put_text(&out, names.machine);
    if (host->emit(host->context, MIG_EMIT_ELEMENT, text("/elements/kernel"),
                   bytes(out.data, out.length)) != 0)
        return MIG_CODE_LIMIT;

    memset(&out, 0, sizeof out);
    put_map(&out, 4);
    put_text(&out, "foundanything");
    put_bool(&out, 1);
    put_text(&out, "success");
    put_bool(&out, 1);
    put_text(&out, "statistics");
    if (nouptime) {
        put_null(&out);
    } else {
        put_map(&out, 1);
        put_text(&out, "uptime");
        put_integer(&out, (uint64_t)up.tv_sec);
    }
    put_text(&out, "errors");
    put_null(&out);
    return answer(host, &out);
}

static int32_t options(const MigHost *host, struct reader input) {
    struct writer out = {0};
    struct reader words, word;
    MigBytes given;
    int nouptime = 0;

    for (size_t index = 0; get(input, "words", &words) && item(words, index, &word); index++) {
        if (!read_text(&word, &given.ptr, &given.len))
            return fail(host, MIG_CODE_BAD_PARAMETERS, "words must be texts", "words");
        if (is(given, "help") && index == 0) {
            put_map(&out, 1);
            put_text(&out, "help");
            put_text(&out, "-nouptime    leave the uptime out\n");
            return answer(host, &out);
        }
        if (!is(given, "-nouptime") && !is(given, "--nouptime"))
            return fail(host, MIG_CODE_BAD_PARAMETERS, "the only option is -nouptime", "words");
        nouptime = 1;
    }
    put_map(&out, 1);
    put_text(&out, "parameters");
    put_map(&out, 1);
    put_text(&out, "nouptime");
    put_bool(&out, nouptime);
    return answer(host, &out);
}

/* Copies a text member of a map into the line, if it is there. */
static void append(char *line, size_t size, struct reader map, const char *name) {
    struct reader value;
    const uint8_t *start;
    size_t length, used = strlen(line);

    if (get(map, name, &value) && read_text(&value, &start, &length))
        snprintf(line + used, size - used, "%s%.*s", used ? " " : "",
                 (int)(length > 200 ? 200 : length), (const char *)start);
}

static int32_t print(const MigHost *host, struct reader input) {
    struct writer out = {0};
    struct reader result, elements, list, kernel, statistics, value;
    char line[800] = "", uptime[80] = "";
    uint64_t seconds;

    if (!get(input, "result", &result))
        return fail(host, MIG_CODE_BAD_PARAMETERS, "result is missing", "result");
    if (get(result, "elements", &elements) && get(elements, "kernel", &list) &&
        item(list, 0, &kernel)) {
        append(line, sizeof line, kernel, "sysname");
        append(line, sizeof line, kernel, "release");
        append(line, sizeof line, kernel, "machine");
    }
    if (get(result, "statistics", &statistics) && get(statistics, "uptime", &value) &&
        read_integer(&value, &seconds))
        snprintf(uptime, sizeof uptime, "up %llu seconds", (unsigned long long)seconds);
    put_map(&out, 1);
    put_text(&out, "lines");
    put_array(&out, (line[0] != 0) + (uptime[0] != 0));
    if (line[0])
        put_text(&out, line);
    if (uptime[0])
        put_text(&out, uptime);
    return answer(host, &out);
}

static int32_t call(const MigHost *host, MigBytes operation, MigBytes input) {
    struct reader in = {input.ptr, input.len};

    if (is(operation, "run"))
        return run(host, in);
    if (is(operation, "options"))
        return options(host, in);
    if (is(operation, "print"))
        return print(host, in);
    return fail(host, MIG_CODE_UNSUPPORTED, "the module has no such operation", "");
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
