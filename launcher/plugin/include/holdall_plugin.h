/*
 * holdall_plugin.h - the interface between a holdall host and a service in a shared object.
 *
 * C99 and C++. docs/plugin-abi.md explains it, with a complete example.
 *
 * Rules
 *  1. The plug-in exports one function, holdall_plugin_v1. It never changes its meaning; another
 *     interface would have another name.
 *  2. Structs begin with their size in bytes and grow at the end only. A side reads no field that
 *     lies beyond the size the other side stated. (holdall_bytes and holdall_header never grow.)
 *  3. Each side frees its own memory. What is passed to a function is borrowed for the call,
 *     unless a line here says otherwise.
 *  4. Text is UTF-8 with a length, without a final NUL, unless its type is char *.
 *  5. The host calls handle from many threads at once. Functions of holdall_host may be called
 *     from any thread, from handle and from callbacks. Callbacks come from host threads: they
 *     return soon, and never block.
 *  6. Every callback that a function accepts is called exactly once, perhaps before the function
 *     has returned. One that returns an error has accepted nothing, and does not call back.
 *  7. No exception and no panic may leave a function of the plug-in.
 *  8. The host never unloads a plug-in.
 */
#ifndef HOLDALL_PLUGIN_H
#define HOLDALL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. Host and plug-in must agree on it exactly. */
#define HOLDALL_ABI 1u

/* What functions return, and what callbacks are told. Zero is success. */
typedef int32_t holdall_status;
#define HOLDALL_OK 0        /* done */
#define HOLDALL_PENDING 1   /* write: taken; wait for on_ready before the next write */
#define HOLDALL_END 2       /* read: the request body is over */
#define HOLDALL_CLOSED 3    /* the client is gone, or the exchange is over */
#define HOLDALL_NOT_FOUND 4 /* no resource of that name, no value for that option */
#define HOLDALL_MISUSE 5    /* called at the wrong time: answered twice, two reads at once, ... */
#define HOLDALL_INVALID 6   /* an argument that HTTP does not allow: status, header name, ... */
#define HOLDALL_FAILED 7    /* anything else; start has put its reason in the error buffer */
#define HOLDALL_PANICKED 8  /* start: the plug-in panicked, and caught it */

/* How much a line in the log matters. */
typedef uint32_t holdall_level;
#define HOLDALL_ERROR 1u
#define HOLDALL_WARN 2u
#define HOLDALL_INFO 3u
#define HOLDALL_DEBUG 4u

/* Bytes that belong to somebody else. data may be NULL where len is 0. */
typedef struct holdall_bytes {
    const uint8_t *data;
    size_t len;
} holdall_bytes;

/* A string literal as holdall_bytes, for tables: HOLDALL_TEXT("greeting") */
#define HOLDALL_TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }
/* No text at all, which is not the same as an empty one. */
#define HOLDALL_NONE { NULL, 0 }

typedef struct holdall_header {
    holdall_bytes name; /* lower case in requests */
    holdall_bytes value;
} holdall_header;

/* A request. It and all it points to live until handle returns. */
typedef struct holdall_request {
    size_t size;
    uint32_t has_body;     /* 0: there is no body to read */
    uint32_t http_version; /* 10, 11, 20, 30 */
    holdall_bytes method;
    holdall_bytes target;  /* path and query as sent: /hello?name=you */
    const holdall_header *headers;
    size_t header_count;
    /* Later than the first version: see rule 2. */
    holdall_bytes client; /* address and port, 192.0.2.1:4711 or [2001:db8::1]:4711; empty: unknown */
    holdall_bytes scheme; /* http, or https where the client came by TLS */
} holdall_request;

/* A response, or the head of one. */
typedef struct holdall_response {
    size_t size;
    uint32_t status; /* 200 to 999 */
    uint32_t reserved;
    const holdall_header *headers;
    size_t header_count;
    holdall_bytes body;
    /*
     * NULL: the host copies the body. Otherwise the host takes the body without a copy and calls
     * release(release_context) exactly once, from any thread, when it is done with it; also
     * where the response is refused.
     */
    void (*release)(void *release_context);
    void *release_context;
} holdall_response;

/* A resource of the bundle; fill in size before the call, give back with resource_release. */
typedef struct holdall_resource {
    size_t size;
    holdall_bytes bytes;
    void *owner; /* of the host */
} holdall_resource;

/* The right to answer one request, for the thread of handle and while it runs: answer, or detach. */
typedef struct holdall_responder holdall_responder;

/*
 * A request that outlives handle, owned by the plug-in. Any thread may use it, and several at a
 * time. After release it is gone; a callback may release it before the call that led to the
 * callback has returned.
 */
typedef struct holdall_exchange holdall_exchange;

/* Tells that a write has room again (HOLDALL_OK), or never will have (HOLDALL_CLOSED). */
typedef void (*holdall_on_ready)(void *context, holdall_status status);

/*
 * Brings a piece of the request body (HOLDALL_OK, chunk borrowed for the call and not empty), its
 * end (HOLDALL_END), or the news that there will be no more (HOLDALL_CLOSED).
 */
typedef void (*holdall_on_chunk)(void *context, holdall_status status, holdall_bytes chunk);

/* What the host offers. It lives as long as the process. */
typedef struct holdall_host {
    size_t size;
    uint32_t abi;
    uint32_t reserved;

    /* Writes one line to the log. */
    void (*log)(const struct holdall_host *host, holdall_level level, holdall_bytes message);

    /* Reads a resource. HOLDALL_OK, HOLDALL_NOT_FOUND, HOLDALL_FAILED (the log says why). */
    holdall_status (*resource)(const struct holdall_host *host, holdall_bytes name,
                               holdall_resource *out);
    /* Gives a resource back: its bytes are gone. */
    void (*resource_release)(const struct holdall_host *host, holdall_resource *resource);

    /* Answers, inside handle, with a whole response. HOLDALL_OK, HOLDALL_MISUSE, HOLDALL_INVALID. */
    holdall_status (*respond)(holdall_responder *responder, const holdall_response *response);
    /* Takes the request out of handle. NULL when it was answered or detached before. */
    holdall_exchange *(*detach)(holdall_responder *responder);

    /* Answers with a whole response. HOLDALL_OK, _CLOSED, _MISUSE, _INVALID. */
    holdall_status (*complete)(holdall_exchange *exchange, const holdall_response *response);
    /* Begins a streamed response: status, headers, and a first piece of the body if there is one. */
    holdall_status (*begin)(holdall_exchange *exchange, const holdall_response *head);
    /*
     * Writes a piece of a streamed response; it is copied. HOLDALL_OK: write on, on_ready is not
     * called. HOLDALL_PENDING: taken, and on_ready will be called. HOLDALL_CLOSED, HOLDALL_MISUSE:
     * not taken. A write while on_ready is due is misuse.
     */
    holdall_status (*write)(holdall_exchange *exchange, holdall_bytes chunk,
                            holdall_on_ready on_ready, void *context);
    /* Ends a streamed response: what was written is all of it. */
    holdall_status (*end)(holdall_exchange *exchange);
    /* Gives up: status 500 before the response has begun, a broken connection after. */
    void (*abort)(holdall_exchange *exchange);
    /*
     * Asks for the next piece of the request body. HOLDALL_OK: on_chunk will be called. HOLDALL_MISUSE: a read is under way already.
     */
    holdall_status (*read)(holdall_exchange *exchange, holdall_on_chunk on_chunk, void *context);
    /* Gives the exchange back, once. What was not ended is aborted; a read under way is closed. */
    void (*release)(holdall_exchange *exchange);

    /* Later than the first version: see rule 2. */

    /*
     * The value of an option that the plug-in declares: as given, or its default. It lives as long
     * as the process, and is empty for a flag that is set. HOLDALL_OK, HOLDALL_NOT_FOUND.
     */
    holdall_status (*option)(const struct holdall_host *host, holdall_bytes name,
                             holdall_bytes *out);
} holdall_host;

/* An option that the plug-in adds to those of every bundle; it lives as long as the process. */
typedef struct holdall_option {
    size_t size;
    holdall_bytes name;          /* greeting: --greeting, or HOLDALL_GREETING in the environment */
    holdall_bytes value;         /* what --help calls its value, TEXT; HOLDALL_NONE: a flag */
    holdall_bytes default_value; /* HOLDALL_NONE: no default */
    holdall_bytes help;          /* one line that says what it does */
} holdall_option;

/* What the plug-in offers. It lives as long as the process. */
typedef struct holdall_plugin {
    size_t size;
    uint32_t abi; /* HOLDALL_ABI */
    uint32_t reserved;
    const char *name;
    /*
     * Called once, before any handle. Keeps host, and may set *context, which handle and stop
     * get. On failure it returns HOLDALL_FAILED, with the reason as text with a final NUL in
     * error, which has room for error_size bytes (at least 256). May be NULL.
     */
    holdall_status (*start)(const holdall_host *host, void **context, char *error,
                            size_t error_size);
    /*
     * Answers a request, soon, without blocking: by host->respond, or by host->detach and later.
     * What is neither answered nor detached when handle returns is answered with status 500.
     */
    void (*handle)(void *context, const holdall_request *request, holdall_responder *responder);
    /* Called once, after the last handle has returned. May be NULL. */
    void (*stop)(void *context);

    /* Later than the first version: see rule 2. */

    /* Options, as an array; all elements state the same size. host->option gives their values. */
    const holdall_option *options;
    size_t option_count;
} holdall_plugin;

#if defined(_WIN32)
#define HOLDALL_EXPORT __declspec(dllexport)
#else
#define HOLDALL_EXPORT __attribute__((visibility("default")))
#endif

/*
 * The one function a plug-in exports. host_abi is the HOLDALL_ABI of the host; NULL refuses it.
 * The host refuses a plug-in whose abi field differs from its own.
 */
HOLDALL_EXPORT const holdall_plugin *holdall_plugin_v1(uint32_t host_abi);

#ifdef __cplusplus
}
#endif

#endif
