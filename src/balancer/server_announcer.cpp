// SPDX-License-Identifier: MIT
#include "balancer/server_announcer.hpp"

#include <algorithm>

namespace anabranch::balancer {
namespace {

/// Address ids count down from here: a path manager that takes part counts up from 1.
constexpr std::uint8_t kFirstId = 255;

}  // namespace

Result<ServerAnnouncer> ServerAnnouncer::open() {
  auto commands = kernel::MptcpCommands::open();
  if (!commands) return std::unexpected(commands.error());
  return ServerAnnouncer(*std::move(commands));
}

void ServerAnnouncer::set(std::span<const Announcement> announcements,
                          const ServerConnections& known) {
  const auto wanted = [&](const Endpoint& place) {
    const auto found = std::ranges::find(announcements, place, &Announcement::at);
    return found != announcements.end() && found->announced();
  };
  for (auto own = ids_.begin(); own != ids_.end();) {
    if (wanted(own->first)) {
      ++own;
      continue;
    }
    // A connection that is gone is no matter, here and below.
    for (const auto token : told_) static_cast<void>(commands_.remove(token, own->second));
    own = ids_.erase(own);
  }
  for (const auto& one : announcements) {
    if (!one.announced() || ids_.contains(one.at)) continue;
    auto id = kFirstId;
    while (std::ranges::find(ids_, id, [](const auto& own) { return own.second; }) != ids_.end())
      --id;
    ids_.emplace(one.at, id);
    for (const auto token : known.tokens())
      if (send(token, id, one.at)) told_.insert(token);
  }
}

void ServerAnnouncer::announce(std::uint32_t token) {
  for (const auto& [place, id] : ids_) {
    if (!send(token, id, place)) return;
    told_.insert(token);
  }
}

/// False when it is the kernel's, or gone.
bool ServerAnnouncer::send(std::uint32_t token, std::uint8_t id, const Endpoint& place) {
  return commands_.announce(token, id, place).has_value();
}

void ServerAnnouncer::withdraw() {
  for (const auto token : told_)
    for (const auto& [place, id] : ids_) static_cast<void>(commands_.remove(token, id));
  told_.clear();
}

}  // namespace anabranch::balancer
