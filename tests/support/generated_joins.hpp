// SPDX-License-Identifier: MIT
// Further subflows of many connections, with whatever a client may choose about them, and the
// server that each belongs to.
#pragma once

#include <algorithm>
#include <random>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "support/steered.hpp"

namespace anabranch::test {

/// All different, for any number.
constexpr std::uint32_t generated_token(std::uint32_t number) {
  number *= 0x9e3779b1U;  // odd: nothing is lost
  number ^= number >> 15;
  return number * 0x85ebca77U;
}

enum class JoinWay : std::uint8_t { kPort, kToken };

/// How many of `count` MP_JOINs do not come to the server of their connection. By token: as many
/// connections are known to the data plane.
inline std::uint32_t misrouted_joins(kernel::BalancerPlane& plane, kernel::BalancerHook hook,
                                     JoinWay way, bool is_ipv6, std::uint32_t count) {
  const auto server_of = [](std::uint32_t number) { return 1 + number % kServers; };
  if (way == JoinWay::kToken)
    for (std::uint32_t id = 1; id <= kServers; ++id) {
      std::vector<std::uint32_t> tokens;
      for (std::uint32_t number = 0; number < count; ++number)
        if (server_of(number) == id) tokens.push_back(generated_token(number));
      must(plane.set_tokens(static_cast<std::uint16_t>(id), tokens));
    }
  std::mt19937 random(8684);
  const auto below = [&](std::uint32_t bound) {
    return static_cast<std::uint32_t>(random() % bound);
  };
  const std::uint32_t sent_on =
      hook == kernel::BalancerHook::kTc ? std::uint32_t{TC_ACT_REDIRECT} : std::uint32_t{XDP_TX};
  std::uint32_t misrouted = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto number = below(count);
    const auto token =
        way == JoinWay::kToken ? generated_token(number) : static_cast<std::uint32_t>(random());
    auto join = kMpJoin;
    join[3] = static_cast<std::uint8_t>(random());
    for (std::size_t octet = 0; octet < 4; ++octet) {
      join[4 + octet] = static_cast<std::uint8_t>(token >> (24 - 8 * octet));
      join[8 + octet] = static_cast<std::uint8_t>(random());
    }
    Octets options(below(12), 1);
    if (below(2) != 0) options = options + hex("0402");
    if (below(2) != 0) options = options + hex("020405b4");
    if (below(4) == 0) options = kUsualOptions;
    const auto port = 1 + below(65'535);
    const Endpoint client = is_ipv6 ? from_port(kClient6, port)
                                    : Endpoint{IpAddress::v4(0xc0000200 + below(256)),
                                               static_cast<std::uint16_t>(port)};
    const auto& service = is_ipv6 ? kService6 : kService;
    const auto& by_token = is_ipv6 ? kByToken6 : kByToken;
    const Segment syn{client,
                      way == JoinWay::kToken ? by_token : join_port(service, server_of(number)),
                      kSyn, options + join};
    const auto run = must(plane.run(hook, frame(syn)));
    if (run.verdict != sent_on || run.frame.at(5) != server_of(number)) ++misrouted;
  }
  return misrouted;
}

}  // namespace anabranch::test
