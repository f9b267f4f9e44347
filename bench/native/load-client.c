/*
 * Holds many event streams open from one thread and counts what arrives: a reader that costs as little as a reader can.
 *
 *   load-client <port> <connections> <request> <open marker> <event marker>
 *
 * `%n` in the request stands for the connection's number. A connection counts as open when the open marker was seen in it.
 * Events are counted by a byte that stands once in each.
 *
 *   stdin
 *     expect <events>     counted from the beginning, over all connections
 *     tally
 *     forget              begins the latencies anew
 *     latency
 *     (end of input ends the program)
 *   stdout
 *     open <connections>  all are open
 *     done <events>       what was expected has arrived
 *     tally <events> <bytes> <reads> <fewest events of a connection> <most>
 *     latency <stamped events> <median> <95th percentile> <99th> <largest>, in microseconds
 *     lost <connection>
 *
 * An event marker that 16 digits follow is stamped: they are CLOCK_MONOTONIC in microseconds, when the event came to be.
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
#include <time.h>
#include <unistd.h>

/* Connections that are being opened at the same time: opening is not what is measured. */
#define OPENING_AT_ONCE 64
#define READ_BYTES (256 * 1024)
#define COMMAND_BYTES 256
#define STAMP_DIGITS 16
/* Latencies are counted in steps of 0.1 ms, up to 60 s. */
#define STEP_US 100
#define STEPS 600000

struct stream {
    int fd;
    int is_open;
    size_t matched; /* bytes of the open marker seen so far */
    uint64_t events;
};

static struct stream *streams;
static int epoll_fd, port, wanted, started, opened;
static const char *request, *open_marker;
static char event_marker;
static uint64_t events, bytes, reads, target;
static char buffer[READ_BYTES];
static uint64_t latencies[STEPS], stamped, longest_us;

static void fail(const char *what) {
    fprintf(stderr, "load-client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void send_request(int fd, int number) {
    char text[16384];
    size_t length = 0;
    for (const char *from = request; *from != '\0' && length < sizeof text - 16; from++) {
        if (from[0] == '%' && from[1] == 'n') {
            length += (size_t)sprintf(text + length, "%d", number);
            from++;
        } else {
            text[length++] = *from;
        }
    }
    if (write(fd, text, length) != (ssize_t)length) fail("the request could not be written");
}

static void open_next(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int number = started++, one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    send_request(fd, number);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    streams[number].fd = fd;
    struct epoll_event interest = {.events = EPOLLIN, .data.u32 = (uint32_t)number};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &interest) < 0) fail("epoll_ctl");
}

static void look_for_open(struct stream *stream, const char *text, size_t length) {
    for (size_t at = 0; at < length; at++) {
        if (text[at] == open_marker[stream->matched]) stream->matched++;
        else stream->matched = text[at] == open_marker[0];
        if (open_marker[stream->matched] != '\0') continue;
        stream->is_open = 1;
        opened++;
        if (started < wanted) open_next();
        if (opened == wanted) printf("open %d\n", opened);
        return;
    }
}

static void tell_done(void) {
    if (target == 0 || events < target) return;
    target = 0;
    printf("done %llu\n", (unsigned long long)events);
}

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* A stamp that a read cut in two is left out: one in thousands. */
static void note_latency(const char *from, const char *end, uint64_t now) {
    uint64_t stamp = 0;
    if (end - from < STAMP_DIGITS) return;
    for (int at = 0; at < STAMP_DIGITS; at++) {
        if (from[at] < '0' || from[at] > '9') return;
        stamp = stamp * 10 + (uint64_t)(from[at] - '0');
    }
    uint64_t us = now > stamp ? now - stamp : 0;
    latencies[us / STEP_US < STEPS ? us / STEP_US : STEPS - 1]++;
    stamped++;
    if (us > longest_us) longest_us = us;
}

static uint64_t percentile(double part) {
    uint64_t wanted_count = (uint64_t)(part * (double)stamped), seen = 0;
    for (int step = 0; step < STEPS; step++) {
        seen += latencies[step];
        if (seen > wanted_count) return (uint64_t)step * STEP_US;
    }
    return longest_us;
}

static void tell_latency(void) {
    printf("latency %llu %llu %llu %llu %llu\n", (unsigned long long)stamped, (unsigned long long)percentile(0.5),
           (unsigned long long)percentile(0.95), (unsigned long long)percentile(0.99), (unsigned long long)longest_us);
}

static void forget_latencies(void) {
    memset(latencies, 0, sizeof latencies);
    stamped = longest_us = 0;
}

static void read_stream(int number) {
    struct stream *stream = &streams[number];
    ssize_t length = read(stream->fd, buffer, sizeof buffer);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (length <= 0) {
        printf("lost %d\n", number);
        close(stream->fd);
        return;
    }
    reads++;
    bytes += (uint64_t)length;
    if (!stream->is_open) look_for_open(stream, buffer, (size_t)length);
    uint64_t now = now_us();
    for (const char *from = buffer; (from = memchr(from, event_marker, (size_t)(buffer + length - from))) != NULL; from++) {
        stream->events++;
        events++;
        note_latency(from + 1, buffer + length, now);
    }
    tell_done();
}

static void tally(void) {
    uint64_t fewest = UINT64_MAX, most = 0;
    for (int number = 0; number < wanted; number++) {
        if (streams[number].events < fewest) fewest = streams[number].events;
        if (streams[number].events > most) most = streams[number].events;
    }
    printf("tally %llu %llu %llu %llu %llu\n", (unsigned long long)events, (unsigned long long)bytes, (unsigned long long)reads,
           (unsigned long long)fewest, (unsigned long long)most);
}

static void command(const char *line) {
    unsigned long long count;
    if (sscanf(line, "expect %llu", &count) == 1) {
        target = count;
        tell_done();
    } else if (strcmp(line, "tally") == 0) {
        tally();
    } else if (strcmp(line, "latency") == 0) {
        tell_latency();
    } else if (strcmp(line, "forget") == 0) {
        forget_latencies();
    }
}

/* Commands may arrive in pieces, or several at once. */
static void read_commands(void) {
    static char line[COMMAND_BYTES];
    static size_t used;
    char piece[COMMAND_BYTES];
    ssize_t length = read(0, piece, sizeof piece);
    if (length <= 0) exit(0);
    for (ssize_t at = 0; at < length; at++) {
        if (piece[at] == '\n') {
            line[used] = '\0';
            used = 0;
            command(line);
        } else if (used < sizeof line - 1) {
            line[used++] = piece[at];
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "load-client <port> <connections> <request> <open marker> <event marker>\n");
        return 2;
    }
    port = atoi(argv[1]);
    wanted = atoi(argv[2]);
    request = argv[3];
    open_marker = argv[4];
    event_marker = argv[5][0];
    setvbuf(stdout, NULL, _IOLBF, 0);
    streams = calloc((size_t)wanted, sizeof *streams);
    epoll_fd = epoll_create1(0);
    struct epoll_event input = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &input);
    while (started < wanted && started < OPENING_AT_ONCE) open_next();
    for (;;) {
        struct epoll_event ready[256];
        int count = epoll_wait(epoll_fd, ready, 256, -1);
        for (int at = 0; at < count; at++) {
            if (ready[at].data.u32 == UINT32_MAX) read_commands();
            else read_stream((int)ready[at].data.u32);
        }
    }
}
