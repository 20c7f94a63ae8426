#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <time.h>

#define MOST 256
static int watched[MOST], watched_count;

static void watch_children_of(int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    FILE *children = fopen(path, "r");
    if (!children)
        return;
    int child;
    while (watched_count < MOST && fscanf(children, "%d", &child) == 1) {
        watched[watched_count++] = child;
        watch_children_of(child);
    }
    fclose(children);
}

void processes_watch(int root) {
    watched[0] = root;
    watched_count = 1;
    watch_children_of(root);
}

/* User and system time of all threads, from the scheduler's clock: /proc/PID/stat counts in steps of 10 ms. */
double processes_cpu_us(void) {
    double sum = 0;
    for (int i = 0; i < watched_count; i++) {
        clockid_t clock;
        struct timespec time;
        if (clock_getcpuclockid(watched[i], &clock) == 0 && clock_gettime(clock, &time) == 0)
            sum += time.tv_sec * 1e6 + time.tv_nsec / 1e3;
    }
    return sum;
}

double processes_resident_kb(void) {
    double sum = 0, kb;
    char path[64], line[256];
    for (int i = 0; i < watched_count; i++) {
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", watched[i]);
        FILE *memory = fopen(path, "r");
        if (!memory)
            continue;
        while (fgets(line, sizeof line, memory))
            if (sscanf(line, "Rss: %lf", &kb) == 1)
                sum += kb;
        fclose(memory);
    }
    return sum;
}

double own_cpu_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}
