#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_MESSAGE 65536
#define TIME_MARK "@T"

struct conversation conversation;
uint64_t unexpected;
static struct identity { char key[64], token[4096]; } *identities;
static int identity_count;

void identities_read(const char *file) {
    FILE *lines = fopen(file, "r");
    if (!lines)
        die("%s: %s", file, strerror(errno));
    struct identity one;
    while (fscanf(lines, "%63s %4095s", one.key, one.token) == 2) {
        identities = realloc(identities, (identity_count + 1) * sizeof one);
        if (!identities)
            die("out of memory");
        identities[identity_count++] = one;
    }
    fclose(lines);
    if (identity_count < client_count)
        die("%s has %d identities for %d clients", file, identity_count, client_count);
}

static size_t expand(char *to, const char *template, const struct client *receiver) {
    size_t length = 0;
    for (; *template && length < LONGEST_MESSAGE; template++) {
        if (template[0] == '%' && template[1] == 'k') {
            length += sprintf(to + length, "%s", identities[receiver->number].key);
            template++;
        } else if (template[0] == '%' && template[1] == 't') {
            length += sprintf(to + length, TIME_MARK "%020llu", (unsigned long long)now_ns());
            template++;
        } else {
            to[length++] = *template;
        }
    }
    return length;
}

void socketio_emit(struct client *client, const struct client *receiver) {
    static char message[LONGEST_MESSAGE + 4096];
    static uint8_t attachment[LONGEST_MESSAGE];
    client->last_ack++;
    client->began_ns = now_ns();
    size_t length = sprintf(message, "4%s%s,", conversation.attachment ? "51-" : "2", conversation.namespace);
    if (!conversation.heard)
        length += sprintf(message + length, "%u", client->last_ack);
    length += sprintf(message + length, "[\"%s\",", conversation.event);
    length += expand(message + length, conversation.arguments, receiver);
    message[length++] = ']';
    websocket_send(client, TEXT, message, length);
    if (conversation.attachment)
        websocket_send(client, BINARY, attachment, conversation.attachment);
    client_flush(client);
}

void on_open(struct client *client) {
    (void)client; /* Engine.IO's server speaks first. */
}

static void say_who_this_is(struct client *client) {
    char message[4200];
    int length = snprintf(message, sizeof message, "40%s,{\"token\":\"%s\"}", conversation.namespace,
                          identities[client->number].token);
    websocket_send(client, TEXT, message, length);
    client->state = SOCKET_IO;
}

static void on_event(struct client *client, const char *text, size_t length) {
    size_t name = conversation.heard ? strlen(conversation.heard) : 0;
    if (!name || length < name + 4 || memcmp(text, "[\"", 2) || memcmp(text + 2, conversation.heard, name)) {
        unexpected++;
        return;
    }
    const char *mark = memmem(text, length, TIME_MARK, strlen(TIME_MARK));
    if (mark)
        latencies_add(now_ns() - strtoull(mark + strlen(TIME_MARK), NULL, 10));
    on_delivery(client);
}

static void on_ack(struct client *client, const char *text, bool with_attachment) {
    if (strtoul(text, NULL, 10) != client->last_ack) {
        unexpected++;
        return;
    }
    client->attachment_due = with_attachment;
    if (!with_attachment) {
        latencies_add(now_ns() - client->began_ns);
        on_delivery(client);
    }
}

static void on_packet(struct client *client, const char *text, size_t length) {
    bool with_attachment = length > 3 && memcmp(text, "61-", 3) == 0;
    size_t head = with_attachment ? 3 : 1, namespace = strlen(conversation.namespace);
    if (length < head + namespace || memcmp(text + head, conversation.namespace, namespace)) {
        unexpected++;
        return;
    }
    const char *rest = text + head + namespace + 1;  /* after a comma */
    if (text[0] == '0' && client->state == SOCKET_IO)
        client_connected(client);
    else if (text[0] == '1' || text[0] == '4')
        client_fail(client, text[0] == '4' ? "refused by the namespace" : "disconnected by the namespace");
    else if (text[0] == '2' && client->state == CONNECTED)
        on_event(client, rest, text + length - rest);
    else if ((text[0] == '3' || with_attachment) && client->state == CONNECTED)
        on_ack(client, rest, with_attachment);
    else
        unexpected++;
}

void on_frame(struct client *client, enum opcode opcode, const uint8_t *payload, size_t length) {
    const char *text = (const char *)payload;
    if (opcode == CLOSE) {
        client_fail(client, "the server sent a close frame");
    } else if (opcode == PING) {
        websocket_send(client, PONG, payload, length);
    } else if (opcode == BINARY && client->attachment_due && length == conversation.attachment) {
        client->attachment_due = false;
        latencies_add(now_ns() - client->began_ns);
        on_delivery(client);
    } else if (opcode == TEXT && length && text[0] == '0' && client->state == ENGINE_IO) {
        say_who_this_is(client);
    } else if (opcode == TEXT && length && text[0] == '2') {
        websocket_send(client, TEXT, "3", 1);
    } else if (opcode == TEXT && length > 1 && text[0] == '4') {
        on_packet(client, text + 1, length - 1);
    } else if (opcode != PONG) {
        unexpected++;
    }
}
