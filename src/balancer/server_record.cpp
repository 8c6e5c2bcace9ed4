// SPDX-License-Identifier: MIT
#include "balancer/server_record.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/directories.hpp"

namespace anabranch::balancer {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

json to_json(const kernel::MptcpLimits& limits) {
  return {{"accepted_addresses", limits.accepted_addresses}, {"subflows", limits.subflows}};
}

kernel::MptcpLimits limits_from_json(const json& value) {
  return {value.at("accepted_addresses").get<std::uint32_t>(),
          value.at("subflows").get<std::uint32_t>()};
}

}  // namespace

std::string format_server_record(const ServerRecord& record) {
  json endpoints = json::array();
  for (const auto& endpoint : record.endpoints) endpoints.push_back(endpoint.text());
  json out{{"version", kVersion}, {"endpoints", std::move(endpoints)}};
  if (record.limits)
    out["limits"] = {{"before", to_json(record.limits->before)},
                     {"set", to_json(record.limits->set)}};
  return out.dump(2) + "\n";
}

/// The file is ours, but a disk may have mangled it: a wrong value ends in the catch.
Result<ServerRecord> parse_server_record(std::string_view text) {
  try {
    const json document = json::parse(text);
    if (document.at("version").get<int>() != kVersion)
      return fail("the state file is of another version");
    ServerRecord out;
    for (const auto& value : document.at("endpoints"))
      out.endpoints.push_back(Endpoint::parse(value.get<std::string>()).value());
    if (document.contains("limits"))
      out.limits = {limits_from_json(document.at("limits").at("before")),
                    limits_from_json(document.at("limits").at("set"))};
    return out;
  } catch (const std::exception& error) {
    return fail(fmt::format("the state file cannot be read: {}", error.what()));
  }
}

std::filesystem::path server_record_path() {
  return runtime_directory() / "balancer-server.state";
}

std::filesystem::path server_sysctls_path() {
  return runtime_directory() / "balancer-server.sysctls";
}

}  // namespace anabranch::balancer
