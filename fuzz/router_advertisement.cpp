// SPDX-License-Identifier: MIT
// A Router Advertisement from the link: refused, or a value that can be written and is the same
// when read again.
#include "wire/router_advertisement.hpp"

#include "input.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> message(data, size);
  const auto read = wire::decode_router_advertisement(message);
  const bool solicits = wire::is_router_solicitation(message, IpAddress());
  fuzz::require(!read || !solicits, "a message is of one type");
  if (!read) return 0;
  fuzz::require(!read->domain || !read->domain->id.empty(), "a domain has an id");
  const auto written = wire::encode(*read);
  fuzz::require(written.has_value(), "what was read can be written");
  fuzz::require(written->size() <= size, "and is not longer than it was");
  fuzz::require(wire::decode_router_advertisement(*written) == read, "and is read as the same");
  return 0;
}
