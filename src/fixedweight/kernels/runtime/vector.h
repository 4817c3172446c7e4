/* Vectors of WIDTH streams, and the functions of one variable that steps are made of.
   Written with the vector extensions of GCC and Clang, for any instruction set. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef float V __attribute__((vector_size(4 * WIDTH)));
typedef int32_t I __attribute__((vector_size(4 * WIDTH)));

#define SPLAT(x) ((x) - (V){0})
#define STORE(place, value) (place) = (value)
#define STORE_FIRST(place, value) (place) = (value)[0]
#define ADD(place, value) (place) += (value)
#define INLINE static inline __attribute__((always_inline))

INLINE V pick(I mask, V yes, V no) { return (V)((mask & (I)yes) | (~mask & (I)no)); }
INLINE V truth(I mask) { return (V)(mask & (I)SPLAT(1.0f)); }

INLINE V v_lt(V a, V b) { return truth(a < b); }
INLINE V v_le(V a, V b) { return truth(a <= b); }
INLINE V v_gt(V a, V b) { return truth(a > b); }
INLINE V v_ge(V a, V b) { return truth(a >= b); }
INLINE V v_eq(V a, V b) { return truth(a == b); }
INLINE V v_ne(V a, V b) { return truth(a != b); }
INLINE V v_and(V a, V b) { return a * b; }
INLINE V v_not(V a) { return 1.0f - a; }
INLINE V v_select(V which, V no, V yes) { return pick(which != 0.0f, yes, no); }
INLINE V v_max(V a, V b) { return pick((a > b) | (a != a), a, b); }
INLINE V v_min(V a, V b) { return pick((a < b) | (a != a), a, b); }
INLINE V v_or(V a, V b) { return v_max(a, b); }
INLINE V v_abs(V a) { return (V)((I)a & 0x7fffffff); }
INLINE V v_sign(V a) { return pick(a == 0.0f, a, pick(a != a, a, pick(a > 0.0f, SPLAT(1.0f), SPLAT(-1.0f)))); }
INLINE V v_square(V a) { return a * a; }
INLINE V v_is_finite(V a) { return truth(((I)a & 0x7f800000) != 0x7f800000); }

#define LANES1(name, f) \
    static V name(V a) { for (int i = 0; i < WIDTH; i++) a[i] = f(a[i]); return a; }
#define LANES2(name, f) \
    static V name(V a, V b) { for (int i = 0; i < WIDTH; i++) a[i] = f(a[i], b[i]); return a; }
#if defined(__AVX512F__) && WIDTH == 16
#include <immintrin.h>
INLINE V v_sqrt(V a) { return (V)_mm512_sqrt_ps((__m512)a); }
#elif defined(__AVX__) && WIDTH == 8
#include <immintrin.h>
INLINE V v_sqrt(V a) { return (V)_mm256_sqrt_ps((__m256)a); }
#else
__attribute__((unused)) LANES1(v_sqrt, sqrtf)
#endif
INLINE V v_rsqrt(V a) { return 1.0f / v_sqrt(a); }

/* a / b for finite b far from 0 and from overflow, to about 1 ulp */
INLINE V quotient(V a, V b) {
#if defined(__AVX512F__) && WIDTH == 16
    V r = (V)_mm512_rcp14_ps((__m512)b);
    r = r * (2.0f - b * r);
    return a * r;
#else
    return a / b;
#endif
}

/* x kept within +-most; NaN stays NaN */
INLINE V clamp(V x, float most) {
#if defined(__AVX512F__) && WIDTH == 16
    V high = (V)_mm512_min_ps((__m512)SPLAT(most), (__m512)x);
    return (V)_mm512_max_ps((__m512)SPLAT(-most), (__m512)high);
#elif defined(__AVX__) && WIDTH == 8
    V high = (V)_mm256_min_ps((__m256)SPLAT(most), (__m256)x);
    return (V)_mm256_max_ps((__m256)SPLAT(-most), (__m256)high);
#else
    return pick(x > most, SPLAT(most), pick(x < -most, SPLAT(-most), x));
#endif
}

/* x P(x x) / Q(x x), the best of these degrees up to 7.9 by relative error, rounded with care:
   within 6 ulp of tanh. XLA's takes two more operations for 4. */
INLINE V v_tanh(V x) {
    V c = clamp(x, 7.9f);
    V s = c * c;
    V p = s * 1.15309849e-05f + 2.96038925e-03f;
    p = p * s + 1.29343361e-01f;
    p = p * s + 9.99999940e-01f;
    V q = s * 2.49228606e-07f + 2.40000460e-04f;
    q = q * s + 2.38537323e-02f;
    q = q * s + 4.62675661e-01f;
    q = q * s + 1.0f;
    return quotient(c * p, q);
}

/* 2^n for whole n from -126 to 127 */
INLINE V power_of_two(V n) { return (V)((__builtin_convertvector(n, I) + 127) << 23); }

INLINE V v_exp(V x) {
    V c = pick(x > 88.72284f, SPLAT(88.72284f), pick(x < -87.33654f, SPLAT(-87.33654f), x));
    V n = (c * 1.44269504088896341f + 12582912.0f) - 12582912.0f; /* to the nearest whole */
    V r = c - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    V p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    V y = (p * (r * r) + r + 1.0f) * power_of_two(n - 1.0f) * 2.0f;
    y = pick(x > 88.72284f, SPLAT(INFINITY), y);
    y = pick(x < -87.33654f, SPLAT(0.0f), y);
    return pick(x != x, x, y);
}
INLINE V v_exp2(V x) { return v_exp(x * 0.693147180559945f); }
INLINE V v_logistic(V x) { return 1.0f / (1.0f + v_exp(-x)); }

INLINE V v_log(V x) {
    I bits = (I)x;
    V e = __builtin_convertvector((bits >> 23) - 126, V);
    V m = (V)((bits & 0x007fffff) | 0x3f000000); /* in [0.5, 1) */
    I low = m < 0.707106781186547524f;
    e = e - truth(low);
    m = pick(low, m + m, m) - 1.0f;
    V s = m * m;
    V p = m * 7.0376836292e-2f + -1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m + -1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m + -1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m + -2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    V y = p * m * s + e * -2.12194440e-4f - 0.5f * s;
    y = (m + y) + e * 0.693359375f;
    y = pick(x == INFINITY, x, y);
    y = pick(x < 1.17549435e-38f, SPLAT(-INFINITY), y);
    return pick((x < 0.0f) | (x != x), SPLAT(NAN), y);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
LANES1(v_log1p, log1pf) LANES1(v_expm1, expm1f) LANES1(v_sin, sinf) LANES1(v_cos, cosf)
LANES1(v_tan, tanf) LANES1(v_asin, asinf) LANES1(v_acos, acosf) LANES1(v_atan, atanf)
LANES1(v_sinh, sinhf) LANES1(v_cosh, coshf) LANES1(v_asinh, asinhf) LANES1(v_acosh, acoshf)
LANES1(v_atanh, atanhf) LANES1(v_erf, erff) LANES1(v_erfc, erfcf) LANES1(v_lgamma, lgammaf)
LANES1(v_cbrt, cbrtf) LANES1(v_floor, floorf) LANES1(v_ceil, ceilf)
LANES2(v_pow, powf) LANES2(v_atan2, atan2f)
#pragma GCC diagnostic pop
