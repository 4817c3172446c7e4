/* One stream to a thread: the vector of a kernel's C is here a single number. */
typedef float V;
#define restrict __restrict__
#define INLINE static __device__ __forceinline__
#define SPLAT(x) (x)
#define STORE(place, value) (place) = (value)
#define STORE_FIRST(place, value) (place) = (value)
#define ADD(place, value) (place) += (value)
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#endif

INLINE V v_lt(V a, V b) { return a < b ? 1.0f : 0.0f; }
INLINE V v_le(V a, V b) { return a <= b ? 1.0f : 0.0f; }
INLINE V v_gt(V a, V b) { return a > b ? 1.0f : 0.0f; }
INLINE V v_ge(V a, V b) { return a >= b ? 1.0f : 0.0f; }
INLINE V v_eq(V a, V b) { return a == b ? 1.0f : 0.0f; }
INLINE V v_ne(V a, V b) { return a != b ? 1.0f : 0.0f; }
INLINE V v_and(V a, V b) { return a * b; }
INLINE V v_not(V a) { return 1.0f - a; }
INLINE V v_select(V which, V no, V yes) { return which != 0.0f ? yes : no; }
INLINE V v_max(V a, V b) { return (a > b || a != a) ? a : b; }
INLINE V v_min(V a, V b) { return (a < b || a != a) ? a : b; }
INLINE V v_or(V a, V b) { return v_max(a, b); }
INLINE V v_abs(V a) { return fabsf(a); }
INLINE V v_sign(V a) { return a > 0.0f ? 1.0f : a < 0.0f ? -1.0f : a; }
INLINE V v_square(V a) { return a * a; }
INLINE V v_sqrt(V a) { return sqrtf(a); }
INLINE V v_rsqrt(V a) { return 1.0f / sqrtf(a); }
INLINE V v_exp(V a) { return expf(a); }
INLINE V v_log(V a) { return logf(a); }
INLINE V v_log1p(V a) { return log1pf(a); }
INLINE V v_expm1(V a) { return expm1f(a); }
INLINE V v_logistic(V a) { return 1.0f / (1.0f + expf(-a)); }

/* What v_tanh, which follows from the CPU's kernels, is made of. */
INLINE V clamp(V x, float most) { return fminf(fmaxf(x, -most), most); }
INLINE V quotient(V a, V b) { return __fdividef(a, b); }

struct Along { /* numbers of one stream, PITCH or the count of streams apart */
    float *at;
    long long stride;
    __device__ __forceinline__ float &operator[](int k) const { return at[k * stride]; }
};
struct Beside { /* the same in shared memory */
    float *at;
    __device__ __forceinline__ float &operator[](int k) const { return at[k * (THREADS + 4)]; }
};
