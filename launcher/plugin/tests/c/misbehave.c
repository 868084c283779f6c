/* A plug-in in C that answers in every right and wrong way; the path says which. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "holdall_plugin.h"

#ifndef STATED_ABI
#define STATED_ABI HOLDALL_ABI
#endif
#ifndef STATED_SIZE
#define STATED_SIZE sizeof(holdall_plugin)
#endif
#ifdef FIRST_VERSION
#undef STATED_SIZE
#define STATED_SIZE offsetof(holdall_plugin, options)
#endif
#ifndef OPTION_HELP
#define OPTION_HELP "Greet in capitals"
#endif

static const holdall_host *host;

static holdall_bytes text(const char *string)
{
    holdall_bytes bytes;
    bytes.data = (const uint8_t *)string;
    bytes.len = strlen(string);
    return bytes;
}

static holdall_response answer(uint32_t status, const char *body)
{
    holdall_response response;
    memset(&response, 0, sizeof response);
    response.size = sizeof response;
    response.status = status;
    response.body = text(body);
    return response;
}

static int is(const holdall_request *request, const char *target)
{
    return request->target.len == strlen(target) &&
           memcmp(request->target.data, target, request->target.len) == 0;
}

/* Answers with what a function returned. */
static void respond_status(holdall_responder *responder, holdall_status status)
{
    char line[32];
    holdall_response response;
    snprintf(line, sizeof line, "status %d", (int)status);
    response = answer(200, line);
    host->respond(responder, &response);
}

static void *complete_in_thread(void *exchange)
{
    struct timespec pause = {0, 20 * 1000 * 1000};
    holdall_response response = answer(202, "from another thread");
    nanosleep(&pause, NULL);
    host->complete(exchange, &response);
    host->release(exchange);
    return NULL;
}

static void in_thread(holdall_exchange *exchange, void *(*work)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, exchange) == 0)
        pthread_detach(thread);
    else
        host->release(exchange);
}

/* Writes for ever, one piece for each time that there is room. */
static void flood(void *exchange, holdall_status status)
{
    static const uint8_t zeros[32 * 1024];
    holdall_bytes chunk = {zeros, sizeof zeros};
    while (status == HOLDALL_OK)
        status = host->write(exchange, chunk, flood, exchange);
    if (status == HOLDALL_PENDING)
        return;
    host->log(host, HOLDALL_INFO, text(status == HOLDALL_CLOSED ? "flood: closed" : "flood: misuse"));
    host->release(exchange);
}

static void begin_flood(holdall_exchange *exchange)
{
    holdall_response head = answer(200, "");
    host->begin(exchange, &head);
    flood(exchange, HOLDALL_OK);
}

static void release_body(void *context)
{
    free(context);
    host->log(host, HOLDALL_DEBUG, text("body released"));
}

static void respond_owned(holdall_responder *responder, uint32_t status)
{
    char *body = malloc(sizeof "an owned body");
    holdall_response response = answer(status, strcpy(body, "an owned body"));
    response.release = release_body;
    response.release_context = body;
    host->respond(responder, &response);
}

/* Completes twice, and begins after that: all but the first are misuse. */
static void answer_twice(holdall_exchange *exchange)
{
    char line[64];
    holdall_response response = answer(200, "first");
    holdall_status first = host->complete(exchange, &response);
    holdall_status second = host->complete(exchange, &response);
    holdall_status third = host->begin(exchange, &response);
    snprintf(line, sizeof line, "twice: %d %d %d", (int)first, (int)second, (int)third);
    host->log(host, HOLDALL_INFO, text(line));
    host->release(exchange);
}

static void respond_resource(holdall_responder *responder, const char *name)
{
    holdall_resource resource;
    holdall_response response = answer(200, "");
    holdall_status status;
    memset(&resource, 0, sizeof resource);
    resource.size = sizeof resource;
    status = host->resource(host, text(name), &resource);
    if (status != HOLDALL_OK) {
        respond_status(responder, status);
        return;
    }
    response.body = resource.bytes;
    host->respond(responder, &response);
    host->resource_release(host, &resource);
}

static void respond_option(holdall_responder *responder, const char *name)
{
    holdall_response response = answer(200, "");
    holdall_status status = host->option(host, text(name), &response.body);
    if (status == HOLDALL_OK)
        host->respond(responder, &response);
    else
        respond_status(responder, status);
}

static void handle(void *context, const holdall_request *request, holdall_responder *responder)
{
    holdall_response response = answer(200, "plain");
    holdall_header header;
    (void)context;
    if (is(request, "/thread"))
        in_thread(host->detach(responder), complete_in_thread);
    else if (is(request, "/flood"))
        begin_flood(host->detach(responder));
    else if (is(request, "/twice"))
        answer_twice(host->detach(responder));
    else if (is(request, "/dropped"))
        host->release(host->detach(responder));
    else if (is(request, "/owned"))
        respond_owned(responder, 200);
    else if (is(request, "/owned-invalid"))
        respond_owned(responder, 99);
    else if (is(request, "/status-101")) {
        response.status = 101;
        respond_status(responder, host->respond(responder, &response));
    } else if (is(request, "/bad-header")) {
        header.name = text("not a name");
        header.value = text("x");
        response.headers = &header;
        response.header_count = 1;
        respond_status(responder, host->respond(responder, &response));
    } else if (is(request, "/resource"))
        respond_resource(responder, "data/index.html");
    else if (is(request, "/no-resource"))
        respond_resource(responder, "data/nothing");
    else if (is(request, "/greeting"))
        respond_option(responder, "greeting");
    else if (is(request, "/loud"))
        respond_option(responder, "loud");
    else if (is(request, "/client")) {
        response.body = request->client;
        host->respond(responder, &response);
    } else if (is(request, "/scheme")) {
        response.body = request->scheme;
        host->respond(responder, &response);
    } else if (!is(request, "/nothing"))
        host->respond(responder, &response);
}

static holdall_status start(const holdall_host *given, void **context, char *error, size_t size)
{
    (void)context;
    host = given;
#ifdef FAIL_IN_START
    snprintf(error, size, "the moon is not full");
    return HOLDALL_FAILED;
#else
    (void)error;
    (void)size;
    return HOLDALL_OK;
#endif
}

static void stop(void *context)
{
    (void)context;
    host->log(host, HOLDALL_INFO, text("stopped"));
}

#ifndef FIRST_VERSION
static const holdall_option options[] = {
    {sizeof(holdall_option), HOLDALL_TEXT("greeting"), HOLDALL_TEXT("TEXT"), HOLDALL_TEXT("Hello"),
     HOLDALL_TEXT("The word before the name")},
    {sizeof(holdall_option), HOLDALL_TEXT("loud"), HOLDALL_NONE, HOLDALL_NONE,
     HOLDALL_TEXT(OPTION_HELP)},
};
#endif

static const holdall_plugin plugin = {
    .size = STATED_SIZE,
    .abi = STATED_ABI,
    .name = "misbehave",
    .start = start,
    .handle = handle,
    .stop = stop,
#ifdef FIRST_VERSION
    /* What lies beyond the stated size is not a part of the table. */
    .options = (const holdall_option *)1,
    .option_count = 99,
#else
    .options = options,
    .option_count = sizeof options / sizeof options[0],
#endif
};

#ifdef NO_SYMBOL
#define holdall_plugin_v1 something_else
HOLDALL_EXPORT const holdall_plugin *something_else(uint32_t host_abi);
#endif

const holdall_plugin *holdall_plugin_v1(uint32_t host_abi)
{
#ifdef REFUSE
    return host_abi == 0 ? &plugin : NULL;
#else
    return host_abi == 0 ? NULL : &plugin;
#endif
}
