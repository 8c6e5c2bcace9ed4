// SPDX-License-Identifier: MIT
#include "proxy/local_plane.hpp"

#include <algorithm>
#include <utility>

#include "proxy/local_session.hpp"

namespace anabranch::proxy {

LocalCounts& LocalCounts::operator+=(const LocalCounts& other) {
  accepted += other.accepted;
  for (const auto& [name, count] : other.outcomes) outcomes[name] += count;
  return *this;
}

LocalDoor::LocalDoor(LocalDoorSettings entry, LocalUsers known)
    : settings(std::move(entry)),
      users(std::move(known)),
      clients({.total = settings.total, .per_client = settings.per_client}) {}

Result<LocalDoors> make_local_doors(const std::vector<LocalDoorSettings>& settings) {
  LocalDoors out;
  for (const auto& one : settings) {
    auto users = one.users.empty() ? LocalUsers() : load_local_users(one.users);
    if (!users) return std::unexpected(users.error());
    out.push_back(std::make_unique<LocalDoor>(one, *std::move(users)));
  }
  return out;
}

Result<std::vector<UniqueFd>> listen_at(const LocalDoors& doors, const std::string& congestion) {
  std::vector<UniqueFd> out;
  for (const auto& door : doors) {
    auto listener = kernel::listen_on(door->settings.listen, {.congestion = congestion});
    if (!listener) return std::unexpected(listener.error());
    out.push_back(*std::move(listener));
  }
  return out;
}

LocalPlane::LocalPlane(CpePlane& of_thread, NameResolver& names, const LocalDoors& doors,
                       std::vector<UniqueFd> listeners)
    : hosts(of_thread), farewells(hosts.reactor), names_(names), counts_(doors.size()) {
  gate_->plane = this;
  for (std::size_t i = 0; i < doors.size(); ++i)
    doors_.push_back(std::make_unique<Door>(
        hosts.reactor, std::move(listeners[i]),
        [this, i, &doors](kernel::Accepted accepted) {
          enter(*doors[i], counts_[i], std::move(accepted));
        },
        [this] { ++hosts.tally.starved; }));
}

LocalPlane::~LocalPlane() {
  const std::lock_guard lock(gate_->mutex);
  gate_->plane = nullptr;
}

void LocalPlane::enter(LocalDoor& door, LocalCounts& counts, kernel::Accepted accepted) {
  ++counts.accepted;
  const auto who = accepted.peer.address.unmapped();
  const auto refuse = [&](const char* name) {
    ++counts.outcomes[name];
    kernel::let_close_reset(accepted.fd.get());
  };
  if (std::ranges::none_of(door.settings.clients,
                           [&](const IpPrefix& prefix) { return prefix.contains(who); }))
    return refuse("client");
  auto admitted = door.clients.admit(who);
  if (admitted.admission != ClientTable::Admission::kYes) return refuse("limit");
  const auto id = ++last_;
  auto session = std::make_unique<LocalSession>(*this, id, door, counts, std::move(accepted),
                                                std::move(admitted.ticket));
  auto& entered = *session;
  sessions_.emplace(id, std::move(session));
  entered.begin();
}

bool LocalPlane::resolve(const std::string& name, std::uint64_t session) {
  return names_.resolve(name, [gate = gate_, session](NameResolver::Answer answer) {
    const std::lock_guard lock(gate->mutex);
    if (gate->plane == nullptr) return;
    // On our own thread the plane goes only when nothing is called any more.
    gate->plane->hosts.reactor.post([plane = gate->plane, session, answer = std::move(answer)] {
      plane->resolved(session, answer);
    });
  });
}

void LocalPlane::resolved(std::uint64_t session, NameResolver::Answer answer) {
  if (const auto found = sessions_.find(session); found != sessions_.end())
    found->second->resolved(std::move(answer));
}

void LocalPlane::remove(std::uint64_t session) {
  sessions_.erase(session);
}

}  // namespace anabranch::proxy
