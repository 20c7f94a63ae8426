#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <string.h>

/* Any key will do: proxies are to be confused by it, and there is none. */
static const uint8_t MASK[4] = {0x3a, 0x91, 0x5c, 0xe7};

void websocket_request(struct client *client, int port) {
    char request[512];
    int length = snprintf(request, sizeof request,
                          "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                          "Host: 127.0.0.1:%d\r\n"
                          "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                          port);
    bytes_add(&client->out, request, length);
}

void websocket_send(struct client *client, enum opcode opcode, const void *payload, size_t length) {
    uint8_t head[14] = {0x80 | opcode};
    size_t head_length = 2;
    if (length < 126) {
        head[1] = 0x80 | length;
    } else {
        int width = length < 65536 ? 2 : 8;
        head[1] = 0x80 | (width == 2 ? 126 : 127);
        for (int i = 0; i < width; i++)
            head[2 + i] = (uint64_t)length >> 8 * (width - 1 - i);
        head_length += width;
    }
    memcpy(head + head_length, MASK, 4);
    bytes_add(&client->out, head, head_length + 4);

    size_t start = client->out.length;
    bytes_add(&client->out, payload, length);
    for (size_t i = 0; i < length; i++)
        client->out.data[start + i] ^= MASK[i & 3];
}

/* The length of the head of the frame at `at`, and of its payload; 0 when the head is not all there. */
static size_t frame_head(const uint8_t *at, size_t available, uint64_t *length) {
    if (available < 2)
        return 0;
    *length = at[1] & 0x7f;
    int width = *length == 126 ? 2 : *length == 127 ? 8 : 0;
    if (available < 2 + (size_t)width)
        return 0;
    if (width)
        *length = 0;
    for (int i = 0; i < width; i++)
        *length = *length << 8 | at[2 + i];
    return 2 + width;
}

static size_t read_answer(struct client *client) {
    uint8_t *end = memmem(client->in.data, client->in.length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (memcmp(client->in.data, "HTTP/1.1 101", 12) != 0) {
        client_fail(client, "no WebSocket");
        return 0;
    }
    client->state = ENGINE_IO;
    on_open(client);
    return end + 4 - client->in.data;
}

void websocket_read(struct client *client) {
    size_t at = client->state == HTTP ? read_answer(client) : 0;
    while (client->state > HTTP && client->state != CLOSED) {
        const uint8_t *frame = client->in.data + at;
        uint64_t length;
        size_t head = frame_head(frame, client->in.length - at, &length);
        if (!head || client->in.length - at - head < length)
            break;
        at += head + length;
        /* FIN, no reserved bit (nothing was negotiated), no mask: no server here has a reason to fragment. */
        if ((frame[0] & 0xf0) != 0x80 || frame[1] & 0x80)
            client_fail(client, "a frame that was not to be expected");
        else
            on_frame(client, frame[0] & 0x0f, frame + head, length);
    }
    if (client->state != CLOSED && at)
        bytes_drop(&client->in, at);
}
