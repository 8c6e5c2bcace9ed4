// SPDX-License-Identifier: MIT
#include "proxy/converter_plane.hpp"

#include <utility>

#include "proxy/converter_session.hpp"
#include "proxy/worker.hpp"

namespace anabranch::proxy {

relay::RelaySettings relay_settings(const ConverterLimits& limits) {
  relay::RelaySettings out;
  out.idle = limits.idle;
  out.half_closed_idle = limits.half_closed;
  return out;
}

ConverterPlane::ConverterPlane(relay::Reactor& reactor_of_thread, Settings first,
                               ConverterShared shared_of_all)
    : reactor(reactor_of_thread),
      relays(reactor, relay_settings(first->limits)),
      settings(std::move(first)),
      shared(std::move(shared_of_all)),
      doors(
          reactor, [this](kernel::Accepted accepted) { enter(std::move(accepted)); },
          [this] { ++tally.starved; }),
      memory_watch_(reactor, relays, shared.memory, [this] { return waiting_octets(); }) {}

ConverterPlane::~ConverterPlane() = default;

void ConverterPlane::set(Settings fresh) {
  settings = std::move(fresh);
  relays.set(relay_settings(settings->limits));
  memory_watch_.wake();
}

std::uint64_t ConverterPlane::running() const {
  return sessions_.size() + relays.counts().running;
}

ConverterCounts ConverterPlane::counts() const {
  auto out = tally;
  out.setting_up = sessions_.size();
  out.relays = relays.counts();
  return out;
}

void ConverterPlane::enter(kernel::Accepted accepted) {
  ++tally.accepted;
  memory_watch_.wake();
  auto admitted = shared.clients.get().admit(accepted.peer.address);
  auto session =
      std::make_unique<ConverterSession>(*this, std::move(accepted), std::move(admitted.ticket));
  auto& entered = *session;
  sessions_.emplace(&entered, std::move(session));
  entered.begin(admitted.admission);
}

std::uint64_t ConverterPlane::waiting_octets() const {
  std::uint64_t out = 0;
  for (const auto& [session, owned] : sessions_) out += session->held();
  return out;
}

void ConverterPlane::remove(ConverterSession& session) {
  sessions_.erase(&session);
}

ConverterCounts& ConverterCounts::operator+=(const ConverterCounts& other) {
  accepted += other.accepted;
  mptcp += other.mptcp;
  upstream_mptcp += other.upstream_mptcp;
  errors_unsaid += other.errors_unsaid;
  starved += other.starved;
  setting_up += other.setting_up;
  for (const auto& [name, count] : other.outcomes) outcomes[name] += count;
  for (const auto& [name, count] : other.rules) rules[name] += count;
  add(relays, other.relays);
  return *this;
}

}  // namespace anabranch::proxy
