// SPDX-License-Identifier: MIT
#include "host/state_file.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/directories.hpp"
#include "host/told_converters.hpp"

namespace anabranch::host {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

json to_json(const std::optional<kernel::MptcpLimits>& limits) {
  if (!limits) return nullptr;
  return {{"accepted_addresses", limits->accepted_addresses}, {"subflows", limits->subflows}};
}
std::optional<kernel::MptcpLimits> limits_from_json(const json& value) {
  if (value.is_null()) return std::nullopt;
  return kernel::MptcpLimits{value.at("accepted_addresses").get<std::uint32_t>(),
                             value.at("subflows").get<std::uint32_t>()};
}

}  // namespace

std::string format_state(const HostState& state, const Clocks& clocks) {
  json leases = json::array();
  for (const auto& lease : state.leases) leases.push_back(lease_to_json(lease, clocks));
  json endpoints = json::array();
  for (const auto& address : state.endpoints) endpoints.push_back(address.text());
  json domains = json::array();
  for (const auto& domain : state.domains) domains.push_back(domain_to_json(domain, clocks));
  json leases6 = json::array();
  for (const auto& lease : state.leases6) leases6.push_back(lease6_to_json(lease, clocks));
  json ipv6 = json::array();
  for (const auto& address : state.ipv6) ipv6.push_back(address_to_json(address));
  return json{{"version", kVersion},
              {"ifindex", state.ifindex},
              {"index", state.discovered.index},
              {"count", state.discovered.count},
              {"leases", leases},
              {"endpoints", endpoints},
              {"limits_before", to_json(state.limits_before)},
              {"limits_set", to_json(state.limits_set)},
              {"shared_on", state.shared_on ? state.shared_on->text() : ""},
              {"domains", domains},
              {"leases6", leases6},
              {"ipv6", ipv6},
              {"converters", endpoints_to_json(state.converters)}}
             .dump(2) +
         "\n";
}

/// The file is ours, but a disk may have mangled it: a wrong value ends in the catch.
Result<HostState> parse_state(std::string_view text, const Clocks& clocks) {
  try {
    const json document = json::parse(text);
    if (document.at("version").get<int>() != kVersion)
      return fail("the state file is of another version");
    HostState out;
    out.ifindex = document.at("ifindex").get<unsigned>();
    out.discovered = {document.at("index").get<std::uint8_t>(),
                      document.at("count").get<std::uint8_t>()};
    for (const auto& value : document.at("leases"))
      if (auto lease = lease_from_json(value, clocks); lease.expires() > clocks.monotonic)
        out.leases.push_back(std::move(lease));
    for (const auto& value : document.at("endpoints"))
      out.endpoints.push_back(IpAddress::parse(value.get<std::string>()).value());
    out.limits_before = limits_from_json(document.at("limits_before"));
    out.limits_set = limits_from_json(document.at("limits_set"));
    // Came later: a file without it is an older release's.
    if (const auto network = IpPrefix::parse(document.value("shared_on", "")))
      out.shared_on = *network;
    for (const auto& value : document.value("domains", json::array()))
      out.domains.push_back(domain_from_json(value, clocks));
    for (const auto& value : document.value("leases6", json::array()))
      if (auto lease = lease6_from_json(value, clocks); lease.expires() > clocks.monotonic)
        out.leases6.push_back(std::move(lease));
    for (const auto& value : document.value("ipv6", json::array()))
      out.ipv6.push_back(address_from_json(value));
    out.converters = endpoints_from_json(document.value("converters", json::array()));
    return out;
  } catch (const std::exception& error) {
    return fail(fmt::format("the state file cannot be read: {}", error.what()));
  }
}

std::filesystem::path state_path(std::string_view interface) {
  return runtime_directory() / fmt::format("host-{}.state", interface);
}

std::filesystem::path sysctl_path(std::string_view interface) {
  return runtime_directory() / fmt::format("host-{}.sysctls", interface);
}

}  // namespace anabranch::host
