/* What the parts of the load generator share. One thread, one epoll, clients on 127.0.0.1 only. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data;
    size_t length, capacity;
};

enum state { NOT_YET, TCP, HTTP, ENGINE_IO, SOCKET_IO, CONNECTED, CLOSED };

struct client {
    int fd, number;
    enum state state;
    struct bytes in, out;
    bool wants_writable;    /* epoll tells when it can be written to */
    bool attachment_due;    /* the next binary frame completes an ack */
    uint64_t began_ns;      /* its handshake, then the event whose ack it waits for */
    uint32_t last_ack;
};

/* bytes.c: buffers that grow */
void bytes_add(struct bytes *buffer, const void *data, size_t length);
void bytes_drop(struct bytes *buffer, size_t length);

/* clock.c: time, and how long things took */
uint64_t now_ns(void);
void latencies_clear(void);
void latencies_add(uint64_t ns);
double latencies_us(double share);      /* 0.5 is the median, 0.99 the 99th percentile */

/* process.c: what a process and its descendants use */
void processes_watch(int root);
double processes_cpu_us(void);
double processes_resident_kb(void);
double own_cpu_us(void);

/* websocket.c: RFC 6455, as much of it as a client of a friendly server needs */
enum opcode { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
void websocket_request(struct client *client, int port);
void websocket_send(struct client *client, enum opcode opcode, const void *payload, size_t length);
/* Takes what is complete out of client->in and hands it to these two. */
void websocket_read(struct client *client);
void on_open(struct client *client);
void on_frame(struct client *client, enum opcode opcode, const uint8_t *payload, size_t length);

/* clients.c: their sockets */
extern struct client *clients;
extern int client_count, connected, refused, lost;
void clients_make(int count, int port);
void clients_open_all(int window, double timeout_s);
void clients_serve(int at_most_ms);     /* waits for something to happen, once */
void clients_close_all(void);
void client_flush(struct client *client);
void client_fail(struct client *client, const char *why);
void client_connected(struct client *client);

/* socketio.c: Engine.IO 4 and Socket.IO 5 */
struct conversation {
    const char *namespace;              /* "/bench" */
    const char *event, *arguments;      /* what is sent: %k is the receiver's key, %t the time */
    const char *heard;                  /* the event that is counted; NULL: the ack is */
    size_t attachment;                  /* bytes of binary data with each event */
};
extern struct conversation conversation;
void identities_read(const char *file); /* a line for each client: its key, its token */
void socketio_emit(struct client *client, const struct client *receiver);

/* load.c: what was waited for has come */
void on_delivery(struct client *client);
extern uint64_t unexpected;

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
