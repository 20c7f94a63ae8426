#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct client *clients;
int client_count, connected, refused, lost;
static int epoll, port_of_server, opened, shaking_hands;
static bool closing;

void clients_make(int count, int port) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < (rlim_t)count + 16)
        die("%d clients need more open files than the %ld that are allowed (ulimit -n)", count, (long)files.rlim_cur);
    clients = calloc(count, sizeof *clients);
    if (!clients)
        die("out of memory");
    client_count = count;
    port_of_server = port;
    epoll = epoll_create1(0);
}

static void open_next(void) {
    struct client *client = &clients[opened];
    client->number = opened++;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0)
        die("socket: %s", strerror(errno));
    int on = 1;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->state = TCP;
    client->began_ns = now_ns();
    shaking_hands++;
    struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = htons(port_of_server), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(client->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) {
        client_fail(client, strerror(errno));
        return;
    }
    client->wants_writable = true;
    struct epoll_event events = {.events = EPOLLIN | EPOLLOUT, .data.ptr = client};
    epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &events);
}

void clients_open_all(int window, double timeout_s) {
    uint64_t latest = now_ns() + timeout_s * 1e9;
    while (connected + refused + lost < client_count) {
        while (opened < client_count && shaking_hands < window)
            open_next();
        clients_serve(100);
        if (now_ns() > latest)
            die("only %d of %d clients were connected after %.0f s", connected, client_count, timeout_s);
    }
}

void client_connected(struct client *client) {
    client->state = CONNECTED;
    shaking_hands--;
    connected++;
    latencies_add(now_ns() - client->began_ns);
}

void client_fail(struct client *client, const char *why) {
    if (client->state == CLOSED)
        return;
    if (client->state == CONNECTED) {
        connected--;
        lost += !closing;
    } else {
        shaking_hands--;
        refused++;
    }
    if (!closing && lost + refused == 1)  /* The first one is enough to know. */
        fprintf(stderr, "client %d: %s\n", client->number, why);
    client->state = CLOSED;
    close(client->fd);
}

static void want_writable(struct client *client, bool wanted) {
    if (client->wants_writable == wanted)
        return;
    client->wants_writable = wanted;
    struct epoll_event events = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = client};
    epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &events);
}

void client_flush(struct client *client) {
    while (client->out.length && client->state != CLOSED) {
        ssize_t sent = send(client->fd, client->out.data, client->out.length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0)
            client_fail(client, strerror(errno));
        else
            bytes_drop(&client->out, sent);
    }
    if (client->state != CLOSED)
        want_writable(client, client->out.length > 0);
}

static void read_some(struct client *client) {
    static uint8_t chunk[1 << 18];
    ssize_t got = recv(client->fd, chunk, sizeof chunk, 0);
    if (got > 0) {
        bytes_add(&client->in, chunk, got);
        websocket_read(client);
    } else if (got == 0) {
        client_fail(client, "the server closed the connection");
    } else if (errno != EAGAIN) {
        client_fail(client, strerror(errno));
    }
}

static void finish_connecting(struct client *client) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) {
        client_fail(client, strerror(error));
        return;
    }
    client->state = HTTP;
    websocket_request(client, port_of_server);
    client_flush(client);
}

void clients_serve(int at_most_ms) {
    static struct epoll_event events[1024];
    int count = epoll_wait(epoll, events, 1024, at_most_ms);
    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        if (client->state == TCP) {
            finish_connecting(client);
            continue;
        }
        if (events[i].events & EPOLLOUT && client->state != CLOSED)
            client_flush(client);
        if (events[i].events & ~EPOLLOUT && client->state != CLOSED)
            read_some(client);
        if (client->state != CLOSED && client->out.length && !client->wants_writable)
            client_flush(client);
    }
}

/* As browsers do it: a close frame from everybody at once, then the server closes. */
void clients_close_all(void) {
    static const uint8_t going_away[2] = {1001 >> 8, 1001 & 0xff};
    closing = true;
    for (int i = 0; i < opened; i++)
        if (clients[i].state == CONNECTED) {
            websocket_send(&clients[i], CLOSE, going_away, sizeof going_away);
            client_flush(&clients[i]);
        }
}
