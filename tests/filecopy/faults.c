/* Stands between a program and the C library, and makes its reads and writes fail on request.
 *
 * FAULTS is a list of "CALL WHICH WHAT", separated by commas:
 *   CALL   pread, pwrite or fsync
 *   WHICH  a number: that call, counted from 1 over the whole program; or "odd": the first, third, fifth ...
 *   WHAT   a number: fail with this errno; "short": transfer half of it; "lie": write one byte otherwise
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum what { NOTHING, FAIL, SHORT, LIE };

/* What is to happen to this call, the `count`th of its name; the number goes into *error. */
static enum what fault(const char *call, long count, int *error) {
    const char *list = getenv("FAULTS");
    char name[16], which[16], what[16];
    for (; list && sscanf(list, "%15s %15s %15[^,]", name, which, what) == 3; list = strchr(list, ',')) {
        list += *list == ',';
        if (strcmp(name, call) || (strcmp(which, "odd") ? atol(which) != count : count % 2 == 0))
            continue;
        if (!strcmp(what, "short"))
            return SHORT;
        if (!strcmp(what, "lie"))
            return LIE;
        *error = atoi(what);
        return FAIL;
    }
    return NOTHING;
}

ssize_t pread64(int fd, void *bytes, size_t len, off64_t at) {
    static atomic_long count;
    ssize_t (*real)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
    int error;
    switch (fault("pread", ++count, &error)) {
    case FAIL:
        errno = error;
        return -1;
    case SHORT:
        return real(fd, bytes, len > 1 ? len / 2 : len, at);
    default:
        return real(fd, bytes, len, at);
    }
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) {
    static atomic_long count;
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    int error;
    switch (fault("pwrite", ++count, &error)) {
    case FAIL:
        errno = error;
        return -1;
    case SHORT:
        return real(fd, bytes, len > 1 ? len / 2 : len, at);
    case LIE: {
        ssize_t written = real(fd, bytes, len, at);
        char other = ~((const char *)bytes)[len / 2];
        real(fd, &other, 1, at + len / 2);
        return written;
    }
    default:
        return real(fd, bytes, len, at);
    }
}

int fsync(int fd) {
    static atomic_long count;
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    int error;
    if (fault("fsync", ++count, &error) == FAIL) {
        errno = error;
        return -1;
    }
    return real(fd);
}
