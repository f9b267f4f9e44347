/*
 * The bar: sends prepared bytes to every open stream with one send() each, and does nothing else. What remains is the kernel's work.
 *
 *   epoll-server <bytes of an event>
 *
 *   stdout          stdin
 *   port <number>   send <events>   to every stream, as one piece
 *                   (end of input ends the program)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_STREAMS 65536
#define MAX_EVENTS 64
#define MAX_EVENT_BYTES 4096
#define COMMAND_BYTES 256

static const char HEAD[] = "HTTP/1.1 200 OK\r\n"
                           "content-type: text/event-stream\r\n"
                           "cache-control: no-cache\r\n"
                           "transfer-encoding: chunked\r\n\r\n";

static int epoll_fd, listener, streams[MAX_STREAMS], stream_count;
static size_t event_bytes;
static unsigned long long last_id;

static void fail(const char *what) {
    fprintf(stderr, "epoll-server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int fd) {
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &interest) < 0) fail("epoll_ctl");
}

static void accept_all(void) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(fd);
    }
}

static void forget(int fd) {
    for (int at = 0; at < stream_count; at++) {
        if (streams[at] == fd) streams[at--] = streams[--stream_count];
    }
    close(fd);
}

static void read_request(int fd) {
    static char text[65536];
    ssize_t length = read(fd, text, sizeof text);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) {
        forget(fd);
        return;
    }
    /* Requests are small and arrive in one piece on loopback. */
    if (send(fd, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL) < 0 || stream_count == MAX_STREAMS) fail("a stream could not be opened");
    streams[stream_count++] = fd;
}

/* `event_bytes` bytes, one mark in each event: the same text that the other servers send. */
static size_t write_event(char *to) {
    int head = sprintf(to, "id: %012llu\nevent: change\ndata: {\"mark\":\"^\",\"text\":\"", ++last_id);
    size_t tail = event_bytes - (size_t)head - 4;
    memset(to + head, 'x', tail);
    memcpy(to + head + tail, "\"}\n\n", 4);
    return event_bytes;
}

static void send_events(int count) {
    static char events[MAX_EVENTS * MAX_EVENT_BYTES], chunk[MAX_EVENTS * MAX_EVENT_BYTES + 32];
    size_t length = 0;
    for (int at = 0; at < count && at < MAX_EVENTS; at++) length += write_event(events + length);
    size_t head = (size_t)sprintf(chunk, "%zx\r\n", length);
    memcpy(chunk + head, events, length);
    memcpy(chunk + head + length, "\r\n", 2);
    for (int at = 0; at < stream_count; at++) {
        if (send(streams[at], chunk, head + length + 2, MSG_NOSIGNAL) < 0) fail("send");
    }
}

static void read_commands(void) {
    static char line[COMMAND_BYTES];
    static size_t used;
    char piece[COMMAND_BYTES];
    int count;
    ssize_t length = read(0, piece, sizeof piece);
    if (length <= 0) exit(0);
    for (ssize_t at = 0; at < length; at++) {
        if (piece[at] != '\n') {
            if (used < sizeof line - 1) line[used++] = piece[at];
            continue;
        }
        line[used] = '\0';
        used = 0;
        if (sscanf(line, "send %d", &count) == 1) send_events(count);
    }
}

int main(int argc, char **argv) {
    event_bytes = argc == 2 ? (size_t)atoi(argv[1]) : 0;
    if (event_bytes < 128 || event_bytes > MAX_EVENT_BYTES) {
        fprintf(stderr, "epoll-server <bytes of an event, 128 to %d>\n", MAX_EVENT_BYTES);
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1024) < 0) fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("port %d\n", ntohs(address.sin_port));
    epoll_fd = epoll_create1(0);
    watch(listener);
    watch(0);
    for (;;) {
        struct epoll_event ready[256];
        int count = epoll_wait(epoll_fd, ready, 256, -1);
        for (int at = 0; at < count; at++) {
            int fd = ready[at].data.fd;
            if (fd == listener) accept_all();
            else if (fd == 0) read_commands();
            else read_request(fd);
        }
    }
}
