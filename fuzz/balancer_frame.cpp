// SPDX-License-Identifier: MIT
// The balancer's reading of a frame, the very source of its BPF programs: it ends, stays inside the
// frame (the sanitizer sees to that), and what it says is possible.
#include <steering/hash.h>
#include <steering/keys.h>
#include <steering/parse.h>

#include "input.hpp"

using anabranch::fuzz::require;

namespace {

/// Every option of a SYN one by one, without the shortcut over those that it usually begins with.
void require_the_same_one_by_one(const std::uint8_t* data, std::size_t size,
                                 const steer_packet& packet) {
  const auto* header = data + packet.segment_at;
  steer_option_walk walk{};
  walk.options = header + sizeof(steer_tcp);
  walk.end = data + size;
  walk.octets = (header[12] >> 4) * 4U - static_cast<std::uint32_t>(sizeof(steer_tcp));
  bpf_loop(STEER_MOST_OPTION_OCTETS, steer_read_option, &walk, 0);
  require(walk.mptcp == packet.mptcp && walk.token == packet.token &&
              walk.is_malformed == packet.has_odd_options,
          "a shortcut leads to the same");
}

}  // namespace

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
  if (packet.kind == STEER_SEGMENT && packet.is_syn)
    require_the_same_one_by_one(data, size, packet);
  std::uint32_t token = 0;
  const bool has_keys = packet.kind == STEER_SEGMENT && !packet.is_syn &&
                        steer_read_token(data, data + size, &packet, &token) != 0;
  require(has_keys || token == 0, "a token is made of keys");
  require(steer_ring_place(&packet.flow) < STEER_RING_PLACES, "a place on the ring");
  return 0;
}
