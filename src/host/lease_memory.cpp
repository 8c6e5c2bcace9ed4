// SPDX-License-Identifier: MIT
#include "host/lease_memory.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/directories.hpp"
#include "base/log.hpp"

namespace anabranch::host {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

}  // namespace

std::string format_leases(const MacAddress& interface, std::span<const Lease> leases,
                          const Clocks& clocks) {
  json list = json::array();
  for (const auto& lease : leases) list.push_back(lease_to_json(lease, clocks));
  return json{{"version", kVersion}, {"interface_mac", interface.text()}, {"leases", list}}.dump(
             2) +
         "\n";
}

Result<std::vector<Lease>> parse_leases(std::string_view text, const MacAddress& interface,
                                        const Clocks& clocks) {
  try {
    const json document = json::parse(text);
    if (document.at("version").get<int>() != kVersion)
      return fail("the file of leases is of another version");
    std::vector<Lease> out;
    if (document.at("interface_mac").get<std::string>() != interface.text()) return out;
    for (const auto& value : document.at("leases"))
      if (auto lease = lease_from_json(value, clocks); lease.expires() > clocks.monotonic)
        out.push_back(std::move(lease));
    return out;
  } catch (const std::exception& error) {
    return fail(fmt::format("the file of leases cannot be read: {}", error.what()));
  }
}

std::vector<Lease> load_leases(std::string_view name, const MacAddress& interface) {
  const auto path = leases_path(name);
  const auto content = read_file(path);
  if (!content) return {};
  auto parsed = parse_leases(*content, interface, Clocks{});
  if (parsed) return *std::move(parsed);
  log::warning("{}: {}", path.string(), parsed.error().what);
  return {};
}

void store_leases(std::string_view name, const MacAddress& interface,
                  std::span<const Lease> leases) {
  if (auto kept = replace_file(leases_path(name), format_leases(interface, leases, Clocks{}));
      !kept)
    log::warning("the next start of the machine will not know of the leases: {}",
                 kept.error().text());
}

std::filesystem::path leases_path(std::string_view interface) {
  return state_directory() / fmt::format("host-{}.leases", interface);
}

}  // namespace anabranch::host
