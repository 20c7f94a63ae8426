/*
 * Keeps a Socket.IO server busy, and says in one line of JSON what it took.
 *
 *     load ack PORT PID IDENTITIES CLIENTS ... (the harness, load.py, has all arguments)
 *
 * A closed loop: the next event is sent when the answer to the last one is there, so that the server is never given
 * more than it can take, and nothing may get lost.
 */
#define _GNU_SOURCE
#include "load.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double CONNECT_TIMEOUT_S = 90, QUIET_TIMEOUT_S = 60, ANSWER_TIMEOUT_S = 5;

static struct {
    const char *work;
    int port, server, clients, window;
    double warmup_s, seconds;
} given;

static enum { ACK, DIRECT, BROADCAST, CONNECT, CROWD } work;
static bool running;
static uint64_t expected, delivered;

void die(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    exit(2);
}

static void emit(struct client *client) {
    expected += work == BROADCAST ? client_count : 1;
    /* In DIRECT, each client writes to the next one. */
    socketio_emit(client, &clients[work == DIRECT ? (client->number + 1) % client_count : client->number]);
}

void on_delivery(struct client *client) {
    delivered++;
    if (!running)
        return;
    if (work == ACK)
        emit(client);
    else if (work == DIRECT)
        emit(&clients[(client->number + client_count - 1) % client_count]);
    else if (delivered == expected)
        emit(&clients[0]);
}

static void serve_for(double seconds) {
    uint64_t end = now_ns() + seconds * 1e9;
    for (uint64_t now; (now = now_ns()) < end;)
        clients_serve((end - now) / 1000000 + 1);
}

struct usage { double server_us, own_us; uint64_t at_ns, delivered; };

static struct usage usage(void) {
    return (struct usage){processes_cpu_us(), own_cpu_us(), now_ns(), delivered};
}

static void print_first(struct usage start, struct usage end, uint64_t units) {
    double seconds = (end.at_ns - start.at_ns) / 1e9;
    printf("{\"units\": %llu, \"seconds\": %.3f, \"server_cpu_us\": %.3f, \"server_busy\": %.3f, \"load_busy\": %.3f",
           (unsigned long long)units, seconds, units ? (end.server_us - start.server_us) / units : 0,
           (end.server_us - start.server_us) / seconds / 1e6, (end.own_us - start.own_us) / seconds / 1e6);
    printf(", \"p50_us\": %.1f, \"p99_us\": %.1f", latencies_us(0.5), latencies_us(0.99));
}

static void print_last(void) {
    printf(", \"refused\": %d, \"lost\": %d, \"missing\": %lld, \"unexpected\": %llu}\n", refused, lost,
           (long long)(expected - delivered), (unsigned long long)unexpected);
}

static void talk(void) {
    running = true;
    for (int i = 0; i < (work == BROADCAST ? 1 : client_count); i++)
        emit(&clients[i]);
    serve_for(given.warmup_s);
    latencies_clear();
    struct usage start = usage();
    serve_for(given.seconds);
    struct usage end = usage();
    print_first(start, end, end.delivered - start.delivered);
    running = false;
    /* What is still under way has to arrive. */
    uint64_t latest = now_ns() + ANSWER_TIMEOUT_S * 1e9;
    while (delivered < expected && !lost && now_ns() < latest)
        clients_serve(100);
}

/* Until the server has used next to no CPU for half a second. Returns what it used. Not for one with clients:
   thousands of them and their pings keep it from ever being quiet. */
static double until_quiet_us(void) {
    double start = processes_cpu_us(), last = start;
    uint64_t latest = now_ns() + QUIET_TIMEOUT_S * 1e9;
    for (int quiet = 0; quiet < 5 && now_ns() < latest;) {
        serve_for(0.1);
        double cpu = processes_cpu_us();
        quiet = cpu - last < 4000 ? quiet + 1 : 0;
        last = cpu;
    }
    return last - start;
}

/* Everybody is idle for a while, then all leave at once. */
static void crowd(double resident_before_kb) {
    serve_for(given.seconds);
    printf(", \"resident_kb\": %.3f", (processes_resident_kb() - resident_before_kb) / client_count);
    int were_connected = connected;
    double before = processes_cpu_us();
    clients_close_all();
    until_quiet_us();
    printf(", \"leave_cpu_us\": %.3f", (processes_cpu_us() - before) / were_connected);
    expected += connected;  /* Whoever is still connected has been forgotten by the server. */
}

static void read_arguments(int count, char **values) {
    static const char *const WORK[] = {"ack", "direct", "broadcast", "connect", "crowd"};
    if (count != 14)
        die("WORK PORT PID IDENTITIES CLIENTS WINDOW WARMUP_S SECONDS NAMESPACE EVENT ARGUMENTS HEARD ATTACHMENT");
    size_t kind = 0;
    while (kind < 5 && strcmp(values[1], WORK[kind]))
        kind++;
    if (kind == 5)
        die("no such work: %s", values[1]);
    work = kind;
    given.port = atoi(values[2]);
    given.server = atoi(values[3]);
    given.clients = atoi(values[5]);
    given.window = atoi(values[6]);
    given.warmup_s = atof(values[7]);
    given.seconds = atof(values[8]);
    conversation = (struct conversation){
        .namespace = values[9], .event = values[10], .arguments = values[11],
        .heard = *values[12] ? values[12] : NULL, .attachment = atoi(values[13])};
    clients_make(given.clients, given.port);
    identities_read(values[4]);
}

int main(int count, char **values) {
    read_arguments(count, values);
    signal(SIGPIPE, SIG_IGN);
    processes_watch(given.server);
    double resident_before_kb = processes_resident_kb();

    struct usage start = usage();
    clients_open_all(given.window, CONNECT_TIMEOUT_S);
    struct usage end = usage();
    if (refused || lost)
        die("%d of %d clients were refused, %d lost", refused, client_count, lost);

    if (work == CONNECT || work == CROWD)
        print_first(start, end, connected);
    if (work == CROWD)
        crowd(resident_before_kb);
    if (work < CONNECT) {
        serve_for(0.3);  /* What connecting has left to do. */
        talk();
    }
    print_last();
    return refused || lost || unexpected || expected != delivered;
}
