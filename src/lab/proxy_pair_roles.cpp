// SPDX-License-Identifier: MIT
#include "lab/proxy_pair_roles.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/endpoint.hpp"
#include "lab/path_manager.hpp"
#include "lab/proxy_pair.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

constexpr nanoseconds kReadyPatience = seconds(10);
constexpr std::string_view kCpeRole = "cpe";
constexpr std::string_view kConverterRole = "converter";
constexpr Family kFamilies[] = {Family::kIpv4, Family::kIpv6};

std::string at(const IpAddress& address, std::uint16_t port) {
  return anabranch::Endpoint{address, port}.text();
}

std::string name_for(std::string_view name, Family family) {
  return fmt::format("{}{}", name, family == Family::kIpv4 ? "" : "-ipv6");
}

/// Remote hosts of either family are brought over the same.
std::string converter_toml() {
  std::string out = fmt::format(R"([converter]
listen = ["{}", "{}"]

[clients]
allow = ["172.16.0.0/12", "2001:db8::/32"]

[destinations]
allow = ["198.18.0.0/15", "2001:db8::/32"]
)",
                                at(converter_address(Family::kIpv4), kConverterPort),
                                at(converter_address(Family::kIpv6), kConverterPort));
  for (const auto family : kFamilies)
    out += fmt::format("\n[[incoming]]\nname = \"{}\"\nlisten = \"{}\"\nclient = \"{}\"\n",
                       name_for("host", family), at(converter_address(family), kIncomingPort),
                       at(cpe_address(1, family), kIncomingPort));
  return out;
}

/// Outgoing connections of both families go over IPv4. The converter's IPv6 address is there for
/// what it brings from it.
std::string cpe_toml(const PairOptions& options) {
  std::string out = fmt::format(R"([cpe]
lan = ["lan0"]
syn_data = {}
)",
                                options.syn_data);
  for (const auto family : kFamilies)
    out += fmt::format("\n[[converter]]\nname = \"{}\"\naddress = \"{}\"\nport = {}\nweight = {}\n",
                       name_for("operator", family), converter_address(family).text(),
                       kConverterPort, family == Family::kIpv4 ? 1 : 0);
  for (const auto family : kFamilies)
    out += fmt::format("\n[[incoming]]\nname = \"{}\"\nlisten = \"{}\"\nhost = \"{}\"\n",
                       name_for("host", family), at(cpe_address(1, family), kIncomingPort),
                       at(lan_address(1, family), kIncomingPort));
  return out;
}

Role cpe_role(const PairOptions& options) {
  return {.name = std::string(kCpeRole),
          .command = {"anabranch", "cpe", "run", "-c", std::string(kNodeFiles) + "/cpe.toml"},
          .files = {{"cpe.toml", cpe_toml(options)}}};
}

Role converter_role() {
  return {.name = std::string(kConverterRole),
          .command = {"anabranch", "converter", "run", "-c",
                      std::string(kNodeFiles) + "/converter.toml"},
          .files = {{"converter.toml", converter_toml()}}};
}

/// The LAN is no path to anywhere.
Role cpe_paths_role() {
  return {.name = std::string(kPathsRole),
          .command = {"anabranch", "paths", "run", "-c", std::string(kNodeFiles) + "/paths.toml"},
          .files = {{"paths.toml", "[limits]\nbpf = false\n\n[interfaces]\ndeny = [\"lan*\"]\n"}}};
}

Result<void> wait_for_answer(const Network& network, std::string_view node, std::string_view role) {
  return wait_until(fmt::format("an answer of the {}", role), kReadyPatience,
                    [&] { return network.ask(node, role, "show").has_value(); });
}

}  // namespace

std::vector<Role> cpe_roles() {
  return {cpe_role({}), cpe_paths_role()};
}

std::vector<Role> converter_roles() {
  std::vector<Role> out = {converter_role()};
  for (auto& role : manager_roles())
    if (role.name == kPathsRole) out.push_back(std::move(role));
  return out;
}

Result<void> start_cpe(Network& network, const PairOptions& options) {
  if (options.paths) {
    ANABRANCH_TRY(network.start_role("cpe", kPathsRole));
    ANABRANCH_TRY(wait_for_answer(network, "cpe", kPathsRole));
  }
  ANABRANCH_TRY(network.start_role("cpe", cpe_role(options)));
  return wait_for_answer(network, "cpe", kCpeRole);
}

Result<void> stop_cpe(Network& network) {
  for (const auto role : {kCpeRole, kPathsRole}) {
    if (!network.role_pid("cpe", role)) continue;
    if (const auto code = network.stop_role("cpe", role); !code)
      return std::unexpected(code.error());
    else if (*code != 0)
      return fail(fmt::format("the role {} ended with {}", role, *code), "cpe");
  }
  return {};
}

Result<void> start_converter(Network& network, const PairOptions& options) {
  if (options.paths) ANABRANCH_TRY(start_manager(network, "converter", Manager::kAnabranch));
  ANABRANCH_TRY(network.start_role("converter", kConverterRole));
  return wait_for_answer(network, "converter", kConverterRole);
}

Result<void> start_pair(Network& network, const PairOptions& options) {
  ANABRANCH_TRY(start_converter(network, options));
  return start_cpe(network, options);
}

Result<nanoseconds> start_pair_for_shell(Network& network) {
  const auto start = MonotonicClock::now();
  ANABRANCH_TRY(start_pair(network));
  return MonotonicClock::now() - start;
}

Result<void> stop_pair(Network& network) {
  ANABRANCH_TRY(stop_cpe(network));
  const auto code = network.stop_role("converter", kConverterRole);
  if (!code) return std::unexpected(code.error());
  if (*code != 0) return fail(fmt::format("the converter ended with {}", *code));
  return network.role_pid("converter", kPathsRole)
             ? stop_manager(network, "converter", Manager::kAnabranch)
             : Result<void>{};
}

Result<PairCounters> pair_counters(const Network& network, std::string_view node) {
  PairCounters out;
  for (const auto& [name, value] : {std::pair{"MPCapableACKRX", &out.capable},
                                    {"MPJoinAckRx", &out.joined},
                                    {"MPCapableSYNTX", &out.sent}}) {
    const auto counter = network.mptcp_counter(node, name);
    if (!counter) return std::unexpected(counter.error());
    *value = *counter;
  }
  return out;
}

Result<std::vector<std::uint64_t>> uplink_octets(const Network& network, bool upload) {
  std::vector<std::uint64_t> out;
  const auto& links = network.topology().links;
  const auto uplinks =
      std::ranges::count(links, "cpe", [](const Link& link) { return link.a.node; });
  for (unsigned k = 1; k <= uplinks; ++k) {
    const auto octets = network.interface_octets("cpe", fmt::format("up{}", k));
    if (!octets) return std::unexpected(octets.error());
    out.push_back(upload ? octets->sent : octets->received);
  }
  return out;
}

}  // namespace anabranch::lab
