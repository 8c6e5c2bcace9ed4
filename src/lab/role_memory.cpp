// SPDX-License-Identifier: MIT
#include "lab/role_memory.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/directories.hpp"

namespace anabranch::lab {
namespace {

/// The figure behind "Rss:" and the like; zero when there is no such line.
double figure_of(const std::string& lines, const std::string& key) {
  const auto at = lines.find("\n" + key + ":");
  return at == std::string::npos ? 0 : std::strtod(lines.c_str() + at + key.size() + 2, nullptr);
}

}  // namespace

Result<std::vector<RoleProcess>> role_processes(const Network& network, std::string_view host) {
  const auto gateway = network.role_pid("gateway", "gateway");
  const auto host_role = network.role_pid(host, "host");
  const auto shown = network.ask("gateway", "gateway", "show");
  if (!gateway) return std::unexpected(gateway.error());
  if (!host_role) return std::unexpected(host_role.error());
  if (!shown) return std::unexpected(shown.error());
  const auto json = nlohmann::json::parse(*shown, nullptr, false);
  const pid_t kea = json.is_object() ? json.value("/dhcp/pid"_json_pointer, 0) : 0;
  if (kea <= 0) return fail("the gateway has no Kea");
  return std::vector<RoleProcess>{
      {"gateway", *gateway}, {"kea", kea}, {"host", *host_role}, {"wire", network.wire_pid()}};
}

Result<ResidentMemory> resident_memory(pid_t pid) {
  const auto lines = read_file(fmt::format("/proc/{}/smaps_rollup", pid));
  if (!lines) return std::unexpected(lines.error());
  // Not even the program's file in memory: it has ended and nobody has waited for it.
  if (figure_of(*lines, "Rss") == 0) return fail(fmt::format("process {} is gone", pid));
  return ResidentMemory{figure_of(*lines, "Rss"), figure_of(*lines, "Anonymous")};
}

}  // namespace anabranch::lab
