/* A CGI program in C: it says what was asked for, and how long the request's body is.
 *
 *     clang --target=wasm32-wasi -O2 -o command-c.wasm main.c
 *     fcgi-wasm-host --listen /run/app.sock --module command-c.wasm
 */
#include <stdio.h>
#include <stdlib.h>

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

int main(void) {
    char piece[16384];
    unsigned long long bytes = 0;
    size_t length;

    /* Read before the answer begins: nginx sends no more of a body after that. */
    while ((length = fread(piece, 1, sizeof piece, stdin)) > 0)
        bytes += length;
    /* A body that breaks off is an error, not an end. */
    if (ferror(stdin))
        return EXIT_FAILURE;

    printf("Content-Type: text/plain; charset=utf-8\n\n");
    printf("%s %s%s\n", variable("REQUEST_METHOD"), variable("SCRIPT_NAME"), variable("PATH_INFO"));
    printf("%llu bytes\n", bytes);
    return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
