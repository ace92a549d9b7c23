/*
 * A stand-in for an agent written in Go: it does nothing, but holds what the Go
 * linker leaves in such a program. That is a note with the build identifier, the
 * table of source files, and a string variable, which is an address and a length.
 */
#include <unistd.h>

#ifndef SOURCE
#define SOURCE "mig-agent/agent.go"
#endif

struct note {
    unsigned owner_size, text_size, kind;
    char owner[4];
    char text[16];
};

__attribute__((section(".note.go.buildid"), used, aligned(4)))
static const struct note note = {4, 16, 4, "Go\0", "0123456789/abcd"};

__attribute__((used))
static const char sources[] =
    "/build/src/github.com/mozilla/mig/actions.go\0"
    "/build/src/github.com/mozilla/mig/" SOURCE "\0";

static const char text[] = VERSION;

struct string {
    const char *address;
    long length;
};

/* Writable, as variables in Go are. */
__attribute__((used))
struct string version = {text, sizeof text - 1};

int main(void)
{
    for (;;)
        pause();
}
