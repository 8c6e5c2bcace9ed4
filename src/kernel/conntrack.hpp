// SPDX-License-Identifier: MIT
// Connection tracking of the calling thread's network namespace, over ctnetlink.
#pragma once

#include "base/ip.hpp"
#include "base/result.hpp"

namespace anabranch::kernel {

/// Deletes every entry whose original source lies in `source`, so that its next packet is
/// translated anew. Returns how many. None is no error, nor is a kernel without connection
/// tracking.
Result<unsigned> flush_conntrack(const IpPrefix& source);

}  // namespace anabranch::kernel
