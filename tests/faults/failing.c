/* Makes one write to the files under a folder fail, as a full or a broken disk does. Preloaded into a process:
 *
 *   FAIL_UNDER  the folder
 *   FAIL_AT     the number of the call that fails, from 1; calls are write, pwrite, fsync and rename
 *   FAIL_WITH   the number of the error, e.g. that of ENOSPC or EIO
 *   FAIL_COUNT  a file of four bytes that holds the number of calls so far
 *
 * Without FAIL_AT all calls pass, and are counted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static _Atomic int *calls(void) {
    static _Atomic int *shared;
    if (!shared) {
        int file = open(getenv("FAIL_COUNT"), O_RDWR);
        shared = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
    }
    return shared;
}

static int fails(const char *path) {
    const char *under = getenv("FAIL_UNDER"), *at = getenv("FAIL_AT"), *with = getenv("FAIL_WITH");
    char full[8192];
    if (!under || !*under) return 0;
    if (path[0] != '/') {
        if (!getcwd(full, 4096)) return 0;
        strcat(full, "/");
        strncat(full, path, 4000);
        path = full;
    }
    if (strncmp(path, under, strlen(under)) != 0) return 0;
    int call = atomic_fetch_add(calls(), 1) + 1;
    if (!at || !with || call != atoi(at)) return 0;
    errno = atoi(with);
    return 1;
}

static int fails_on(int file) {
    char link[64], path[4096];
    if (!getenv("FAIL_UNDER")) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return fails(path);
}

#define REAL(name) real = real ? real : dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    REAL(write);
    return fails_on(file) ? -1 : real(file, data, size);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    REAL(pwrite);
    return fails_on(file) ? -1 : real(file, data, size, at);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    REAL(pwrite64);
    return fails_on(file) ? -1 : real(file, data, size, at);
}

int fsync(int file) {
    static int (*real)(int);
    REAL(fsync);
    return fails_on(file) ? -1 : real(file);
}

int rename(const char *from, const char *to) {
    static int (*real)(const char *, const char *);
    REAL(rename);
    return fails(to) ? -1 : real(from, to);
}
