/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From a key to the token that names its connection: the first 32 bits of SHA-256 over the key
 * (RFC 8684 section 3.2, FIPS 180-4). A key is 8 octets, so there is one block and nothing but its
 * length behind them; and of the sum only the first word is wanted.
 *
 * All 64 rounds are written out: the constants are then part of the instructions, there is no table
 * that must be loaded beside the program, and it takes two thirds of the time of a loop. */
#pragma once

#include "portable.h"

#define STEER_SHA_TURN(x, bits) ((x) >> (bits) | (x) << (32 - (bits)))
#define STEER_SHA_MIX(x, p, q, r) \
  (STEER_SHA_TURN(x, p) ^ STEER_SHA_TURN(x, q) ^ STEER_SHA_TURN(x, r))
#define STEER_SHA_SPREAD(x, p, q, shift) \
  (STEER_SHA_TURN(x, p) ^ STEER_SHA_TURN(x, q) ^ (x) >> (shift))

/* Round `i`: the word of the message, which from the 16th on is made of earlier ones, goes into d
 * and h; whoever calls it again has the names moved on by one. */
#define STEER_SHA_ROUND(a, b, c, d, e, f, g, h, i, constant)                                    \
  if ((i) >= 16)                                                                                \
    w[(i)&15] = w[(i)&15] + STEER_SHA_SPREAD(w[((i) + 1) & 15], 7, 18, 3) + w[((i) + 9) & 15] + \
                STEER_SHA_SPREAD(w[((i) + 14) & 15], 17, 19, 10);                               \
  h += STEER_SHA_MIX(e, 6, 11, 25) + (((e) & (f)) ^ (~(e) & (g))) + (constant) + w[(i)&15];     \
  d += h;                                                                                       \
  h += STEER_SHA_MIX(a, 2, 13, 22) + (((a) & (b)) ^ ((a) & (c)) ^ ((b) & (c)))

#define STEER_SHA_EIGHT(i, k0, k1, k2, k3, k4, k5, k6, k7) \
  STEER_SHA_ROUND(a, b, c, d, e, f, g, h, (i), k0);        \
  STEER_SHA_ROUND(h, a, b, c, d, e, f, g, (i) + 1, k1);    \
  STEER_SHA_ROUND(g, h, a, b, c, d, e, f, (i) + 2, k2);    \
  STEER_SHA_ROUND(f, g, h, a, b, c, d, e, (i) + 3, k3);    \
  STEER_SHA_ROUND(e, f, g, h, a, b, c, d, (i) + 4, k4);    \
  STEER_SHA_ROUND(d, e, f, g, h, a, b, c, (i) + 5, k5);    \
  STEER_SHA_ROUND(c, d, e, f, g, h, a, b, (i) + 6, k6);    \
  STEER_SHA_ROUND(b, c, d, e, f, g, h, a, (i) + 7, k7)

#define STEER_SHA_FIRST 0x6a09e667u

/* A function of its own in the kernel, too: BPF programs have 512 octets of stack for all that they
 * call, and this takes its share only while it runs. The message is volatile for the same reason:
 * the compiler would keep much more of it there than these 16 words. The key's halves and the token
 * are numbers. */
static __attribute__((noinline)) __u32 steer_token_of_key(__u32 high, __u32 low) {
  volatile __u32 w[16] = {high, low, 0x80000000u, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64};
  __u32 a = STEER_SHA_FIRST, b = 0xbb67ae85u, c = 0x3c6ef372u, d = 0xa54ff53au;
  __u32 e = 0x510e527fu, f = 0x9b05688cu, g = 0x1f83d9abu, h = 0x5be0cd19u;
  /* clang-format off */
  STEER_SHA_EIGHT( 0, 0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u);
  STEER_SHA_EIGHT( 8, 0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u);
  STEER_SHA_EIGHT(16, 0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau);
  STEER_SHA_EIGHT(24, 0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u);
  STEER_SHA_EIGHT(32, 0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u);
  STEER_SHA_EIGHT(40, 0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u);
  STEER_SHA_EIGHT(48, 0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u);
  STEER_SHA_EIGHT(56, 0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u);
  /* clang-format on */
  return a + STEER_SHA_FIRST;
}
