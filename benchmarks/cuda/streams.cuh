/* EACH_STATE(do), EACH_INPUT(do), EACH_OUTPUT(do) are do(number, array, its number, numbers in it)
   for every number of a stream's arrays, so that all indices are known when this is compiled.

   Whole streams, forward and back in one launch: a thread holds a stream's state in registers, a
   block's threads share the weights. The tape lies in the card's memory, neighbours side by side.
   The gradient of a weight matrix is summed over a block's streams at every step: each thread keeps
   a tile of it in registers and adds the products of its share of the streams. */
#define PITCH (THREADS + 4)
#define LEAST(n) ((n) > 0 ? (n) : 1)
#define TILES (NG / (ROWS * COLUMNS))
#define SPLIT (TILES <= THREADS / 8 ? 8 : TILES <= THREADS / 4 ? 4 : TILES <= THREADS / 2 ? 2 : 1)
#define ROUNDS ((TILES * SPLIT + THREADS - 1) / THREADS)

extern "C" __global__ void __launch_bounds__(THREADS) pullback(
        const float *const *in, float *const *out, float *tape, float *partial, int batch, int length) {
    extern __shared__ __align__(16) float shared[];
    float *params = shared, *uniform = params + (NP + 3) / 4 * 4, *records = uniform + (NU + 3) / 4 * 4;
    const int tid = threadIdx.x, member = blockIdx.y;
    const long long wide = (long long)gridDim.x * THREADS; /* streams of a member, with padding */
    const int mine = blockIdx.x * THREADS + tid;
    const bool real = mine < batch;
    const long long stream = (long long)member * batch + (real ? mine : batch - 1);

    { int at = 0;
      for (int a = 0; a < N_PARAMS; at += params_sizes[a++])
          for (int k = tid; k < params_sizes[a]; k += THREADS)
              params[at + k] = in[a][(long long)member * params_sizes[a] + k]; }
    for (int k = tid; k < NR * PITCH; k += THREADS) records[k] = 0.0f; /* its padding is read */
    __syncthreads();
    float M[LEAST(NM)];
    if (tid == 0) prologue(params, uniform, M);
    __syncthreads();

    const float *const *states = in + N_PARAMS, *const *inputs = states + N_STATE;
    const float *const *d_outputs = inputs + N_INPUTS, *const *d_states = d_outputs + N_OUTPUTS;
    float *const *outputs = out, *const *new_states = out + N_OUTPUTS;
    float *const *d_old = new_states + N_STATE;
    float *own = tape + ((long long)member * length * (NS + NT)) * wide + mine;
    const long long step = (NS + NT) * wide;

    float S[LEAST(NS)], N[LEAST(NS)], X[LEAST(NX)], Y[LEAST(NY)];
#define BEGIN(n, a, k, size) S[n] = states[a][stream * size + k];
#define INPUT(n, a, k, size) X[n] = inputs[a][(stream * length + t) * size + k];
#define OUTPUT(n, a, k, size) if (real) outputs[a][(stream * length + t) * size + k] = Y[n];
#define END(n, a, k, size) if (real) new_states[a][stream * size + k] = S[n];
    EACH_STATE(BEGIN)
    for (int t = 0; t < length; t++) {
        EACH_INPUT(INPUT)
        float *here = own + t * step;
        asm volatile("" ::: "memory"); /* weights are read anew, not kept in registers */
#pragma unroll
        for (int k = 0; k < NS; k++) here[k * wide] = S[k];
        taped(params, uniform, X, S, N, M, Y, Along{here + NS * wide, wide});
        EACH_OUTPUT(OUTPUT)
#pragma unroll
        for (int k = 0; k < NS; k++) S[k] = N[k];
    }
    EACH_STATE(END)

    float after[LEAST(NS)], before[LEAST(NS)], DX[LEAST(NX)], A[LEAST(NA)];
    float acc[LEAST(ROUNDS)][ROWS][COLUMNS];
    int job[LEAST(ROUNDS)], row[LEAST(ROUNDS)], column[LEAST(ROUNDS)];
    const int part = tid % SPLIT; /* of the streams: every SPLIT-th four */
#pragma unroll
    for (int k = 0; k < NA; k++) A[k] = 0.0f;
#pragma unroll
    for (int r = 0; r < ROUNDS; r++) {
        row[r] = column[r] = 0;
        job[r] = -1;
        int left = (r * THREADS + tid) / SPLIT;
        for (int j = 0; j < NJ; j++) {
            const int across = (jobs[j].columns + COLUMNS - 1) / COLUMNS;
            const int count = (jobs[j].rows + ROWS - 1) / ROWS * across;
            if (left >= 0 && left < count) {
                job[r] = j;
                row[r] = left / across * ROWS;
                column[r] = left % across * COLUMNS;
            }
            left -= count;
        }
#pragma unroll
        for (int i = 0; i < ROWS; i++)
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) acc[r][i][j] = 0.0f;
    }
#define D_STATE(n, a, k, size) after[n] = real ? d_states[a][stream * size + k] : 0.0f;
#define D_OUTPUT(n, a, k, size) Y[n] = real ? d_outputs[a][(stream * length + t) * size + k] : 0.0f;
#define D_OLD(n, a, k, size) if (real) d_old[a][stream * size + k] = after[n];
    EACH_STATE(D_STATE)
#pragma unroll
    for (int k = 0; k < NS; k++) N[k] = S[k];
    for (int t = length - 1; t >= 0; t--) {
        EACH_INPUT(INPUT)
        EACH_OUTPUT(D_OUTPUT)
        float *here = own + t * step;
        asm volatile("" ::: "memory"); /* weights are read anew, not kept in registers */
#pragma unroll
        for (int k = 0; k < NS; k++) S[k] = here[k * wide];
        pulled(params, uniform, X, S, N, M, Along{here + NS * wide, wide}, after, Y, before, DX,
               Beside{records + tid}, A);
#pragma unroll
        for (int k = 0; k < NS; k++) after[k] = before[k], N[k] = S[k];
        __syncthreads();
#pragma unroll
        for (int r = 0; r < ROUNDS; r++) {
            if (job[r] < 0) continue;
            const struct row *rows = rows_of + jobs[job[r]].row + row[r]; /* all in the record */
            const float *columns = records + (jobs[job[r]].column + column[r]) * PITCH;
            for (int s = 4 * part; s < THREADS; s += 4 * SPLIT) {
                float4 a[ROWS];
#pragma unroll
                for (int i = 0; i < ROWS; i++) a[i] = *(const float4 *)(records + rows[i].place * PITCH + s);
#pragma unroll
                for (int j = 0; j < COLUMNS; j++) {
                    const float4 b = *(const float4 *)(columns + j * PITCH + s);
#pragma unroll
                    for (int i = 0; i < ROWS; i++)
                        acc[r][i][j] += a[i].x * b.x + a[i].y * b.y + a[i].z * b.z + a[i].w * b.w;
                }
            }
        }
        __syncthreads();
    }
    EACH_STATE(D_OLD)

    /* the block's gradient: sums over its threads, in one order */
    float *gradient = params; /* no longer needed */
    for (int k = tid; k < NP; k += THREADS) gradient[k] = 0.0f;
    for (int turn = 0; turn < NJ * SPLIT; turn++) {
        __syncthreads();
#pragma unroll
        for (int r = 0; r < ROUNDS; r++) {
            if (job[r] != turn / SPLIT || part != turn % SPLIT) continue;
            const struct job of = jobs[job[r]];
#pragma unroll
            for (int i = 0; i < ROWS; i++)
#pragma unroll
                for (int j = 0; j < COLUMNS; j++)
                    if (row[r] + i < of.rows && column[r] + j < of.columns) {
                        const int owner = owner_of[of.owner + (row[r] + i) * of.columns + column[r] + j];
                        if (owner >= 0) gradient[owner] += acc[r][i][j];
                    }
        }
    }
    __syncthreads();
    float *line = records;
#pragma unroll
    for (int k = 0; k < NA; k++) {
        line[tid] = A[k];
        __syncthreads();
        for (int half = THREADS / 2; half; half /= 2) {
            if (tid < half) line[tid] += line[tid + half];
            __syncthreads();
        }
        if (tid == 0) gradient[direct_owner[k]] += line[0];
        __syncthreads();
    }
    for (int k = tid; k < NP; k += THREADS)
        partial[((long long)member * gridDim.x + blockIdx.x) * NP + k] = gradient[k];
}

extern "C" __global__ void collect(const float *partial, float *const *gradients, int blocks) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x, member = blockIdx.y;
    if (k >= NP) return;
    float sum = 0.0f;
#pragma unroll 8
    for (int b = 0; b < blocks; b++) sum += partial[((long long)member * blocks + b) * NP + k];
    int left = k;
    for (int a = 0; a < N_PARAMS; left -= params_sizes[a++])
        if (left >= 0 && left < params_sizes[a]) gradients[a][(long long)member * params_sizes[a] + left] = sum;
}
