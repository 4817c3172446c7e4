/* The kernel as two handlers of XLA's foreign-function interface. Work is cut into items, each some
   groups of lanes of one member of the population; the calling thread and XLA's own pool share
   them. How it is cut does not depend on the threads, so neither do the results. */
#include <stdatomic.h>
#include <sched.h>
#include "xla/ffi/api/c_api.h"

#define ITEMS 16 /* at least, where there is so much to do */
#define MOST_ARRAYS (N_PARAMS + 2 * N_STATE + 2 * N_INPUTS + 2 * N_OUTPUTS + 8)

struct call {
    const float *in[MOST_ARRAYS];
    float *out[MOST_ARRAYS];
    struct shape shape;
    int64_t segment, groups, per_item, items, items_each;
    int pullback, with_d_inputs;
    float *partial; /* [items, NP] */
    float *packed;  /* [populations, NP] */
    atomic_long next, done, holders, failed;
};

static void offset_all(const float **to, const float *const *from, const int *sizes, int n, int64_t times) {
    for (int i = 0; i < n; i++) to[i] = from[i] + sizes[i] * times;
}

static void run_item(struct call *c, int64_t item) {
    const int64_t p = item / c->items_each, part = item % c->items_each;
    const int64_t b = c->shape.batch, bt = b * c->shape.length;
    const float *state[AT_LEAST(N_STATE)], *inputs[N_INPUTS], *d_out[N_OUTPUTS], *d_state[AT_LEAST(N_STATE)];
    const float *out[N_OUTPUTS], *new_state[AT_LEAST(N_STATE)], *d_old[AT_LEAST(N_STATE)], *d_inputs[N_INPUTS];
    const float *const *in = c->in + N_PARAMS;
    offset_all(state, in, state_sizes, N_STATE, p * b);
    offset_all(inputs, in + N_STATE, inputs_sizes, N_INPUTS, p * bt);
    const float *const *results = (const float *const *)c->out;
    offset_all(out, results, outputs_sizes, N_OUTPUTS, p * bt);
    offset_all(new_state, results + N_OUTPUTS, state_sizes, N_STATE, p * b);
    if (c->pullback) {
        offset_all(d_out, in + N_STATE + N_INPUTS, outputs_sizes, N_OUTPUTS, p * bt);
        offset_all(d_state, in + N_STATE + N_INPUTS + N_OUTPUTS, state_sizes, N_STATE, p * b);
        results += N_OUTPUTS + N_STATE + N_PARAMS;
        offset_all(d_old, results, state_sizes, N_STATE, p * b);
        if (c->with_d_inputs) offset_all(d_inputs, results + N_STATE, inputs_sizes, N_INPUTS, p * bt);
    }
    struct arrays a = {
        c->packed + p * NP, state, inputs, d_out, d_state, (float *const *)out, (float *const *)new_state,
        (float *const *)d_old, c->with_d_inputs ? (float *const *)d_inputs : 0,
    };
    struct scratch s;
    int64_t segment = c->pullback ? c->segment : 32;
    if (!reserve(&s, segment, (c->shape.length + segment - 1) / segment)) {
        atomic_store(&c->failed, 1);
        return;
    }
    prologue(a.params, s.uniform, s.memory);
    if (c->pullback) {
        memset(s.sums, 0, NG * sizeof(V));
        memset(s.direct, 0, NA * sizeof(V));
    }
    for (int64_t g = part * c->per_item; g < (part + 1) * c->per_item && g < c->groups; g++)
        if (c->pullback)
            go_back(&a, &s, c->shape, g * WIDTH, c->segment);
        else
            go_forward(&a, &s, c->shape, g * WIDTH);
    if (c->pullback) {
        float *mine = c->partial + item * NP;
        memset(mine, 0, NP * sizeof(float));
        collect(&s, mine);
    }
}

static void release(struct call *c) {
    if (atomic_fetch_sub(&c->holders, 1) == 1) {
        free(c->partial);
        free(c->packed);
        free(c);
    }
}

static void work(void *data) {
    struct call *c = data;
    for (long item; (item = atomic_fetch_add(&c->next, 1)) < c->items;) {
        run_item(c, item);
        atomic_fetch_add(&c->done, 1);
    }
    release(c);
}

static XLA_FFI_Error *complain(XLA_FFI_CallFrame *f, const char *message) {
    XLA_FFI_Error_Create_Args args = {.struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE,
                                      .message = message, .errc = XLA_FFI_Error_Code_RESOURCE_EXHAUSTED};
    return f->api->XLA_FFI_Error_Create(&args);
}

static void discard(XLA_FFI_CallFrame *f, XLA_FFI_Error *error) {
    XLA_FFI_Error_Destroy_Args args = {.struct_size = XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, .error = error};
    if (error) f->api->XLA_FFI_Error_Destroy(&args);
}

static XLA_FFI_Error *handle(XLA_FFI_CallFrame *f, int pullback) {
    if (f->extension_start && f->extension_start->type == XLA_FFI_Extension_Metadata) {
        XLA_FFI_Metadata *m = ((XLA_FFI_Metadata_Extension *)f->extension_start)->metadata;
        m->api_version.major_version = XLA_FFI_API_MAJOR;
        m->api_version.minor_version = XLA_FFI_API_MINOR;
        return 0;
    }
    struct call *c = calloc(1, sizeof *c);
    if (!c) return complain(f, "no memory for a kernel's call");
    for (int64_t i = 0; i < f->args.size; i++) c->in[i] = ((XLA_FFI_Buffer *)f->args.args[i])->data;
    for (int64_t i = 0; i < f->rets.size; i++) c->out[i] = ((XLA_FFI_Buffer *)f->rets.rets[i])->data;
    const XLA_FFI_Buffer *x = f->args.args[N_PARAMS + N_STATE];
    const int64_t *dims = x->dims + x->rank - FIRST_INPUT_RANK - 2;
    c->shape = (struct shape){1, dims[0], dims[1]};
    for (const int64_t *d = x->dims; d < dims; d++) c->shape.populations *= *d;
    c->pullback = pullback;
    c->with_d_inputs = pullback && f->rets.size > N_OUTPUTS + N_STATE + N_PARAMS + N_STATE;
    c->segment = segment_length(c->shape.length);
    c->groups = (c->shape.batch + WIDTH - 1) / WIDTH;
    int64_t each = (ITEMS + c->shape.populations - 1) / AT_LEAST(c->shape.populations);
    if (each > c->groups) each = c->groups;
    c->per_item = (c->groups + each - 1) / each;
    c->items_each = (c->groups + c->per_item - 1) / c->per_item;
    c->items = c->items_each * c->shape.populations;
    c->packed = malloc(AT_LEAST(c->shape.populations * NP) * sizeof(float));
    c->partial = malloc(AT_LEAST(pullback ? c->items * NP : 0) * sizeof(float));
    atomic_init(&c->holders, 1);
    if (!c->packed || !c->partial) {
        release(c);
        return complain(f, "no memory for a kernel's gradients");
    }
    for (int64_t p = 0; p < c->shape.populations; p++) {
        float *to = c->packed + p * NP;
        for (int i = 0; i < N_PARAMS; to += params_sizes[i++])
            memcpy(to, c->in[i] + p * params_sizes[i], params_sizes[i] * sizeof(float));
    }
    int64_t threads = 1;
    XLA_FFI_ThreadPool_NumThreads_Args count = {.struct_size = XLA_FFI_ThreadPool_NumThreads_Args_STRUCT_SIZE,
                                                .ctx = f->ctx, .num_threads = &threads};
    discard(f, f->api->XLA_FFI_ThreadPool_NumThreads(&count));
    for (int64_t i = 1; i < threads && i < c->items; i++) {
        XLA_FFI_ThreadPool_Schedule_Args args = {.struct_size = XLA_FFI_ThreadPool_Schedule_Args_STRUCT_SIZE,
                                                 .ctx = f->ctx, .task = work, .data = c};
        atomic_fetch_add(&c->holders, 1);
        XLA_FFI_Error *error = f->api->XLA_FFI_ThreadPool_Schedule(&args);
        if (error) {
            discard(f, error);
            release(c);
            break;
        }
    }
    atomic_fetch_add(&c->holders, 1);
    work(c);
    /* others may still be at their last item; tasks not begun yet will find nothing left */
    while (atomic_load(&c->done) < c->items) sched_yield();
    int failed = atomic_load(&c->failed);
    if (pullback && !failed)
        for (int64_t p = 0; p < c->shape.populations; p++) {
            float *sum = c->partial + p * c->items_each * NP;
            for (int64_t i = 1; i < c->items_each; i++)
                for (int k = 0; k < NP; k++) sum[k] += sum[i * NP + k];
            for (int i = 0, at = 0; i < N_PARAMS; at += params_sizes[i++])
                memcpy(c->out[N_OUTPUTS + N_STATE + i] + p * params_sizes[i], sum + at, params_sizes[i] * sizeof(float));
        }
    release(c);
    return failed ? complain(f, "no memory for a kernel's tape") : 0;
}

XLA_FFI_Error *kernel_forward(XLA_FFI_CallFrame *f) { return handle(f, 0); }
XLA_FFI_Error *kernel_pullback(XLA_FFI_CallFrame *f) { return handle(f, 1); }
