// SPDX-License-Identifier: MIT
#include "relay/relay.hpp"

#include <algorithm>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/stream_socket.hpp"
#include "relay/direction.hpp"

namespace anabranch::relay {
namespace {

constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI;

void switch_on(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

/// close() then sends a RST, on MPTCP with MP_FASTCLOSE, and forgets what was not sent.
void let_close_reset(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/// close() then sends what is left and an end.
void let_close_in_order(int fd) {
  const linger none{};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

bool failed(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0;
}

class Relay;

/// What the relays of one reactor share.
struct Shared {
  Reactor& reactor;
  RelaySettings settings;
  Carrier carrier = {};
  Relay* first = nullptr;
  Relay* next_measured = nullptr;  ///< null: the first

  bool may_splice(const Leg& from) const {
    return settings.way == Way::kMeasured ? !from.mptcp : settings.way == Way::kSplice;
  }
};

/// A side, watched.
class End final : public Reactor::Watcher {
 public:
  End(Relay& relay, Leg& leg) : side{leg.fd.release(), leg.mptcp}, relay_(relay) {}
  void ready(std::uint32_t events) override;
  Side side;

 private:
  Relay& relay_;
};

class Relay final : public Reactor::Timer {
 public:
  Relay(Shared& shared, Leg& client, Leg& server, std::unique_ptr<Relays::Listener> listener);
  void begin(Leg& client, Leg& server);
  void ready(const End& end, std::uint32_t events);
  /// Destroys it.
  void end(Ended ended);
  void measure_buffers();

  Relay* next = nullptr;
  Relay** link = nullptr;

 private:
  void expired() override;
  void note_progress(std::uint64_t to_server_before, std::uint64_t to_client_before);
  std::chrono::seconds limit() const;
  void start_timer();
  bool half_closed() const { return to_server_.done() != to_client_.done(); }

  Shared& shared_;
  End client_;
  End server_;
  Direction to_server_;
  Direction to_client_;
  Reactor::Clock::time_point began_;
  Reactor::Clock::time_point active_;
  std::unique_ptr<Relays::Listener> listener_;
  std::uint64_t buffered_ = 0;  ///< as counted in RelayCounts
  bool carried_ = false;        ///< since buffers were measured
  bool queued_ = false;         ///< asked for another call
  bool half_closed_ = false;    ///< as the timer knows it
  bool unwatched_ = false;
};

void End::ready(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) side.readable = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) side.writable = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) side.hung_up = true;
  if ((events & EPOLLPRI) != 0) side.urgent = true;
  relay_.ready(*this, events);
}

Relay::Relay(Shared& shared, Leg& client, Leg& server, std::unique_ptr<Relays::Listener> listener)
    : shared_(shared),
      client_(*this, client),
      server_(*this, server),
      to_server_(shared.may_splice(client)),
      to_client_(shared.may_splice(server)),
      began_(shared.reactor.now()),
      active_(began_),
      listener_(std::move(listener)) {
  next = shared.first;
  link = &shared.first;
  if (next != nullptr) next->link = &next;
  shared.first = this;
}

void Relay::begin(Leg& client, Leg& server) {
  to_server_.put_first(shared_.carrier, std::move(server.first));
  to_client_.put_first(shared_.carrier, std::move(client.first));
  for (End* end : {&client_, &server_}) {
    switch_on(end->side.fd, IPPROTO_TCP, TCP_NODELAY);
    // The kernel closes what a killed process leaves: a part must not look like the whole.
    let_close_reset(end->side.fd);
    if (!end->side.mptcp) switch_on(end->side.fd, SOL_SOCKET, SO_OOBINLINE);
    // The first event tells what the socket is ready for now.
    if (!shared_.reactor.watch(end->side.fd, kEvents, *end)) unwatched_ = true;
  }
  start_timer();
}

std::chrono::seconds Relay::limit() const {
  return half_closed() ? shared_.settings.half_closed_idle : shared_.settings.idle;
}

void Relay::start_timer() {
  using std::chrono::milliseconds;
  half_closed_ = half_closed();
  if (unwatched_) return shared_.reactor.start(*this, milliseconds(0));
  if (limit().count() == 0) return shared_.reactor.stop(*this);
  const auto idle = std::chrono::duration_cast<milliseconds>(Reactor::Clock::now() - active_);
  shared_.reactor.start(*this, std::max(limit() - idle, milliseconds(0)));
}

void Relay::expired() {
  // Activity does not move the timer, which would cost every octet: the timer looks when it was.
  if (unwatched_) return end(Ended::kTold);
  if (limit().count() != 0 && Reactor::Clock::now() - active_ >= limit()) return end(Ended::kIdle);
  start_timer();
}

void Relay::ready(const End& end, std::uint32_t events) {
  if (events == 0) queued_ = false;
  const std::uint64_t to_server = to_server_.octets();
  const std::uint64_t to_client = to_client_.octets();
  const auto forth = to_server_.carry(shared_.carrier, client_.side, server_.side);
  const auto back = to_client_.carry(shared_.carrier, server_.side, client_.side);
  note_progress(to_server, to_client);

  using enum Direction::Result;
  if (forth == kFromFailed || back == kToFailed) return this->end(Ended::kResetByClient);
  if (forth == kToFailed || back == kFromFailed) return this->end(Ended::kResetByServer);
  if (to_server_.done() && to_client_.done()) return this->end(Ended::kInOrder);
  // A side that nobody reads or writes at the moment tells of its reset by this event alone.
  if ((events & EPOLLERR) != 0 && failed(end.side.fd))
    return this->end(&end == &client_ ? Ended::kResetByClient : Ended::kResetByServer);

  if ((forth == kBudgetOver || back == kBudgetOver) && !queued_) {
    queued_ = true;
    shared_.reactor.again(client_);
  }
  if (half_closed() != half_closed_) start_timer();
}

void Relay::note_progress(std::uint64_t to_server_before, std::uint64_t to_client_before) {
  const std::uint64_t to_server = to_server_.octets() - to_server_before;
  const std::uint64_t to_client = to_client_.octets() - to_client_before;
  shared_.carrier.counts.octets_to_server += to_server;
  shared_.carrier.counts.octets_to_client += to_client;
  if (to_server == 0 && to_client == 0) return;
  active_ = shared_.reactor.now();
  carried_ = true;
}

void Relay::measure_buffers() {
  if (!carried_ && buffered_ == 0 && !to_server_.blocked() && !to_client_.blocked()) return;
  carried_ = false;
  auto& sum = shared_.carrier.counts.buffered;
  sum -= buffered_;
  buffered_ = kernel::buffered(client_.side.fd) + kernel::buffered(server_.side.fd);
  sum += buffered_;
}

void Relay::end(Ended ended) {
  for (End* end : {&client_, &server_}) {
    shared_.reactor.forget(end->side.fd, *end);
    if (ended == Ended::kInOrder) let_close_in_order(end->side.fd);
    ::close(end->side.fd);
  }
  to_server_.release(shared_.carrier);
  to_client_.release(shared_.carrier);
  *link = next;
  if (next != nullptr) next->link = link;
  if (shared_.next_measured == this) shared_.next_measured = next;
  shared_.carrier.counts.buffered -= buffered_;
  --shared_.carrier.counts.running;
  ++shared_.carrier.counts.ended[static_cast<std::size_t>(ended)];

  const auto lasted =
      std::chrono::duration_cast<std::chrono::milliseconds>(Reactor::Clock::now() - began_);
  const Summary summary{ended, to_server_.octets(), to_client_.octets(), lasted};
  const auto listener = std::move(listener_);
  delete this;
  if (listener) listener->ended(summary);
}

}  // namespace

struct Relays::Impl {
  Shared shared;
};

Relays::Relays(Reactor& reactor, const RelaySettings& settings)
    : impl_(std::make_unique<Impl>(Shared{reactor, settings})) {}

Relays::~Relays() {
  end_all();
}

void Relays::add(Leg client, Leg server, std::unique_ptr<Listener> listener) {
  ++impl_->shared.carrier.counts.running;
  // Owned by the list; it destroys itself at its end.
  auto* relay = new Relay(impl_->shared, client, server, std::move(listener));
  relay->begin(client, server);
}

void Relays::set(const RelaySettings& settings) {
  impl_->shared.settings = settings;
}

void Relays::measure_buffers(std::size_t most) {
  auto& shared = impl_->shared;
  // None twice in one call.
  for (auto left = std::min<std::size_t>(most, shared.carrier.counts.running); left > 0; --left) {
    if (shared.next_measured == nullptr) shared.next_measured = shared.first;
    if (shared.next_measured == nullptr) return;
    shared.next_measured->measure_buffers();
    shared.next_measured = shared.next_measured->next;
  }
}

void Relays::end_all() {
  while (impl_->shared.first != nullptr) impl_->shared.first->end(Ended::kTold);
}

const RelayCounts& Relays::counts() const {
  return impl_->shared.carrier.counts;
}

}  // namespace anabranch::relay
