// SPDX-License-Identifier: MIT
// `anabranch balancer explain`: what becomes of a packet, and why. The data plane's own program is
// asked; here its question is made and its answer is put into words.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "balancer/report_text.hpp"
#include "balancer/settings.hpp"
#include "base/endpoint.hpp"
#include "base/result.hpp"

struct steer_explanation;

namespace anabranch::balancer {

/// What a packet is asked about as.
enum class PacketKind : std::uint8_t { kSyn, kCapable, kJoin, kData };
inline constexpr std::array<std::string_view, 4> kPacketKinds{"syn", "mp-capable", "mp-join",
                                                              "data"};

/// A frame with the smallest packet of that kind; a kJoin carries `token`. kBadInput when the
/// families differ.
Result<std::vector<std::uint8_t>> frame_of(const Endpoint& client, const Endpoint& service,
                                           PacketKind kind, std::uint32_t token = 0);
/// Of 8 hexadecimal digits. kBadInput for anything else.
Result<std::uint32_t> token_of_hex(std::string_view digits);
/// Of an IP packet as "4500 003c ...". kBadInput for anything else.
Result<std::vector<std::uint8_t>> frame_of_hex(std::string_view digits);

/// What the data plane that steers by these settings says of a frame, and what a running role says
/// of the servers. kNotRunning when there is no data plane.
Result<std::string> explain(const BalancerSettings& settings, std::span<const std::uint8_t> frame,
                            bool as_json);

/// `absent`: servers of the packet's service that are drained or down, as the running role has it.
std::string explanation_json(const ::steer_explanation& answer, const BalancerSettings& settings,
                             const AbsentServers& absent = {});
/// Where it goes, why, and who is out of the ring.
std::string explanation_text(const ::steer_explanation& answer, const BalancerSettings& settings,
                             const AbsentServers& absent = {});

}  // namespace anabranch::balancer
