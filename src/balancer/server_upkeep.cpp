// SPDX-License-Identifier: MIT
#include "balancer/server_upkeep.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/directories.hpp"
#include "base/log.hpp"

namespace anabranch::balancer {
namespace {

/// 0: the C flag is set in MP_CAPABLE of new connections.
constexpr std::string_view kInitial = "net/mptcp/allow_join_initial_addr_port";

}  // namespace

Result<ServerUpkeep> ServerUpkeep::open() {
  auto manager = kernel::MptcpPathManager::open();
  if (!manager) return std::unexpected(manager.error());
  ServerUpkeep out(*std::move(manager));
  const auto content = read_file(server_record_path());
  if (!content) return out;
  auto record = parse_server_record(*content);
  if (record)
    out.record_ = *std::move(record);
  else
    log::warning("{}: {}; endpoints of a predecessor are taken for somebody else's",
                 server_record_path().string(), record.error().text());
  return out;
}

Result<void> ServerUpkeep::apply(bool deny_initial, std::span<const Endpoint> places,
                                 std::span<const IpAddress> addresses) {
  // Before the endpoints, so that who is told of them knows which address to leave alone.
  ANABRANCH_TRY(deny(deny_initial));
  ANABRANCH_TRY(places.empty() ? lower_limits() : raise_limits());
  return announce(places, addresses);
}

Result<void> ServerUpkeep::take_back() {
  // In the opposite order.
  ANABRANCH_TRY(announce({}, {}));
  ANABRANCH_TRY(lower_limits());
  ANABRANCH_TRY(deny(false));
  std::error_code ignored;
  std::filesystem::remove(server_record_path(), ignored);
  return {};
}

Result<void> ServerUpkeep::announce(std::span<const Endpoint> announced,
                                    std::span<const IpAddress> addresses) {
  const auto actual = manager_.endpoints();
  if (!actual) return std::unexpected(actual.error());
  auto changes = compare_endpoints(announced, *actual, record_.endpoints, addresses);
  for (const auto& gone : changes.remove) {
    const Endpoint place{gone.address, gone.port};
    ANABRANCH_TRY(manager_.remove(gone));
    std::erase(record_.endpoints, place);
    ANABRANCH_TRY(save());
    log::info("{} is not announced any more", place_text(place));
  }
  std::optional<Error> first;
  for (const auto& fresh : changes.add) {
    const Endpoint place{fresh.address, fresh.port};
    if (std::ranges::find(record_.endpoints, place) == record_.endpoints.end()) {
      record_.endpoints.push_back(place);
      ANABRANCH_TRY(save());
    }
    auto added = manager_.add(fresh);
    if (added) {
      log::info("{} is announced", place_text(place));
      continue;
    }
    for (auto& announcement : changes.announcements)
      if (announcement.at == place) announcement.state = Announcement::State::kRefused;
    if (!first) first = std::move(added).error();
  }
  announcements_ = std::move(changes.announcements);
  if (first) return std::unexpected(*std::move(first));
  return {};
}

Result<void> ServerUpkeep::deny(bool initial) {
  if (!initial) return sysctls_.restore();
  const bool before = initial_denied();
  ANABRANCH_TRY(sysctls_.set(std::string(kInitial), "0"));
  if (!before) log::info("clients are told not to join the address that they connect to");
  return {};
}

bool ServerUpkeep::initial_denied() {
  return kernel::read_sysctl(kInitial).value_or("1") == "0";
}

Result<void> ServerUpkeep::raise_limits() {
  const auto now = manager_.limits();
  if (!now) return std::unexpected(now.error());
  if (now->subflows >= kMostSubflows) return {};
  const kernel::MptcpLimits wanted{now->accepted_addresses, kMostSubflows};
  record_.limits = {record_.limits ? record_.limits->before : *now, wanted};
  ANABRANCH_TRY(save());
  ANABRANCH_TRY(manager_.set_limits(wanted));
  log::info("connections may have {} further subflows instead of {}", wanted.subflows,
            now->subflows);
  return {};
}

Result<void> ServerUpkeep::lower_limits() {
  if (!record_.limits) return {};
  // Someone who has set other limits since then means them.
  if (const auto now = manager_.limits(); now && *now == record_.limits->set)
    ANABRANCH_TRY(manager_.set_limits(record_.limits->before));
  record_.limits.reset();
  return save();
}

Result<void> ServerUpkeep::save() const {
  return replace_file(server_record_path(), format_server_record(record_));
}

}  // namespace anabranch::balancer
