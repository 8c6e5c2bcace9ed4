/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The parser is one source for the kernel and for user space, where it is tested and fuzzed: what
 * differs between the two, and nothing else, is here. */
#pragma once

#include <linux/types.h>

#define STEER_INLINE static inline __attribute__((always_inline))

#ifdef __bpf__

#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

/* Packets lie in memory so that the words of their headers are aligned. */
#define STEER_ON_WIRE

#else

#define STEER_ON_WIRE __attribute__((packed))

STEER_INLINE long bpf_loop(__u32 steps, long (*step)(__u32, void*), void* context, __u64 flags) {
  __u32 done = 0;
  (void)flags;
  while (done < steps)
    if (step(done++, context) != 0) break;
  return done;
}

#endif

/* Both worlds of BPF are built little-endian or big-endian as the machine is. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define STEER_TO_HOST_16(value) __builtin_bswap16(value)
#define STEER_TO_HOST_32(value) __builtin_bswap32(value)
#else
#define STEER_TO_HOST_16(value) (value)
#define STEER_TO_HOST_32(value) (value)
#endif
#define STEER_TO_WIRE_16 STEER_TO_HOST_16
#define STEER_TO_WIRE_32 STEER_TO_HOST_32
