// SPDX-License-Identifier: MIT
#include "lab/subflow_blows.hpp"

#include <fmt/format.h>

#include "kernel/nft.hpp"
#include "lab/two_homed.hpp"

namespace anabranch::lab {
namespace {

/// One for each path, so that they are struck and let go apart.
std::string table_of(unsigned path) {
  return fmt::format("blows{}", path);
}

/// Packets are met where they arrive: what an end is not let send, it would know of.
std::string ruleset(unsigned path, std::string_view match, Blow blow) {
  const auto table = table_of(path);
  return fmt::format(
      "table ip {} {{ chain arriving {{ type filter hook input priority 0; policy accept; }}; }};\n"
      "add rule ip {} arriving {} {}\n",
      table, table, match, blow == Blow::kReset ? "reject with tcp reset" : "drop");
}

}  // namespace

Result<void> strike(Network& network, const std::string& suffix, Blow blow, unsigned path,
                    std::uint16_t port) {
  const std::string address = client_address(path).text();
  const auto matches = [&](std::string_view end, std::string_view port_end) {
    return fmt::format(
        "ip {} {} {}", end, address,
        port == 0 ? std::string("meta l4proto tcp") : fmt::format("tcp {} {}", port_end, port));
  };
  ANABRANCH_TRY(network.inside("server" + suffix, [&] {
    return kernel::apply_nft(ruleset(path, matches("saddr", "sport"), blow));
  }));
  return network.inside("client" + suffix, [&] {
    return kernel::apply_nft(ruleset(path, matches("daddr", "dport"), blow));
  });
}

Result<void> lift_blows(Network& network, const std::string& suffix, unsigned path) {
  // Added first, so that there is one to delete.
  const std::string text = fmt::format("add table ip {0}\ndelete table ip {0}\n", table_of(path));
  for (const char* node : {"server", "client"})
    ANABRANCH_TRY(network.inside(node + suffix, [&] { return kernel::apply_nft(text); }));
  return {};
}

}  // namespace anabranch::lab
