/* Generated from plugin-abi/abi/src/lib.rs; do not edit.
 *
 * The stable C ABI between a MIG host and a module plugin.
 *
 * Bytes in, bytes out: every type here is repr(C), no Rust type crosses the
 * boundary and nobody frees the other side's memory. The table of a plugin
 * starts with its own size; a reader looks at MigPlugin.size before it
 * touches a field that a later minor version appended. Nothing is ever
 * inserted or reordered; a breaking change gets a new entry symbol.
 */
#ifndef MIG_PLUGIN_H
#define MIG_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fingerprint of the tables below (64-bit); a manifest repeats it in
 * abi.fingerprint. */
#define MIG_ABI_FINGERPRINT "99ecbf43afc70de9537dad7ddd4b45be022ee7d9c1f5359cc7946c58c0f610bc"

/* Major version of the ABI described by this crate. */
#define MIG_ABI_MAJOR 1

/* Minor version: fields are only ever appended. */
#define MIG_ABI_MINOR 0

/* The one symbol a plugin exports. It says draft until the first module
 * packs are published; from then on old binaries must keep loading. */
#define MIG_ENTRY_SYMBOL "mig_plugin_draft_1"

/* Name of the service a persistent module asks for with get_service; it is a
 * MigService. */
#define MIG_SERVICE "mig.service.1"

/* ELF section that carries the manifest as UTF-8 JSON, readable without
 * executing anything. */
#define MIG_MANIFEST_SECTION ".mig.manifest"

/* Borrowed bytes. Valid only for the duration of the call they are passed to;
 * whoever needs them longer copies them. ptr may be null when len is 0. */
typedef struct MigBytes {
    /* First byte, or null when len is 0. */
    const uint8_t *ptr;
    /* Number of bytes. */
    size_t len;
} MigBytes;

/* What an operation returns. The values are stable. */
/* The operation did what it was asked. */
#define MIG_CODE_OK 0
/* It stopped because the host asked it to. */
#define MIG_CODE_CANCELLED 1
/* The parameters are not acceptable; the error record names the field. */
#define MIG_CODE_BAD_PARAMETERS 2
/* Input or output of the operating system failed. */
#define MIG_CODE_IO 3
/* A budget ran out, or emit said stop. */
#define MIG_CODE_LIMIT 4
/* The operating system refused access. */
#define MIG_CODE_PERMISSION 5
/* The module does not know this operation, or not on this system. */
#define MIG_CODE_UNSUPPORTED 6
/* The module panicked; the SDK caught it at the boundary. */
#define MIG_CODE_PANIC 7

/* What emit carries. */
/* One finding, appended to the array at a named place of the result.
 * The place is a JSON pointer, for example /elements/s1. */
#define MIG_EMIT_ELEMENT 1u
/* The rest of the answer, exactly once per successful operation. The
 * place is empty. */
#define MIG_EMIT_RESULT 2u
/* The error record that goes with a non-zero return code: a map with
 * message, and optionally field. */
#define MIG_EMIT_ERROR 3u

/* Severity of a log line, as in syslog. */
/* Somebody must act. */
#define MIG_LEVEL_ERROR 3u
/* Something unexpected was recovered from. */
#define MIG_LEVEL_WARNING 4u
/* Normal but worth knowing. */
#define MIG_LEVEL_INFO 6u
/* For the author of the module. */
#define MIG_LEVEL_DEBUG 7u

/* Capability bits of MigPlugin.capabilities. They repeat what the
 * manifest says, for hosts that have already loaded the table. What a module
 * needs of the system is not here but in the manifest's capabilities, in the
 * words of docs/plugins.md: filesystem-read, filesystem-write, network,
 * raw-network, network-namespaces, process-information, ptrace,
 * signal, processes, netlink-audit, state-directory, alerts. */
/* Has a long-lived serve operation. */
#define MIG_CAPABILITY_PERSISTENT UINT64_C(1)

/* What a host tells a persistent module, see MigService.next. */
/* An investigator asks; the payload is the parameters. The number belongs
 * to the query and goes back with the answer. Several may be open at once. */
#define MIG_MESSAGE_QUERY 1u
/* An alert of another module, for modules that declare the capability
 * alerts: {"source":"audit","message":"..."}. Numbers rise by one; see
 * MIG_NOTICE_STORED. */
#define MIG_MESSAGE_ALERT 2u
/* Host name, environment or tags have changed:
 * {"hostname":"...","environment":{...},"tags":{...}}. */
#define MIG_MESSAGE_SURROUNDINGS 3u

/* What a persistent module tells its host, see MigService.send. */
/* It is at work: queries may come. No payload. */
#define MIG_NOTICE_READY 1u
/* An alert; the payload is its text in UTF-8, usually a JSON object, of at
 * most 262144 bytes. Blocks while nobody takes alerts. */
#define MIG_NOTICE_ALERT 2u
/* The answer to the query of this number: a result document. */
#define MIG_NOTICE_ANSWER 3u
/* The query of this number failed; the payload is an error record. */
#define MIG_NOTICE_FAILURE 4u
/* Every alert of another module up to this number is in safe keeping: the
 * host forgets them. It hands over again what a module that ended had not
 * reported. */
#define MIG_NOTICE_STORED 5u
/* What the owner of the machine shall see of the module, for example its
 * counters: a flat object of numbers, booleans and short texts. */
#define MIG_NOTICE_STATUS 6u

/* Takes one message; the payload is borrowed for the call. It is called on the
 * thread that called MigService.next, before that returns. */
typedef void (*MigReceive)(void *taker, uint32_t kind, uint64_t number, MigBytes payload);

/* What the host offers to a persistent module beyond MigHost: the service
 * SERVICE, there only during serve. Same rules of ownership. */
typedef struct MigService {
    /* Size of this table in bytes. */
    size_t size;
    /* Opaque; handed back to every function below. */
    void *context;
    /* A descriptor that is readable while a message may be waiting, for a
     * module that also waits for others. It belongs to the host: do not read
     * from it and do not close it. Any thread. */
    int32_t (*descriptor)(void *context);
    /* Waits for the next message, at most so many milliseconds, for ever when
     * negative, and hands it to receive. Returns 1 when it did, 0 when none
     * came in time, and a negative number when the module shall end. The host
     * takes every call as a sign of life and ends a module that shows none for
     * 30 seconds: wait here, or call it with 0 whenever the descriptor is
     * readable. One thread at a time. */
    int32_t (*next)(void *context, int32_t milliseconds, MigReceive receive, void *taker);
    /* Sends a notice of notice, copied by the host. Returns 0 to go on;
     * anything else means that the notice was refused or the host is gone. Any
     * thread. */
    int32_t (*send)(void *context, uint32_t kind, uint64_t number, MigBytes payload);
} MigService;

/* What the host offers to a plugin.
 *
 * Ownership: the table belongs to the host and is valid until the operation
 * returns; do not keep the pointer. Threads: every function may be called from
 * any thread of the module while the operation runs; the host serialises the
 * calls. No function throws or unwinds. */
typedef struct MigHost {
    /* Size of this table in bytes. */
    size_t size;
    /* Major version the host speaks. */
    uint16_t abi_major;
    /* Minor version the host speaks. */
    uint16_t abi_minor;
    /* Always 0. */
    uint32_t reserved;
    /* Opaque; handed back to every function below. */
    void *context;
    /* Writes one log line (UTF-8, no line break needed). The message is
     * borrowed for the call and copied by the host. Any thread. */
    void (*log)(void *context, uint32_t level, MigBytes message);
    /* Hands one payload to the host. Place and payload are borrowed for the
     * call and copied by the host. Returns 0 to go on; anything else means stop
     * now: a limit was reached or the host is gone. Any thread. */
    int32_t (*emit)(void *context, uint32_t kind, MigBytes place, MigBytes payload);
    /* Reports progress in units of the module's choice; total 0 is unknown.
     * Any thread. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    /* Returns non-zero once the operation should end. Cheap: poll it often.
     * Any thread. */
    int32_t (*cancelled)(void *context);
    /* Looks up an optional extension by name, which is borrowed for the call.
     * The result is null when the host lacks it; otherwise it belongs to the
     * host and is valid until the operation returns. Any thread. */
    const void *(*get_service)(void *context, MigBytes id);
} MigHost;

/* Runs one operation to its end on the calling thread and returns one of the
 * codes above. The name of the operation and the input are borrowed for the
 * call. The host runs one operation at a time; the module may start threads,
 * which must end before it returns. Nothing may be thrown or unwound out of it.
 *
 * Inputs and answers by operation, as JSON would write them:
 * run: parameters, gives a result document.
 * options: {"words":[...],"defaults":"mig"} (or json, console), gives
 * {"parameters":{...}} or {"help":"..."}, or {"files":["path",...]} with
 * words that name files: then a client reads them and asks again with
 * "files":{"path":"text",...} in the input. Agents never ask for options.
 * print: {"result":{...},"foundonly":false}, gives {"lines":[...]}; it may
 * be called many times in one process, once for each result.
 * validate: parameters, gives {"errors":[{"field":"...","message":"..."}]}.
 * describe: nothing, gives the manifest.
 * serve, through its own entry: {"config":{...},"hostname":"...",
 * "environment":{...},"tags":{...},"directory":"/..."}, where config is the
 * module's configuration file as its manifest describes it and directory its
 * own place for files, null without the capability state-directory. It
 * returns when the host asks for the end, or with a failure; then the host
 * starts it again. run of a persistent module is never called: the manifest
 * describes the module's queries with it. */
typedef int32_t (*MigCall)(const MigHost *host, MigBytes operation, MigBytes input);

/* What a plugin offers. A static, immutable table that belongs to the plugin;
 * plugins are never unloaded. */
typedef struct MigPlugin {
    /* Size of this table in bytes, as the plugin was compiled. */
    size_t size;
    /* Major version the plugin was compiled against. */
    uint16_t abi_major;
    /* Minor version the plugin was compiled against. */
    uint16_t abi_minor;
    /* Always 0. */
    uint32_t reserved;
    /* Bits of capability. */
    uint64_t capabilities;
    /* The manifest, the same bytes as in MANIFEST_SECTION. */
    MigBytes manifest;
    /* Runs run, options, print, validate or describe. */
    MigCall call;
    /* Long-lived operation of a persistent module; null for one-shot modules. */
    MigCall serve;
} MigPlugin;

/* Type of the entry symbol. It returns the plugin's table and does nothing
 * else; it may be called more than once and from any thread. */
typedef const MigPlugin *(*MigEntry)(void);

/* What a plugin exports, under the name MIG_ENTRY_SYMBOL. */
const MigPlugin *mig_plugin_draft_1(void);

#ifdef __cplusplus
}
#endif

#endif /* MIG_PLUGIN_H */
