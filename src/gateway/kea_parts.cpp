// SPDX-License-Identifier: MIT
#include "gateway/kea_parts.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace anabranch::gateway {

using Json = nlohmann::ordered_json;

std::string hex_text(std::span<const std::uint8_t> octets) {
  std::string out;
  for (const auto octet : octets) out += fmt::format("{:02x}", octet);
  return out;
}

std::string path_class(const Uplink& uplink) {
  return fmt::format("path-{}", uplink.index);
}

Json binary_definition(std::string_view name, unsigned code, std::string_view space) {
  return {{"name", name}, {"code", code}, {"type", "binary"}, {"space", space}};
}

Json binary_option(std::string_view name, std::span<const std::uint8_t> value) {
  return {{"name", name}, {"csv-format", false}, {"data", hex_text(value)}};
}

Json client_class(std::string_view name, std::string test) {
  return {{"name", name}, {"test", std::move(test)}};
}

Json make_lease_database(const LeaseDatabase& database, std::string_view file) {
  if (database.type == "memfile") return {{"type", "memfile"}, {"persist", true}, {"name", file}};
  Json out = {{"type", database.type}, {"name", database.name}};
  if (!database.host.empty()) out["host"] = database.host;
  if (database.port != 0) out["port"] = database.port;
  if (!database.user.empty()) out["user"] = database.user;
  if (!database.password.empty()) out["password"] = database.password;
  return out;
}

Json make_loggers(std::string_view program, bool tells_leases) {
  return {
      {{"name", program},
       {"severity", "INFO"},
       {"output_options", {{{"output", "stdout"}, {"flush", true}, {"pattern", "%p %m\n"}}}}},
      // Else a line for every class of every message, and one for every lease: they would cost
      // a fifth of the speed. Leases in a file are followed there (lease_journal.hpp).
      {{"name", fmt::format("{}.options", program)}, {"severity", "WARN"}},
      {{"name", fmt::format("{}.leases", program)}, {"severity", tells_leases ? "INFO" : "WARN"}}};
}

}  // namespace anabranch::gateway
