/* Functions of one variable without a mathematical library, to some units in the last place of a
   float. Reductions and polynomials are those of Cephes (Moshier 1989), which has them in the public
   domain. */
#include <stdint.h>
#include <string.h>

static float v_sqrt(float a)
{
    uint32_t bits;
    float x;
    int i;
    if (!(a > 0.0f)) return a == 0.0f ? a : (a - a) / (a - a);
    memcpy(&bits, &a, sizeof bits);
    bits = (bits >> 1) + 0x1fbd1df5u;
    memcpy(&x, &bits, sizeof x);
    for (i = 0; i < 3; i++) x = 0.5f * (x + a / x);
    return x;
}

static float v_exp(float a)
{
    float z, power;
    int32_t n;
    uint32_t bits;
    if (a != a) return a;
    if (a > 88.7f) a = 88.7f;
    if (a < -87.3f) return 0.0f;
    n = (int32_t)(1.44269504f * a + (a < 0.0f ? -0.5f : 0.5f));
    a -= (float)n * 0.693359375f;
    a += (float)n * 2.12194440e-4f;
    z = 1.9875691500e-4f;
    z = z * a + 1.3981999507e-3f;
    z = z * a + 8.3334519073e-3f;
    z = z * a + 4.1665795894e-2f;
    z = z * a + 1.6666665459e-1f;
    z = z * a + 5.0000001201e-1f;
    z = z * a * a + a + 1.0f;
    bits = (uint32_t)(n + 127 - (n > 127)) << 23;
    memcpy(&power, &bits, sizeof power);
    return n > 127 ? z * power * 2.0f : z * power;
}

static float v_tanh(float a)
{
    float size = a < 0.0f ? -a : a, z = a * a, x;
    if (size < 0.625f) {
        x = -5.70498872745e-3f;
        x = x * z + 2.06390887954e-2f;
        x = x * z - 5.37397155531e-2f;
        x = x * z + 1.33314422036e-1f;
        x = x * z - 3.33332819422e-1f;
        return x * z * a + a;
    }
    x = 1.0f - 2.0f / (v_exp(2.0f * (size < 20.0f ? size : 20.0f)) + 1.0f);
    return a != a ? a : a < 0.0f ? -x : x;
}

static float v_log(float a)
{
    float x, y, z;
    uint32_t bits;
    int32_t e;
    if (!(a > 0.0f)) return a == 0.0f ? -1.0f / (a * a) : (a - a) / (a - a);
    if (a > 3.4e38f) return a;
    e = a < 1.2e-38f ? -24 : 0;
    if (e) a *= 16777216.0f;
    memcpy(&bits, &a, sizeof bits);
    e += (int32_t)(bits >> 23) - 126;
    bits = (bits & 0x007fffffu) | 0x3f000000u;
    memcpy(&x, &bits, sizeof x);
    if (x < 0.707106781f) {
        e -= 1;
        x = x + x - 1.0f;
    } else {
        x = x - 1.0f;
    }
    z = x * x;
    y = 7.0376836292e-2f;
    y = y * x - 1.1514610310e-1f;
    y = y * x + 1.1676998740e-1f;
    y = y * x - 1.2420140846e-1f;
    y = y * x + 1.4249322787e-1f;
    y = y * x - 1.6668057665e-1f;
    y = y * x + 2.0000714765e-1f;
    y = y * x - 2.4999993993e-1f;
    y = y * x + 3.3333331174e-1f;
    y = y * x * z;
    y += -2.12194440e-4f * (float)e;
    y += -0.5f * z;
    return x + y + 0.693359375f * (float)e;
}

static float v_log1p(float a)
{
    float u = 1.0f + a;
    return u == 1.0f ? a : v_log(u) * (a / (u - 1.0f));
}
