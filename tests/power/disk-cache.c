/*
 * The write cache of the guest's disk in power.sh: preloaded into User-Mode Linux, it keeps what the guest's block layer writes in
 * memory until the guest flushes, and only then writes it to the image. When the power goes, that is,
 * when the process is killed, all that was not flushed is gone. Without it the host's page cache would act as a disk that never loses
 * a completed write, and a guest that forgets to flush would pass.
 *
 * POWER_DISK  the image
 * POWER_KEEP  percent of blocks that reach the image without a flush: real caches drain in no particular order
 * POWER_SEED  of that choice
 *
 * How a flush is seen: the disk thread of User-Mode Linux reads batches of pointers to requests from a socket and carries them out. A
 * flush is a request without segments; Linux 6.1 answers it and does nothing (others call fdatasync, which is taken as well). So the
 * batches are looked into. A flush waits for the writes it covers to be answered, which is why it can be done before the rest of
 * its batch. power.sh refuses to run when no flush was seen by the time the disk is mounted.
 *
 * No memory is allocated after start: the disk thread is a bare clone. It alone reads, writes and flushes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* What the block layer addresses, and what a disk writes whole or not at all. */
enum { SECTOR = 512, PHYSICAL = 4096 };

static dev_t disk_device;
static ino_t disk_inode;
static size_t sectors;
static unsigned char *cache; /* the disk's size; meaningful where `dirty` says so */
static unsigned char *dirty; /* one byte per sector */
static size_t dirty_first, dirty_end;
static int disk_descriptor = -1; /* the disk thread's */
static pid_t kernel_process, disk_thread;
static unsigned keep;
static uint64_t state;

/* Of arch/um/drivers/ubd_kern.c; `sector_size` serves as a check that this is still its shape. */
struct request {
    void *block_request;
    int descriptors[2];
    unsigned long offsets[2];
    unsigned long long offset;
    int sector_size;
    int error;
    int segments;
};
enum { REQUEST_BATCH = 64 };

static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_pread)(int, void *, size_t, off64_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_fallocate)(int, int, off64_t, off64_t);

static void *memory(size_t size)
{
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        abort();
    return start;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("POWER_DISK"), *percent = getenv("POWER_KEEP"), *seed = getenv("POWER_SEED");
    struct stat64 image;

    real_pread = dlsym(RTLD_NEXT, "pread64");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fallocate = dlsym(RTLD_NEXT, "fallocate64");
    if (!path || stat64(path, &image) != 0)
        return;
    kernel_process = getpid();
    disk_device = image.st_dev;
    disk_inode = image.st_ino;
    sectors = image.st_size / SECTOR;
    keep = percent ? strtoul(percent, NULL, 10) : 0;
    state = seed ? strtoull(seed, NULL, 10) : 0;
    cache = memory(sectors * SECTOR);
    dirty = memory(sectors);
}

static int is_disk(int fd)
{
    struct stat64 file;
    if (!cache || fstat64(fd, &file) != 0 || file.st_ino != disk_inode || file.st_dev != disk_device)
        return 0;
    if (getpid() != kernel_process) {
        disk_thread = getpid();
        disk_descriptor = fd;
    }
    return 1;
}

/* splitmix64 */
static unsigned chance(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % 100;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    size_t first = offset / SECTOR, end = (offset + length) / SECTOR;
    if (!is_disk(fd))
        return real_pwrite(fd, data, length, offset);
    /* The block layer writes whole sectors within the disk. */
    if (offset % SECTOR || length % SECTOR || end > sectors)
        abort();
    int through = 0;
    for (size_t sector = first; sector < end; sector++) {
        const unsigned char *from = (const unsigned char *)data + (sector - first) * SECTOR;
        if (sector == first || sector % (PHYSICAL / SECTOR) == 0)
            through = keep && chance() < keep;
        if (through) {
            if (real_pwrite(fd, from, SECTOR, sector * SECTOR) != SECTOR)
                abort();
            dirty[sector] = 0;
            continue;
        }
        memcpy(cache + sector * SECTOR, from, SECTOR);
        dirty[sector] = 1;
        if (dirty_first == dirty_end || sector < dirty_first)
            dirty_first = sector;
        if (sector + 1 > dirty_end)
            dirty_end = sector + 1;
    }
    return length;
}

ssize_t pread64(int fd, void *data, size_t length, off64_t offset)
{
    ssize_t got = real_pread(fd, data, length, offset);
    if (got <= 0 || !is_disk(fd))
        return got;
    for (size_t sector = offset / SECTOR; sector < (size_t)(offset + got + SECTOR - 1) / SECTOR; sector++) {
        off64_t from = sector * SECTOR, to = from + SECTOR;
        if (!dirty[sector])
            continue;
        if (from < offset)
            from = offset;
        if (to > offset + got)
            to = offset + got;
        memcpy((unsigned char *)data + (from - offset), cache + from, to - from);
    }
    return got;
}

static int flush(int fd)
{
    static int seen;
    size_t sector = dirty_first, end;
    const unsigned char *found;
    while (sector < dirty_end && (found = memchr(dirty + sector, 1, dirty_end - sector))) {
        sector = end = found - dirty;
        while (end < dirty_end && dirty[end])
            dirty[end++] = 0;
        if (real_pwrite(fd, cache + sector * SECTOR, (end - sector) * SECTOR, sector * SECTOR) !=
            (ssize_t)((end - sector) * SECTOR))
            abort();
        sector = end;
    }
    dirty_first = dirty_end = 0;
    if (!seen) {
        const char *mark = getenv("POWER_FLUSHED");
        int file = mark ? open(mark, O_WRONLY | O_CREAT, 0600) : -1;
        if (file >= 0)
            close(file);
        seen = 1;
    }
    /* The image outlives the guest in the host's page cache; the host itself is not switched off here. */
    return 0;
}

int fdatasync(int fd)
{
    return is_disk(fd) ? flush(fd) : real_fdatasync(fd);
}

int fsync(int fd)
{
    return is_disk(fd) ? flush(fd) : real_fsync(fd);
}

ssize_t read(int fd, void *data, size_t length)
{
    ssize_t got;
    /* Constructors of other libraries may come first. */
    if (!real_read)
        real_read = dlsym(RTLD_NEXT, "read");
    got = real_read(fd, data, length);
    if (!disk_thread || getpid() != disk_thread || length != REQUEST_BATCH * sizeof(struct request *) || got <= 0)
        return got;
    for (size_t i = 0; i < got / sizeof(struct request *); i++) {
        const struct request *request = ((struct request **)data)[i];
        if (request->sector_size != SECTOR)
            abort();
        if (request->segments == 0)
            flush(disk_descriptor);
    }
    return got;
}

/* Discarding and zeroing past the cache: not supported, so that the guest writes zeroes instead. */
int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
    if (!is_disk(fd))
        return real_fallocate(fd, mode, offset, length);
    errno = EOPNOTSUPP;
    return -1;
}
