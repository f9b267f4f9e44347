/*
 * Writes one chunk to many sockets, each with a text of its own in one place of it.
 *
 * Node writes to one socket at a time, with an object for each write; that is up to a third of what an edge takes to send a change to thousands of
 * streams. Here nothing is allocated and nothing is kept: what the kernel does not take at once is the caller's to write.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define NAPI_VERSION 8
#include <node_api.h>

/* macOS has none; Node ignores SIGPIPE everywhere. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

struct bytes {
    uint8_t *data;
    size_t length;
};

static int read_bytes(napi_env env, napi_value value, napi_typedarray_type wanted, struct bytes *to) {
    napi_typedarray_type type;
    void *data;
    if (napi_get_typedarray_info(env, value, &type, &to->length, &data, NULL, NULL) != napi_ok || type != wanted) return 0;
    to->data = data;
    return 1;
}

static ssize_t send_now(int fd, const void *data, size_t length) {
#ifdef SYS_sendto
    /* send() is a place where a thread may be cancelled: in a process of several, as Node is, to say so takes 1 % of a delivery. */
    return syscall(SYS_sendto, (long)fd, data, length, (long)(MSG_DONTWAIT | MSG_NOSIGNAL), NULL, 0L);
#else
    return send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
#endif
}

static int32_t send_one(int fd, const struct bytes *chunk) {
    ssize_t sent;
    if (fd < 0) return -1;
    do {
        sent = send_now(fd, chunk->data, chunk->length);
    } while (sent < 0 && errno == EINTR);
    /* Whether the socket is full or gone: whoever writes the rest to it finds out. */
    return sent < 0 ? 0 : (int32_t)sent;
}

/*
 * sendEach(sockets: Int32Array, count, chunk: Uint8Array, at, texts: Uint8Array, width)
 *
 * Puts the next `width` bytes of `texts` at `at`, and sends the chunk. In place of each file descriptor it leaves how many bytes the kernel took:
 * 0 where that is not known, -1 where there was no descriptor.
 */
static napi_value send_each(napi_env env, napi_callback_info info) {
    napi_value arguments[6];
    size_t given = 6;
    struct bytes sockets, chunk, texts;
    uint32_t count, at, width;
    if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given != 6 ||
        !read_bytes(env, arguments[0], napi_int32_array, &sockets) || napi_get_value_uint32(env, arguments[1], &count) != napi_ok ||
        !read_bytes(env, arguments[2], napi_uint8_array, &chunk) || napi_get_value_uint32(env, arguments[3], &at) != napi_ok ||
        !read_bytes(env, arguments[4], napi_uint8_array, &texts) || napi_get_value_uint32(env, arguments[5], &width) != napi_ok) {
        napi_throw_type_error(env, NULL, "sendEach takes (Int32Array, count, Uint8Array, at, Uint8Array, width)");
        return NULL;
    }
    if (count > sockets.length || (uint64_t)at + width > chunk.length || (uint64_t)count * width > texts.length || chunk.length > INT32_MAX) {
        napi_throw_range_error(env, NULL, "sendEach was told of more than it was given");
        return NULL;
    }
    int32_t *fds = (int32_t *)(void *)sockets.data;
    for (uint32_t index = 0; index < count; index++) {
        memcpy(chunk.data + at, texts.data + (size_t)index * width, width);
        fds[index] = send_one(fds[index], &chunk);
    }
    return NULL;
}

NAPI_MODULE_INIT() {
    napi_value function;
    if (napi_create_function(env, "sendEach", NAPI_AUTO_LENGTH, send_each, NULL, &function) != napi_ok) return NULL;
    napi_set_named_property(env, exports, "sendEach", function);
    return exports;
}
