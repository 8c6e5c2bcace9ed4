// SPDX-License-Identifier: MIT
// A DHCPv6 message, alone and in a frame: refused, or one that survives being written and read
// again, and grants nothing that a host could not have.
#include "host/dhcp6_message.hpp"

#include "host/dhcp6_packet.hpp"
#include "host/lease6.hpp"
#include "input.hpp"
#include "wire/converter_addresses.hpp"

using namespace anabranch;
using fuzz::require;

namespace {

void look_at(const host::Dhcp6Message& message) {
  const auto octets = host::encode_dhcp6(message);
  require(octets.has_value(), "what was read can be written");
  require(host::decode_dhcp6(*octets) == message, "what was read is written back");
  for (const auto& domain : message.domains) require(!domain.id.empty(), "a container has an id");
  for (std::uint8_t index = 1; index <= 2; ++index) {
    const auto* configuration = message.of_path(index);
    if (configuration == nullptr) continue;
    for (const auto& association : configuration->addresses) {
      const auto lease =
          host::lease6_from(message, {index, association.iaid, {}, {}}, MonotonicTime{});
      if (!lease) continue;
      require(lease->route.index == index, "a lease carries its path's index");
      require(lease->converters.size() <= wire::kMostConverters, "converters are few");
      require(!lease->valid || *lease->valid > seconds{0}, "a lease has time");
      require(lease->address.octets()[0] != 0xff, "a host can have the address");
      require(lease->renews() <= lease->rebinds(), "T1 comes before T2");
      require(!lease->rebinding || !lease->valid || *lease->rebinding <= *lease->valid,
              "T2 comes before the end");
      require(!lease->renewal || *lease->renewal >= seconds{1},
              "no server has us renew without pause");
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto message = host::decode_dhcp6({data, size})) look_at(*message);
  const auto frame = host::decode_dhcp6_frame({data, size});
  if (!frame) return 0;
  look_at(frame->message);
  const auto again = host::encode_frame(*frame);
  require(again && host::decode_dhcp6_frame(*again) == frame, "a frame is written back");
  return 0;
}
