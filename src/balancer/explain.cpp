// SPDX-License-Identifier: MIT
#include "balancer/explain.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <iterator>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "balancer/plan.hpp"
#include "balancer/reasons.hpp"
#include "kernel/balancer_plane.hpp"
#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::balancer {
namespace {

using nlohmann::json;
using Octets = std::vector<std::uint8_t>;

constexpr std::uint8_t kSyn = STEER_TCP_SYN;
constexpr std::uint8_t kAck = STEER_TCP_SYN_ACK & ~STEER_TCP_SYN;
constexpr std::uint8_t kHops = 64;

template <class Header>
void append(Octets& to, const Header& header) {
  const auto octets = std::bit_cast<std::array<std::uint8_t, sizeof header>>(header);
  std::ranges::copy(octets, std::back_inserter(to));
}

Octets options_of(PacketKind kind, std::uint32_t token) {
  if (kind == PacketKind::kCapable)
    return {STEER_OPTION_MPTCP, STEER_MP_CAPABLE_OCTETS, STEER_MPTCP_VERSION, 0};
  Octets out;
  if (kind == PacketKind::kJoin) {
    out.assign(STEER_MP_JOIN_OCTETS, 0);
    out[0] = STEER_OPTION_MPTCP;
    out[1] = STEER_MP_JOIN_OCTETS;
    out[2] = STEER_SUBTYPE_MP_JOIN << 4;
    const auto on_wire = STEER_TO_WIRE_32(token);
    std::memcpy(&out[4], &on_wire, sizeof on_wire);
  }
  return out;
}

Octets ethernet_header(bool is_v4) {
  ::steer_ethernet header{};
  header.type = STEER_TO_WIRE_16(is_v4 ? STEER_ETHERTYPE_IPV4 : STEER_ETHERTYPE_IPV6);
  Octets out;
  append(out, header);
  return out;
}

void append_ip(Octets& to, const IpAddress& from, const IpAddress& destination,
               std::size_t inside) {
  if (from.is_v4()) {
    ::steer_ipv4 header{};
    header.version_and_length = 0x45;
    header.octets = STEER_TO_WIRE_16(static_cast<std::uint16_t>(sizeof header + inside));
    header.hops = kHops;
    header.protocol = STEER_PROTOCOL_TCP;
    header.source = STEER_TO_WIRE_32(from.to_v4());
    header.destination = STEER_TO_WIRE_32(destination.to_v4());
    return append(to, header);
  }
  ::steer_ipv6 header{};
  header.version_class_label = STEER_TO_WIRE_32(6U << 28);
  header.payload_octets = STEER_TO_WIRE_16(static_cast<std::uint16_t>(inside));
  header.next = STEER_PROTOCOL_TCP;
  header.hops = kHops;
  std::memcpy(header.source, from.octets().data(), sizeof header.source);
  std::memcpy(header.destination, destination.octets().data(), sizeof header.destination);
  append(to, header);
}

std::string server_name(std::uint32_t id, const BalancerSettings& settings) {
  const auto found = std::ranges::find(settings.servers, id, &Server::id);
  return found == settings.servers.end() ? "server " + std::to_string(id) : found->name;
}

std::string token_text(std::uint32_t token) {
  return fmt::format("{:08x}", token);
}

std::string_view packet_text(const ::steer_packet& packet) {
  switch (packet.kind) {
    case STEER_SEGMENT:
      if (packet.mptcp == STEER_MP_JOIN) return "SYN with MP_JOIN";
      if (packet.mptcp == STEER_MP_CAPABLE) return "SYN with MP_CAPABLE";
      return packet.is_syn ? "SYN" : "data";
    case STEER_COMPLAINT:
      return "ICMP error about a segment";
    case STEER_FRAGMENT:
      return "fragment";
    case STEER_MALFORMED:
      return "malformed packet";
    default:
      return "other packet";
  }
}

}  // namespace

Result<Octets> frame_of(const Endpoint& client, const Endpoint& service, PacketKind kind,
                        std::uint32_t token) {
  if (client.address.family() != service.address.family())
    return fail("an IPv4 and an IPv6 address have no packets in common", {}, {},
                ExitCode::kBadInput);
  const auto options = options_of(kind, token);
  ::steer_tcp tcp{};
  tcp.source = STEER_TO_WIRE_16(client.port);
  tcp.destination = STEER_TO_WIRE_16(service.port);
  tcp.offset = static_cast<std::uint8_t>((sizeof tcp + options.size()) / 4 << 4);
  tcp.flags = kind == PacketKind::kData ? kAck : kSyn;
  auto out = ethernet_header(client.address.is_v4());
  append_ip(out, client.address, service.address, sizeof tcp + options.size());
  append(out, tcp);
  std::ranges::copy(options, std::back_inserter(out));
  return out;
}

Result<std::uint32_t> token_of_hex(std::string_view digits) {
  std::uint32_t out = 0;
  const auto* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(end - digits.size(), end, out, 16);
  if (error != std::errc{} || at != end || digits.size() != 2 * sizeof out)
    return fail(fmt::format("'{}' is no token", digits), {}, "it has 8 hexadecimal digits",
                ExitCode::kBadInput);
  return out;
}

Result<Octets> frame_of_hex(std::string_view digits) {
  Octets octets;
  unsigned half = 0;
  bool has_half = false;
  for (const char digit : digits) {
    if (std::string_view(" \t\n:").contains(digit)) continue;
    const auto at = std::string_view("0123456789abcdef").find(static_cast<char>(digit | 0x20));
    if (at == std::string_view::npos)
      return fail(fmt::format("'{}' is no hexadecimal digit", digit), {}, {}, ExitCode::kBadInput);
    if (has_half) octets.push_back(static_cast<std::uint8_t>(half << 4 | at));
    half = static_cast<unsigned>(at);
    has_half = !has_half;
  }
  const auto version = octets.empty() ? 0 : octets[0] >> 4;
  if (has_half || (version != 4 && version != 6))
    return fail("this is no IP packet", {}, "it begins with 45 or 60, as \"tcpdump -x\" tells it",
                ExitCode::kBadInput);
  auto out = ethernet_header(version == 4);
  std::ranges::copy(octets, std::back_inserter(out));
  return out;
}

Result<std::string> explain(const BalancerSettings& settings, std::span<const std::uint8_t> frame,
                            bool as_json) {
  const auto answer = kernel::explain_by_pinned(settings.pins, frame);
  if (!answer) return std::unexpected(answer.error());
  const auto report = status::ask(status::socket_path("balancer"), "show");
  const auto absent = report ? absent_servers(*report, answer->verdict.service) : AbsentServers();
  return as_json ? explanation_json(*answer, settings, absent)
                 : explanation_text(*answer, settings, absent);
}

std::string explanation_json(const ::steer_explanation& answer, const BalancerSettings& settings,
                             const AbsentServers& absent) {
  const auto& [packet, verdict] = answer;
  const auto& flow = packet.flow;
  json out{{"packet", packet_text(packet)},
           {"client", endpoint_of(flow.client, flow.client_port).text()},
           {"service", endpoint_of(flow.service, flow.service_port).text()},
           {"odd_options", packet.has_odd_options != 0},
           {"reason", kReasons.at(verdict.reason).name}};
  if (packet.mptcp == STEER_MP_JOIN) out["token"] = token_text(packet.token);
  if (verdict.server != 0) {
    out["server"] = server_name(verdict.server, settings);
    out["server_id"] = verdict.server;
  }
  if (verdict.reason == STEER_BY_RING) out["ring_place"] = verdict.place;
  if (verdict.reason != STEER_NOT_OURS)
    for (const auto& [id, why] : absent) out["absent"][server_name(id, settings)] = why;
  if (verdict.keys == STEER_KEYS_FOUND) out["teaches_token"] = token_text(verdict.token);
  return out.dump(2) + "\n";
}

std::string explanation_text(const ::steer_explanation& answer, const BalancerSettings& settings,
                             const AbsentServers& absent) {
  const auto& [packet, verdict] = answer;
  const auto& reason = kReasons.at(verdict.reason);
  const auto& flow = packet.flow;
  auto out = fmt::format("{} from {} to {}: ", packet_text(packet),
                         endpoint_of(flow.client, flow.client_port).text(),
                         endpoint_of(flow.service, flow.service_port).text());
  if (verdict.reason == STEER_NOT_OURS)
    out += "left alone";
  else if (is_lost(verdict.reason))
    out += "dropped";
  else
    out += fmt::format("goes to {} (id {})", server_name(verdict.server, settings), verdict.server);
  out += fmt::format("\n  {}: {}", reason.name, reason.meaning);
  if (verdict.reason == STEER_BY_RING)
    out += fmt::format(" ({} of {})", verdict.place, STEER_RING_PLACES);
  if (packet.mptcp == STEER_MP_JOIN) out += "\n  its token is " + token_text(packet.token);
  if (verdict.keys == STEER_KEYS_FOUND)
    out += "\n  it carries the keys of its connection, which make the token " +
           token_text(verdict.token);
  if (packet.has_odd_options != 0)
    out += "\n  its list of options breaks off; what came before counts";
  if (verdict.reason != STEER_NOT_OURS)
    for (const auto& [id, why] : absent)
      out += fmt::format("\n  {}: {}", server_name(id, settings), why);
  return out + "\n";
}

}  // namespace anabranch::balancer
