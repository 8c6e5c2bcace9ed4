// SPDX-License-Identifier: MIT
// What a CPE reads of a host role's status: refused, or few converters, each one that can be there.
#include "base/address_scope.hpp"
#include "input.hpp"
#include "proxy/dhcp_converters.hpp"

using namespace anabranch;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto says = proxy::host_says(fuzz::text_of(data, size));
  if (!says || !says->converters) return 0;
  require(says->converters->size() <= 16, "they are few");
  for (const auto& one : *says->converters)
    require(is_global(one.address) && one.port != 0, "a converter can be there");
  const auto entries = proxy::with_told({}, {{says->interface, *says->converters}});
  require(entries.size() <= says->converters->size(), "each is there once");
  return 0;
}
