/* A module that gives its parameters back as its result, whatever they are:
 * compiled with MANIFEST_FILE, which defines the bytes of the manifest of some
 * honest module.
 */
#include "mig_plugin.h"

__attribute__((section(".mig.manifest"), used)) static const unsigned char manifest[] = {
#include MANIFEST_FILE
};

static int32_t call(const MigHost *host, MigBytes operation, MigBytes input) {
    MigBytes place = {0, 0};
    (void)operation;
    host->emit(host->context, MIG_EMIT_RESULT, place, input);
    return MIG_CODE_OK;
}

__attribute__((visibility("default"))) const MigPlugin *mig_plugin_draft_1(void) {
    static const MigPlugin table = {
        .size = sizeof(MigPlugin),
        .abi_major = MIG_ABI_MAJOR,
        .abi_minor = MIG_ABI_MINOR,
        .manifest = {manifest, sizeof manifest},
        .call = call,
    };
    return &table;
}
