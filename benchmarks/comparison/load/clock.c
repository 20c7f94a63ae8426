#include "load.h"

#include <string.h>
#include <time.h>

/* A histogram: each power of two in 64 steps, so that a latency is off by 1.6 % at most. */
#define STEPS 64
static uint64_t histogram[64 * STEPS], counted;

uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

void latencies_clear(void) {
    memset(histogram, 0, sizeof histogram);
    counted = 0;
}

void latencies_add(uint64_t ns) {
    int power = ns < STEPS ? 0 : 63 - __builtin_clzll(ns) - 5;
    uint64_t step = ns < STEPS ? ns : ns >> (power - 1) & (STEPS - 1);
    histogram[power * STEPS + step]++;
    counted++;
}

double latencies_us(double share) {
    uint64_t wanted = counted * share, seen = 0;
    for (int i = 0; counted && i < 64 * STEPS; i++) {
        seen += histogram[i];
        if (seen > wanted) {
            int power = i / STEPS;
            uint64_t step = i % STEPS;
            return (power ? (STEPS + step) << (power - 1) : step) / 1e3;
        }
    }
    return 0;
}
