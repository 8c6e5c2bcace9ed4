// SPDX-License-Identifier: MIT
#include "proxy/local_plane.hpp"

#include <algorithm>
#include <utility>

#include "proxy/local_session.hpp"

namespace anabranch::proxy {

LocalCounts& LocalCounts::operator+=(const LocalCounts& other) {
  accepted += other.accepted;
  for (const auto& [name, count] : other.outcomes) outcomes[name] += count;
  tried += other.tried;
  return *this;
}

LocalDoor::LocalDoor(LocalDoorSettings entry, MemoryBudget* memory)
    : settings(std::move(entry)),
      clients({.total = settings.total, .per_client = settings.per_client}, memory) {}

LocalPlane::LocalPlane(relay::Reactor& reactor, CpePlane::Settings settings,
                       const CpeShared& shared, NameResolver& names, LocalDoor& whose, Users known)
    : door(whose),
      users(std::move(known)),
      farewells(reactor),
      hosts(reactor, std::move(settings), shared, false),
      doors(
          reactor, [this](kernel::Accepted accepted) { enter(std::move(accepted)); },
          [this] { ++hosts.tally.starved; }),
      names_(names) {
  gate_->plane = this;
}

LocalPlane::~LocalPlane() {
  const std::lock_guard lock(gate_->mutex);
  gate_->plane = nullptr;
}

void LocalPlane::set(CpePlane::Settings settings, Users known) {
  hosts.set(std::move(settings));
  users = std::move(known);
}

std::uint64_t LocalPlane::running() const {
  return sessions_.size() + farewells.running() + hosts.running();
}

LocalCounts LocalPlane::counts() const {
  auto out = tally;
  out.tried = hosts.counts();
  return out;
}

void LocalPlane::enter(kernel::Accepted accepted) {
  ++tally.accepted;
  const auto who = accepted.peer.address.unmapped();
  const auto refuse = [&](const char* name) {
    ++tally.outcomes[name];
    kernel::let_close_reset(accepted.fd.get());
  };
  if (std::ranges::none_of(door.settings.clients,
                           [&](const IpPrefix& prefix) { return prefix.contains(who); }))
    return refuse("client");
  auto admitted = door.clients.admit(who);
  if (admitted.admission != ClientTable::Admission::kYes) return refuse("limit");
  const auto id = ++last_;
  auto session =
      std::make_unique<LocalSession>(*this, id, std::move(accepted), std::move(admitted.ticket));
  auto& entered = *session;
  sessions_.emplace(id, std::move(session));
  entered.begin();
}

bool LocalPlane::resolve(const std::string& name, std::uint64_t session) {
  return names_.resolve(name, [gate = gate_, session](NameResolver::Answer answer) {
    const std::lock_guard lock(gate->mutex);
    if (gate->plane == nullptr) return;
    // It may go before this is called, on the same thread.
    gate->plane->hosts.reactor.post([gate, session, answer = std::move(answer)] {
      if (gate->plane != nullptr) gate->plane->resolved(session, answer);
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
