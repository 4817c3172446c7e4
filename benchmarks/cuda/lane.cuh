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

/* The rational approximation of the CPU's kernels. */
INLINE V v_tanh(V x) {
    V c = fminf(fmaxf(x, -7.90531110763549805f), 7.90531110763549805f);
    V s = c * c;
    V p = s * -2.76076847742355e-16f + 2.00018790482477e-13f;
    p = p * s + -8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    V q = s * 1.19825839466702e-06f + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    return __fdividef(c * p, q);
}

struct Along { /* numbers of one stream, PITCH or the count of streams apart */
    float *at;
    long long stride;
    __device__ __forceinline__ float &operator[](int k) const { return at[k * stride]; }
};
struct Beside { /* the same in shared memory */
    float *at;
    __device__ __forceinline__ float &operator[](int k) const { return at[k * (THREADS + 4)]; }
};
