/* Preloaded into a server, or into any other program: its time is the system's and the seconds that stand in a
 * file, which a test may change while the program runs. Timers, which go by the monotonic clock, are as ever. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    long told = syscall(SYS_clock_gettime, clock, now);
    if (told != 0 || clock != CLOCK_REALTIME) return (int)told;
    char digits[24] = {0};
    const char *path = getenv("CLOCK_AHEAD");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        if (read(file, digits, sizeof digits - 1) < 0) digits[0] = 0;
        close(file);
    }
    now->tv_sec += atoll(digits);
    return 0;
}

int gettimeofday(struct timeval *restrict told, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}
