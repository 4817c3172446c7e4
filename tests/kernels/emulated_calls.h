
#include <vector>

template <class F> static void launch(int across, int members, int threads, F kernel) {
    gridDim = {across, members, 1};
    blockDim = {threads, 1, 1};
    pthread_barrier_init(&barrier, 0, threads);
    struct job { F *kernel; dim3 block, thread; };
    for (int y = 0; y < members; y++)
        for (int x = 0; x < across; x++) {
            std::vector<pthread_t> ids(threads);
            std::vector<job> jobs(threads);
            for (int t = 0; t < threads; t++) {
                jobs[t] = {&kernel, {x, y, 0}, {t, 0, 0}};
                pthread_create(&ids[t], 0, [](void *data) -> void * {
                    auto *j = (job *)data;
                    blockIdx = j->block;
                    threadIdx = j->thread;
                    (*j->kernel)();
                    return nullptr;
                }, &jobs[t]);
            }
            for (auto id : ids) pthread_join(id, 0);
        }
}

extern "C" void run(const float *const *in, float *const *out, float *const *gradients, float *tape,
                    float *partial, int seeds, int batch, int length) {
    const int blocks = (batch + THREADS - 1) / THREADS;
    launch(blocks, seeds, THREADS, [=] { pullback(in, out, tape, partial, batch, length); });
    launch((NP + 127) / 128, seeds, 128, [=] { collect(partial, gradients, blocks); });
}
