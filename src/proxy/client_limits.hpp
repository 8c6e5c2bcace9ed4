// SPDX-License-Identifier: MIT
// How much the clients of a converter, or the hosts of a CPE, may have.
#pragma once

#include <cstdint>

namespace anabranch::proxy {

struct ClientLimits {
  std::uint64_t total = 0;              ///< connections
  std::uint64_t per_client = 0;         ///< the same
  std::uint32_t errors_per_second = 0;  ///< of one client
};

}  // namespace anabranch::proxy
