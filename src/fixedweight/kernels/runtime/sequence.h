/* A step along whole streams: forward, and forward with its pullback.

   Streams go side by side in the lanes of a vector. A pullback goes forward once, remembering the
   state at the start of every segment but the last; then segment by segment from the end, forward
   again with a tape and backward over it. The gradient of a weight matrix is a product over all
   steps: its columns are recorded for BLOCK steps, then multiplied with rows that are read where
   they are, with the sums in registers. */

/* Steps recorded at once: more take fewer loads and stores of the sums, if they stay in the cache. */
#define BLOCK (32 * NR * 4 * WIDTH <= 32 << 10 ? 32 : 16)
#define AT_LEAST(n) ((n) > 0 ? (n) : 1)
/* Vectors from a step's numbers to the next step's: an odd count of cache lines, since steps a power of
   two apart would meet in the same places of the cache. */
#define LINE (sizeof(V) < 64 ? 64 / (int)sizeof(V) : 1)
#define STRIDE(n) ((int64_t)((((n) + LINE - 1) / LINE | 1) * LINE))
#define STATES STRIDE(NS)
#define RECORDS STRIDE(NR)

struct shape { int64_t populations, batch, length; };

struct scratch {
    V *inputs, *states, *tape, *memory, *cotangents, *d_states, *d_inputs, *records, *sums, *direct, *saved;
    float *uniform;
};

/* Examples a segment: so many that the tape stays in the cache, or about the square root of the
   length where that is more. */
static int64_t segment_length(int64_t length) {
    int64_t step = (NX + NS + NT) * sizeof(V);
    int64_t fits = TAPE_BYTES / AT_LEAST(step);
    int64_t root = (int64_t)sqrt((double)length) + 1;
    int64_t most = fits > root ? fits : root;
    if (most < 16) most = 16;
    if (most >= length) return length;
    int64_t segments = (length + most - 1) / most;
    return (length + segments - 1) / segments;
}

static V *carve(char **at, int64_t count) {
    V *here = (V *)*at;
    *at += AT_LEAST(count) * sizeof(V);
    return here;
}

static __thread char *arena;
static __thread size_t arena_size;
static __thread int64_t arena_segment; /* that it is laid out for */

/* Room that a thread keeps from call to call; 0 if there is no memory. */
static int reserve(struct scratch *s, int64_t segment, int64_t segments) {
    int64_t vectors = AT_LEAST(segment * NX) + (segment + 1) * STATES + AT_LEAST(segment * NT)
        + AT_LEAST(NM) + AT_LEAST(segment * NY) + 2 * AT_LEAST(NS) + AT_LEAST(NX)
        + BLOCK * RECORDS + AT_LEAST(NG) + AT_LEAST(NA) + AT_LEAST(segments * NS)
        + AT_LEAST((NU * 4 + sizeof(V) - 1) / sizeof(V));
    size_t size = (vectors * sizeof(V) + 4095) / 4096 * 4096;
    if (arena_size < size) {
        free(arena);
        arena = aligned_alloc(4096, size);
        arena_size = arena ? size : 0;
        if (!arena) return 0;
        memset(arena, 0, size);
        arena_segment = 0;
    }
    char *at = arena;
    s->inputs = carve(&at, segment * NX);
    s->states = carve(&at, (segment + 1) * STATES);
    s->tape = carve(&at, segment * NT);
    s->memory = carve(&at, NM);
    s->cotangents = carve(&at, segment * NY);
    s->d_states = carve(&at, 2 * AT_LEAST(NS));
    s->d_inputs = carve(&at, NX);
    s->records = carve(&at, BLOCK * RECORDS);
    s->sums = carve(&at, NG);
    s->direct = carve(&at, NA);
    s->saved = carve(&at, segments * NS);
    s->uniform = (float *)at;
    if (arena_segment != segment) memset(s->records, 0, BLOCK * RECORDS * sizeof(V)); /* its padding is read */
    arena_segment = segment;
    return 1;
}

/* Lanes beyond the batch repeat its last stream, so that they hold ordinary numbers. */
INLINE int64_t lane(int64_t first, int i, int64_t batch) {
    return first + i < batch ? first + i : batch - 1;
}

/* Compilers make these slower by vectorising them, and take longer with a copy for every call. */
#if defined(__GNUC__) && !defined(__clang__)
#define AS_WRITTEN __attribute__((noinline, noclone, optimize("no-tree-vectorize")))
#else
#define AS_WRITTEN __attribute__((noinline))
#endif

/* WIDTH numbers of each of WIDTH streams to as many vectors, or back. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SWAP(a, b, low, high) \
    { V l = __builtin_shufflevector(a, b, low), h = __builtin_shufflevector(a, b, high); a = l; b = h; }
#define LIST(...) __VA_ARGS__
#if WIDTH == 4
#define EXCHANGES(x) \
    x(2, LIST(0, 1, 4, 5), LIST(2, 3, 6, 7)) x(1, LIST(0, 4, 2, 6), LIST(1, 5, 3, 7))
#elif WIDTH == 8
#define EXCHANGES(x) \
    x(4, LIST(0, 1, 2, 3, 8, 9, 10, 11), LIST(4, 5, 6, 7, 12, 13, 14, 15)) \
    x(2, LIST(0, 1, 8, 9, 4, 5, 12, 13), LIST(2, 3, 10, 11, 6, 7, 14, 15)) \
    x(1, LIST(0, 8, 2, 10, 4, 12, 6, 14), LIST(1, 9, 3, 11, 5, 13, 7, 15))
#elif WIDTH == 16
#define EXCHANGES(x) \
    x(8, LIST(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), \
      LIST(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)) \
    x(4, LIST(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27), \
      LIST(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31)) \
    x(2, LIST(0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29), \
      LIST(2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)) \
    x(1, LIST(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30), \
      LIST(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
#endif
#endif
#endif
#ifdef EXCHANGES
#define TRANSPOSES 1
#define EXCHANGE(s, low, high) \
    _Pragma("GCC unroll 16") for (int i = 0; i < WIDTH; i++) if (!(i & s)) SWAP(x[i], x[i + s], LIST(low), LIST(high))
INLINE void transpose(V *x) { EXCHANGES(EXCHANGE) }
#else
#define TRANSPOSES 0
INLINE void transpose(V *x) {}
#endif

/* [batch, steps, sizes...] of several arrays to [steps, numbers] of vectors, and back. Lanes beyond
   the batch are zero if they are to be. */
AS_WRITTEN static void gather(V *to, int total, const float *const *from, const int *sizes, int arrays,
                   int64_t first, int64_t batch, int64_t stride, int64_t begin, int64_t steps, int zero) {
    for (int a = 0, at = 0; a < arrays; at += sizes[a++]) {
        const int n = sizes[a];
        const int64_t count = steps * n;
        const float *in[WIDTH];
        for (int i = 0; i < WIDTH; i++) in[i] = from[a] + (lane(first, i, batch) * stride + begin) * n;
        V *out = to + at;
        int k = 0; /* number of its step */
        int64_t f = 0;
        for (; TRANSPOSES && f + WIDTH <= count; f += WIDTH) {
            V x[WIDTH];
#pragma GCC unroll 16
            for (int i = 0; i < WIDTH; i++) memcpy(&x[i], in[i] + f, sizeof(V));
            transpose(x);
#pragma GCC unroll 16
            for (int i = 0; i < WIDTH; i++) {
                out[k] = x[i];
                if (++k == n) k = 0, out += total;
            }
        }
        for (; f < count; f++) {
            for (int i = 0; i < WIDTH; i++) ((float *)&out[k])[i] = in[i][f];
            if (++k == n) k = 0, out += total;
        }
        if (zero)
            for (int i = 0; i < WIDTH; i++)
                if (first + i >= batch)
                    for (int64_t t = 0; t < steps; t++)
                        for (int j = 0; j < n; j++) ((float *)&to[t * total + at + j])[i] = 0.0f;
    }
}

AS_WRITTEN static void scatter(const V *from, int total, float *const *to, const int *sizes, int arrays,
                    int64_t first, int64_t batch, int64_t stride, int64_t begin, int64_t steps) {
    for (int a = 0, at = 0; a < arrays; at += sizes[a++]) {
        const int n = sizes[a];
        const int lanes = batch - first < WIDTH ? (int)(batch - first) : WIDTH;
        const int64_t count = steps * n;
        float *out = to[a] + (first * stride + begin) * n;
        const V *in = from + at;
        int k = 0;
        int64_t f = 0;
        for (; TRANSPOSES && f + WIDTH <= count; f += WIDTH) {
            V x[WIDTH];
#pragma GCC unroll 16
            for (int i = 0; i < WIDTH; i++) {
                x[i] = in[k];
                if (++k == n) k = 0, in += total;
            }
            transpose(x);
            for (int i = 0; i < lanes; i++) memcpy(out + i * stride * n + f, &x[i], sizeof(V));
        }
        for (; f < count; f++) {
            for (int i = 0; i < lanes; i++) out[i * stride * n + f] = ((const float *)&in[k])[i];
            if (++k == n) k = 0, in += total;
        }
    }
}

/* Keeps a value in its register where compilers would read it once per use. */
#if defined(__x86_64__) && WIDTH >= 4
#define HOLD(v) __asm__("" : "+v"(v))
#elif defined(__aarch64__) && WIDTH == 4
#define HOLD(v) __asm__("" : "+w"(v))
#else
#define HOLD(v)
#endif

/* Where what a product's rows are made of begins, and how far from there a step before is. */
struct kept { const V *first[6]; int64_t stride[6]; };

/* sums[r][c] += rows[r] columns[c] over steps; the columns of a tile stay in the cache for all rows */
static void products(const struct kept *kept, const struct job *job, int64_t steps, V *restrict sums) {
    const int across = (job->columns + COLUMNS - 1) / COLUMNS;
    for (int c = 0; c < across; c++) {
        const V *begin = kept->first[0] + job->column + c * COLUMNS;
        V *restrict at = sums + job->sum + c * (ROWS * COLUMNS);
        for (int r = 0; r < job->rows; r += ROWS, at += across * (ROWS * COLUMNS)) {
            V acc[ROWS][COLUMNS];
            const V *row[ROWS], *column = begin;
            int64_t stride[ROWS];
            for (int i = 0; i < ROWS; i++) {
                const struct row of = rows_of[job->row + r + i];
                row[i] = kept->first[of.array] + of.place;
                stride[i] = kept->stride[of.array];
            }
#pragma GCC unroll 4
            for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 6
                for (int j = 0; j < COLUMNS; j++) acc[i][j] = at[i * COLUMNS + j];
            for (int64_t t = 0; t < steps; t++, column += RECORDS) {
#pragma GCC unroll 6
                for (int j = 0; j < COLUMNS; j++) {
                    V factor = column[j];
                    HOLD(factor);
#pragma GCC unroll 4
                    for (int i = 0; i < ROWS; i++) acc[i][j] += *row[i] * factor;
                }
#pragma GCC unroll 4
                for (int i = 0; i < ROWS; i++) row[i] += stride[i];
            }
#pragma GCC unroll 4
            for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 6
                for (int j = 0; j < COLUMNS; j++) at[i * COLUMNS + j] = acc[i][j];
        }
    }
}

INLINE float total(V v) {
    float x[WIDTH];
    memcpy(x, &v, sizeof v);
    for (int half = WIDTH / 2; half; half /= 2)
        for (int i = 0; i < half; i++) x[i] += x[i + half];
    return x[0];
}

/* Add the lanes of all sums into the gradient [NP]. */
static void collect(const struct scratch *s, float *gradient) {
    for (int j = 0; j < NJ; j++) {
        const struct job *job = &jobs[j];
        const V *at = s->sums + job->sum;
        for (int r = 0; r < job->rows; r += ROWS)
            for (int c = 0; c < job->columns; c += COLUMNS, at += ROWS * COLUMNS)
                for (int i = 0; i < ROWS && r + i < job->rows; i++)
                    for (int k = 0; k < COLUMNS && c + k < job->columns; k++) {
                        int owner = owner_of[job->owner + (r + i) * job->columns + c + k];
                        if (owner >= 0) gradient[owner] += total(at[i * COLUMNS + k]);
                    }
    }
    for (int i = 0; i < NA; i++) gradient[direct_owner[i]] += total(s->direct[i]);
}

struct arrays {
    const float *params; /* [NP] of this member of the population */
    const float *const *state, *const *inputs, *const *d_outputs, *const *d_state;
    float *const *outputs, *const *new_state, *const *d_old, *const *d_inputs;
};

static void go_forward(const struct arrays *a, struct scratch *s, struct shape shape, int64_t first) {
    const int64_t most = 32;
    gather(s->states, NS, a->state, state_sizes, N_STATE, first, shape.batch, 1, 0, 1, 0);
    for (int64_t begin = 0; begin < shape.length; begin += most) {
        int64_t steps = shape.length - begin < most ? shape.length - begin : most;
        gather(s->inputs, NX, a->inputs, inputs_sizes, N_INPUTS, first, shape.batch, shape.length, begin, steps, 0);
        for (int64_t t = 0; t < steps; t++)
            forward(a->params, s->uniform, s->inputs + t * NX, s->states + (t % 2) * STATES,
                    s->states + ((t + 1) % 2) * STATES, s->memory, s->cotangents + t * NY);
        if (steps % 2) memcpy(s->states, s->states + STATES, NS * sizeof(V));
        scatter(s->cotangents, NY, a->outputs, outputs_sizes, N_OUTPUTS, first, shape.batch, shape.length, begin, steps);
    }
    scatter(s->states, NS, a->new_state, state_sizes, N_STATE, first, shape.batch, 1, 0, 1);
}

static void go_back(const struct arrays *a, struct scratch *s, struct shape shape, int64_t first, int64_t segment) {
    int64_t segments = (shape.length + segment - 1) / segment;
    gather(s->saved, NS, a->state, state_sizes, N_STATE, first, shape.batch, 1, 0, 1, 0);
    for (int64_t g = 0; g + 1 < segments; g++) {
        gather(s->inputs, NX, a->inputs, inputs_sizes, N_INPUTS, first, shape.batch, shape.length, g * segment, segment, 0);
        memcpy(s->states, s->saved + g * NS, NS * sizeof(V));
        for (int64_t t = 0; t < segment; t++)
            forward(a->params, s->uniform, s->inputs + t * NX, s->states + (t % 2) * STATES,
                    s->states + ((t + 1) % 2) * STATES, s->memory, s->cotangents);
        memcpy(s->saved + (g + 1) * NS, s->states + (segment % 2) * STATES, NS * sizeof(V));
    }
    const V one = SPLAT(1.0f);
    V *after = s->d_states, *before = s->d_states + AT_LEAST(NS);
    gather(after, NS, a->d_state, state_sizes, N_STATE, first, shape.batch, 1, 0, 1, 1);
    for (int64_t g = segments - 1; g >= 0; g--) {
        int64_t begin = g * segment;
        int64_t steps = shape.length - begin < segment ? shape.length - begin : segment;
        gather(s->inputs, NX, a->inputs, inputs_sizes, N_INPUTS, first, shape.batch, shape.length, begin, steps, 0);
        memcpy(s->states, s->saved + g * NS, NS * sizeof(V));
        for (int64_t t = 0; t < steps; t++)
            taped(a->params, s->uniform, s->inputs + t * NX, s->states + t * STATES, s->states + (t + 1) * STATES,
                  s->memory, s->cotangents + t * NY, s->tape + t * NT);
        scatter(s->cotangents, NY, a->outputs, outputs_sizes, N_OUTPUTS, first, shape.batch, shape.length, begin, steps);
        if (g == segments - 1)
            scatter(s->states + steps * STATES, NS, a->new_state, state_sizes, N_STATE, first, shape.batch, 1, 0, 1);
        gather(s->cotangents, NY, a->d_outputs, outputs_sizes, N_OUTPUTS, first, shape.batch, shape.length, begin, steps, 1);
        int64_t recorded = 0;
        for (int64_t t = steps - 1; t >= 0; t--) {
            pulled(a->params, s->uniform, s->inputs + t * NX, s->states + t * STATES, s->states + (t + 1) * STATES,
                   s->memory, s->tape + t * NT, after, s->cotangents + t * NY, before, s->d_inputs,
                   s->records + recorded * RECORDS, s->direct);
            V *swap = after; after = before; before = swap;
            if (a->d_inputs)
                scatter(s->d_inputs, NX, a->d_inputs, inputs_sizes, N_INPUTS, first, shape.batch, shape.length, begin + t, 1);
            if (++recorded == BLOCK || t == 0) {
                const int64_t last = t + recorded - 1;
                const struct kept kept = {
                    {s->records, s->states + last * STATES, s->states + (last + 1) * STATES,
                     s->inputs + last * NX, s->tape + last * NT, &one},
                    {RECORDS, -STATES, -STATES, -NX, -NT, 0},
                };
                for (int j = 0; j < NJ; j++) products(&kept, &jobs[j], recorded, s->sums);
                recorded = 0;
            }
        }
    }
    scatter(after, NS, a->d_old, state_sizes, N_STATE, first, shape.batch, 1, 0, 1);
}
