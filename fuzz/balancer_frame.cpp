// SPDX-License-Identifier: MIT
// The balancer's reading of a frame, the very source of its BPF programs: it ends, stays inside the
// frame (the sanitizer sees to that), and what it says is possible.
#include <steering/hash.h>
#include <steering/parse.h>

#include "input.hpp"

using anabranch::fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  steer_packet packet{};
  steer_parse(data, data + size, static_cast<std::uint32_t>(size), &packet);
  require(packet.kind <= STEER_MALFORMED, "a kind there is");
  require(packet.is_syn || (packet.mptcp == 0 && !packet.has_odd_options),
          "only options of a SYN are read");
  require((packet.mptcp & STEER_MP_JOIN) != 0 || packet.token == 0,
          "a token comes with an MP_JOIN");
  require(packet.kind != STEER_SEGMENT || packet.octets + sizeof(steer_ethernet) <= size,
          "a segment is no longer than its frame");
  require(packet.kind == STEER_SEGMENT || packet.mptcp == 0, "an MP_JOIN is in a segment");
  require(steer_ring_place(&packet.flow) < STEER_RING_PLACES, "a place on the ring");
  return 0;
}
