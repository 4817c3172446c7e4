/* CUDA's words on a CPU: the threads of a block are threads, blocks run one after another. */
#include <cmath>
#include <pthread.h>

#define __device__
#define __global__
#define __shared__
#define __forceinline__ inline
#define __launch_bounds__(n)
#define __align__(n) __attribute__((aligned(n)))
struct float4 { float x, y, z, w; };
struct dim3 { int x, y, z; };
static thread_local dim3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static pthread_barrier_t barrier;
__align__(16) float shared[1 << 16];
static void __syncthreads() { pthread_barrier_wait(&barrier); }
static float __fdividef(float a, float b) { return a / b; }
