// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace anabranch::kernel {

/// Where the balancer's program looks at packets. kTc works everywhere and takes packets that are
/// many segments at once; the driver hands kXdp single frames before the kernel has made anything
/// of them; kXdpGeneric is XDP's way on interfaces whose driver does not know it.
enum class BalancerHook : std::uint8_t { kTc, kXdp, kXdpGeneric };

}  // namespace anabranch::kernel
