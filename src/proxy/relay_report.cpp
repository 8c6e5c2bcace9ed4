// SPDX-License-Identifier: MIT
#include "proxy/relay_report.hpp"

#include <array>
#include <iterator>
#include <string_view>

namespace anabranch::proxy {
namespace {

/// In the order of relay::Ended.
constexpr std::array<std::string_view, 5> kNames{"in-order", "reset-by-client", "reset-by-server",
                                                 "idle", "stopped"};
static_assert(kNames.size() == std::size(relay::RelayCounts{}.ended));

}  // namespace

std::map<std::string, std::uint64_t> ended_by_name(const relay::RelayCounts& counts) {
  std::map<std::string, std::uint64_t> out;
  for (std::size_t i = 0; i < kNames.size(); ++i) out.emplace(kNames.at(i), counts.ended[i]);
  return out;
}

}  // namespace anabranch::proxy
