// SPDX-License-Identifier: MIT
// A frame from the wire: refused, or a message that survives being written and read again.
#include "host/dhcp_packet.hpp"
#include "host/lease.hpp"
#include "input.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto frame = host::decode_frame({data, size});
  if (!frame) return 0;
  std::size_t octets = 0;
  for (const auto& [code, value] : frame->message.options) octets += value.size();
  fuzz::require(octets < size, "a message is no longer than its frame");
  const auto lease = host::lease_from(frame->message, frame->source, 224, MonotonicTime{});
  fuzz::require(!lease || !lease->duration || lease->duration->count() > 0, "a lease has time");
  constexpr std::size_t kLargestUdp = 60000;  // an IPv4 packet holds no more
  if (octets > kLargestUdp) return 0;
  const auto again = host::decode_frame(host::encode_frame(*frame));
  fuzz::require(again == frame, "what was read is written back");
  return 0;
}
