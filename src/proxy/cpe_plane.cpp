// SPDX-License-Identifier: MIT
#include "proxy/cpe_plane.hpp"

#include <utility>

#include "proxy/converter_inquiry.hpp"
#include "proxy/cpe_session.hpp"
#include "proxy/worker.hpp"

namespace anabranch::proxy {
namespace {

/// How soon a converter that has just become unreachable is asked again.
constexpr std::chrono::milliseconds kTick{50};

relay::RelaySettings relay_settings(const CpeSettings& settings) {
  relay::RelaySettings out;
  out.idle = settings.idle;
  out.half_closed_idle = settings.half_closed;
  return out;
}

}  // namespace

CpePlane::CpePlane(relay::Reactor& reactor_of_thread, Settings first, const CpeShared& shared,
                   bool asks)
    : reactor(reactor_of_thread),
      relays(reactor, relay_settings(*first)),
      settings(std::move(first)),
      pool(shared.pool),
      mptcp_servers(shared.mptcp_servers),
      remote_hosts(shared.remote_hosts),
      doors(
          reactor, [this](kernel::Accepted accepted) { enter(std::move(accepted)); },
          [this] { ++tally.starved; }),
      hosts_(shared.hosts),
      memory_watch_(reactor, relays, shared.memory, [this] { return waiting_octets(); }) {
  if (asks) reactor.start(tick_, kTick);
}

CpePlane::~CpePlane() = default;

void CpePlane::set(Settings fresh) {
  settings = std::move(fresh);
  relays.set(relay_settings(*settings));
  memory_watch_.wake();
}

CpeCounts CpePlane::counts() const {
  auto out = tally;
  out.setting_up = sessions_.size();
  out.relays = relays.counts();
  return out;
}

void CpePlane::enter(kernel::Accepted accepted) {
  ++tally.accepted;
  memory_watch_.wake();
  ClientTable::Admitted admitted;
  if (auto* table = incoming() ? remote_hosts : hosts_)
    admitted = table->admit(accepted.peer.address);
  const bool direct = !incoming() && !settings->limits.reset && !admitted.far_beyond;
  if (admitted.admission != ClientTable::Admission::kYes && !direct) {
    ++tally.outcomes["limit-" + std::string(limit_name(admitted.admission))];
    return kernel::let_close_reset(accepted.fd.get());
  }
  begin(std::make_unique<CpeSession>(*this, std::move(accepted), std::move(admitted.ticket)),
        admitted.admission);
}

void CpePlane::serve(LocalRequest request) {
  memory_watch_.wake();
  begin(std::make_unique<CpeSession>(*this, std::move(request)), ClientTable::Admission::kYes);
}

void CpePlane::begin(std::unique_ptr<CpeSession> session, ClientTable::Admission admission) {
  auto& entered = *session;
  sessions_.emplace(&entered, std::move(session));
  entered.begin(admission);
}

std::uint64_t CpePlane::waiting_octets() const {
  std::uint64_t out = 0;
  for (const auto& [session, owned] : sessions_) out += session->held();
  return out;
}

void CpePlane::ask_converters() {
  reactor.start(tick_, kTick);
  for (auto& choice : pool.due(reactor.now())) {
    auto inquiry = std::make_unique<ConverterInquiry>(*this, std::move(choice));
    auto& asked = *inquiry;
    inquiries_.emplace(&asked, std::move(inquiry));
    asked.begin();
  }
}

void CpePlane::remove(CpeSession& session) {
  sessions_.erase(&session);
}

void CpePlane::remove(ConverterInquiry& inquiry) {
  inquiries_.erase(&inquiry);
}

CpeCounts& CpeCounts::operator+=(const CpeCounts& other) {
  accepted += other.accepted;
  syn_data += other.syn_data;
  fell_back += other.fell_back;
  starved += other.starved;
  setting_up += other.setting_up;
  for (const auto& [name, count] : other.outcomes) outcomes[name] += count;
  for (const auto& [name, count] : other.direct) direct[name] += count;
  for (const auto& [name, count] : other.first_answers) first_answers[name] += count;
  for (const auto& [name, count] : other.rules) rules[name] += count;
  add(relays, other.relays);
  return *this;
}

}  // namespace anabranch::proxy
