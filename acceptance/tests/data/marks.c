/* A module that leaves a mark, takes its time and says what it did: compiled
 * with NAME, what it is called, and REPEATABLE, `true` or `false`.
 *
 * Parameters: `file` to which `line` is appended (none: no mark), and
 * `milliseconds` to linger.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cbor.h"
#include "mig_plugin.h"

__attribute__((section(".mig.manifest"), used)) static const char manifest[] =
    "{\"name\":\"" NAME "\",\"version\":\"1.0\",\"publisher\":\"MIG\","
    "\"description\":\"Leaves a mark and takes its time\","
    "\"abi\":{\"major\":1,\"minor\":0,\"fingerprint\":\"" MIG_ABI_FINGERPRINT "\"},"
    "\"operations\":{\"run\":{"
    "\"parameters\":{\"type\":\"object\",\"properties\":{"
    "\"file\":{\"type\":\"string\"},\"line\":{\"type\":\"string\"},"
    "\"milliseconds\":{\"type\":\"integer\"}}},"
    "\"result\":{\"properties\":{"
    "\"elements\":{\"type\":\"object\",\"properties\":{\"marks\":{\"type\":\"array\","
    "\"items\":{\"type\":\"string\",\"x-mig-privacy\":\"open\"}}}},"
    "\"statistics\":{\"type\":[\"object\",\"null\"]}}}}},"
    "\"capabilities\":[\"filesystem-read\",\"filesystem-write\"],"
    "\"repeatable\":" REPEATABLE "}";

static MigBytes bytes(const void *data, size_t length) {
    MigBytes result = {(const uint8_t *)data, length};
    return result;
}

/* Emits {"message": ...} and returns the code. */
static int32_t fail(const MigHost *host, int32_t code, const char *message) {
    struct writer out = {0};
    put_map(&out, 1);
    put_text(&out, "message");
    put_text(&out, message);
    host->emit(host->context, MIG_EMIT_ERROR, bytes("", 0), bytes(out.data, out.length));
    return code;
}

/* Appends the line in one piece; false with errno when that fails. */
static int mark(const uint8_t *file, size_t file_length, const uint8_t *line, size_t length) {
    char path[4096], text[512];
    int fd, whole;

    if (file_length >= sizeof path || length >= sizeof text) {
        errno = ENAMETOOLONG;
        return 0;
    }
    memcpy(path, file, file_length);
    path[file_length] = 0;
    memcpy(text, line, length);
    text[length] = '\n';
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (fd < 0)
        return 0;
    whole = write(fd, text, length + 1) == (ssize_t)(length + 1);
    return close(fd) == 0 && whole;
}

static int32_t call(const MigHost *host, MigBytes operation, MigBytes input) {
    struct reader in = {input.ptr, input.len}, value;
    struct writer out = {0};
    const uint8_t *file = 0, *line = (const uint8_t *)"";
    size_t file_length = 0, length = 0;
    uint64_t milliseconds = 0;
    struct timespec pause = {0, 1000000};
    char text[512];

    if (operation.len != 3 || memcmp(operation.ptr, "run", 3) != 0)
        return fail(host, MIG_CODE_UNSUPPORTED, "there is only run");
    if (get(in, "file", &value))
        read_text(&value, &file, &file_length);
    if (get(in, "line", &value))
        read_text(&value, &line, &length);
    if (get(in, "milliseconds", &value))
        read_integer(&value, &milliseconds);
    if (file_length > 0 && !mark(file, file_length, line, length))
        return fail(host, MIG_CODE_IO, strerror(errno));
    for (; milliseconds > 0; milliseconds--) {
        if (host->cancelled(host->context))
            return MIG_CODE_CANCELLED;
        nanosleep(&pause, 0);
    }
    if (length >= sizeof text)
        length = sizeof text - 1;
    memcpy(text, line, length);
    text[length] = 0;
    put_text(&out, text);
    if (host->emit(host->context, MIG_EMIT_ELEMENT, bytes("/elements/marks", 15),
                   bytes(out.data, out.length)) != 0)
        return MIG_CODE_LIMIT;
    memset(&out, 0, sizeof out);
    put_map(&out, 2);
    put_text(&out, "foundanything");
    put_bool(&out, 1);
    put_text(&out, "success");
    put_bool(&out, 1);
    if (host->emit(host->context, MIG_EMIT_RESULT, bytes("", 0), bytes(out.data, out.length)) != 0)
        return MIG_CODE_LIMIT;
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
