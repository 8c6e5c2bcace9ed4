// SPDX-License-Identifier: MIT
// Segmentation, receive merging and checksum offloads of an interface (SIOCETHTOOL). Between
// namespaces of one machine they make frames of up to 64 kB with unfinished checksums, which no
// user-space relay can carry as what they stand for.
#pragma once

#include <string>

#include "base/result.hpp"

namespace anabranch::kernel {

/// Turns tso, gso, gro, sg and rx/tx checksum offload of `interface` off in the namespace of the
/// calling thread: what leaves is then one finished frame per packet. Offloads that the driver does
/// not know are off already. Errors: no such interface, not permitted, an offload that stays on.
Result<void> turn_offloads_off(const std::string& interface);

}  // namespace anabranch::kernel
