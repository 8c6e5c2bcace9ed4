// SPDX-License-Identifier: MIT
#include "proxy/converter_session.hpp"

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.hpp"
#include "kernel/mptcp_socket.hpp"
#include "proxy/converter_plane.hpp"
#include "proxy/server_syn.hpp"
#include "proxy/upstream.hpp"
#include "wire/proxy_protocol.hpp"

namespace anabranch::proxy {
namespace {

using signalling::Verdict;

constexpr std::chrono::milliseconds kLook{1};
/// How long a client that was told an error may take to close.
constexpr std::chrono::milliseconds kLeave{2000};
/// The pause that a client is told which has, or who together have, as many connections as allowed.
constexpr std::chrono::seconds kLimitWait{1};
constexpr std::uint32_t kGone = EPOLLHUP | EPOLLERR;

/// Keeps the connection counted while it is relayed.
class Relayed : public relay::Relays::Listener {
 public:
  explicit Relayed(ClientTable::Ticket ticket) : ticket_(std::move(ticket)) {}
  void ended(const relay::Summary&) override {}

 private:
  ClientTable::Ticket ticket_;
};

/// And in the log, where there is one: a connection at rest is larger for that.
class LoggedRelay final : public Relayed {
 public:
  LoggedRelay(ClientTable::Ticket ticket, MappingLog& log, const Mapping& mapping)
      : Relayed(std::move(ticket)), log_(log), mapping_(mapping) {
    log_.write("begin", mapping_);
  }
  void ended(const relay::Summary&) override { log_.write("end", mapping_); }

 private:
  MappingLog& log_;
  Mapping mapping_;
};

}  // namespace

ConverterSession::ConverterSession(ConverterPlane& plane, kernel::Accepted accepted,
                                   ClientTable::Ticket ticket)
    : plane_(plane),
      client_(std::move(accepted.fd)),
      peer_(accepted.peer),
      own_(kernel::own_endpoint(client_.get()).value_or(Endpoint())),
      mptcp_(kernel::is_mptcp_socket(client_.get())),
      ticket_(std::move(ticket)) {}

ConverterSession::~ConverterSession() {
  if (client_) plane_.reactor.forget(client_.get(), client_side_);
  if (upstream_) plane_.reactor.forget(upstream_.get(), upstream_side_);
}

void ConverterSession::begin(ClientTable::Admission admission) {
  admission_ = admission;
  if (mptcp_) ++plane_.tally.mptcp;
  cookies_ = plane_.shared.cookies;
  acceptor_ = signalling::convert_acceptor({.supported = plane_.shared.supported,
                                            .cookies = cookies_.get(),
                                            .client = peer_.address,
                                            .now = std::chrono::system_clock::now()});
  // The first event tells that there is something to read, if there is.
  if (!plane_.reactor.watch(client_.get(), EPOLLIN | EPOLLRDHUP, client_side_))
    return reset("starved");
  plane_.reactor.start(deadline_, plane_.settings->limits.setup);
}

void ConverterSession::client_ready(std::uint32_t events) {
  if (phase_ == Phase::kHearing) return hear();
  if (phase_ == Phase::kLeaving) return drain();
  if ((events & kGone) != 0) reset("client-gone");
}

void ConverterSession::hear() {
  std::array<std::uint8_t, signalling::kMaxSetupOctets> buffer;
  for (;;) {
    const auto room = signalling::kMaxSetupOctets - heard_.size();
    const auto got = ::recv(client_.get(), buffer.data(), room, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return end(got == 0 ? "closed-early" : "client-gone");
    heard_.insert(heard_.end(), buffer.begin(), buffer.begin() + got);
    const auto said = acceptor_->hear(heard_);
    if (const auto* asked = std::get_if<signalling::Asked>(&said)) return connect(*asked);
    if (const auto* answered = std::get_if<signalling::Answered>(&said))
      return reply(answered->reply, "info");
    if (const auto* refusal = std::get_if<signalling::Refusal>(&said)) {
      if (refusal->reset) return reset(refusal->reason);
      return reply(refusal->reply, refusal->reason);
    }
    if (!std::holds_alternative<signalling::NeedMore>(said)) return reset("unexpected");
    if (heard_.size() == signalling::kMaxSetupOctets) return reset("too-long");
  }
}

void ConverterSession::connect(const signalling::Asked& asked) {
  phase_ = Phase::kConnecting;
  if (admission_ != ClientTable::Admission::kYes)
    return tell({.verdict = Verdict::kResourceExceeded, .wait = kLimitWait},
                limit_name(admission_));
  const Endpoint named{asked.request.endpoint.address.unmapped(), asked.request.endpoint.port};
  const auto& to = plane_.shared.deliver_to;
  const auto allowed = to ? client_access(*plane_.settings, peer_.address)
                          : access(*plane_.settings, peer_.address, named, own_);
  if (allowed.rule != nullptr) ++plane_.tally.rules[allowed.rule->name];
  if (!allowed.allowed()) {
    log::debug("{} is not connected to {}: {}", peer_.text(), named.text(), allowed.reason);
    return tell({.verdict = allowed.verdict}, allowed.reason);
  }
  server_ = to.value_or(named);
  if (server_.port == 0) server_.port = own_.port;
  source_ = to ? named.address : peer_.address;
  wanted_ = asked.request.options;
  if (auto refused = refused_contents(wanted_, server_.address); !refused.empty())
    return tell({.verdict = Verdict::kUnsupportedOption, .refused = std::move(refused)},
                verdict_name(Verdict::kUnsupportedOption));
  // The client's octets that came with the request; before them who it is, where that is wanted.
  if (allowed.rule != nullptr && allowed.rule->proxy_protocol)
    to_server_ = wire::encode_proxy_protocol(peer_, server_);
  to_server_.insert(to_server_.end(), heard_.begin() + static_cast<std::ptrdiff_t>(asked.consumed),
                    heard_.end());
  heard_ = {};
  auto upstream = open_upstream();
  if (!upstream) {
    log::debug("{}: {}", server_.text(), upstream.error().text());
    return tell({.verdict = Verdict::kResourceExceeded, .wait = kLimitWait}, "starved");
  }
  upstream_ = *std::move(upstream);
  const auto begun = asks_for(wanted_, wire::tcp_kind::kFastOpen)
                         ? kernel::begin_fast_open(upstream_.get(), server_, to_server_)
                         : kernel::begin_connect(upstream_.get(), server_, {});
  if (begun.error != 0) {
    const auto outcome = outcome_of(begun.error, std::nullopt);
    return tell(outcome, verdict_name(outcome.verdict));
  }
  to_server_.erase(to_server_.begin(),
                   to_server_.begin() + static_cast<std::ptrdiff_t>(begun.taken));
  if (!plane_.reactor.watch(upstream_.get(), EPOLLOUT, upstream_side_))
    return tell({.verdict = Verdict::kResourceExceeded, .wait = kLimitWait}, "starved");
}

Result<UniqueFd> ConverterSession::open_upstream() {
  const bool mptcp = plane_.settings->upstream_mptcp || asks_for(wanted_, wire::tcp_kind::kMptcp);
  const auto transport = mptcp ? kernel::Transport::kMptcp : kernel::Transport::kTcp;
  const auto family = server_.address.family();
  auto fd = kernel::open_stream_socket(family, transport);
  if (!fd) return fd;
  ANABRANCH_TRY(kernel::set_congestion_control(fd->get(), plane_.settings->congestion));
  ANABRANCH_TRY(choose_source(fd->get(), family));
  kernel::note_icmp_errors(fd->get(), true);
  upstream_mptcp_ = mptcp;
  return fd;
}

Result<void> ConverterSession::choose_source(int fd, Family family) {
  const auto& source = plane_.settings->source;
  const bool keep = plane_.shared.deliver_to || source.mode == SourceMode::kPreservation;
  if (keep && source_.family() == family) return kernel::connect_as(fd, source_);
  const auto* shared = paired_address(source.pool, peer_.address, family);
  return shared == nullptr ? Result<void>() : kernel::connect_from(fd, *shared);
}

void ConverterSession::upstream_ready(std::uint32_t events) {
  if (phase_ != Phase::kConnecting) return;
  const int error = kernel::take_error(upstream_.get());
  if (error == 0 && (events & EPOLLOUT) != 0 && (events & kGone) == 0) return connected();
  if (error == 0 && (events & kGone) == 0) return;
  auto code = kernel::icmp_code(upstream_.get());
  // Of MPTCP the kernel tells no codes.
  if (!code && upstream_mptcp_) code = implied_icmp_code(error, server_.address.family());
  const auto outcome = outcome_of(error == 0 ? ECONNRESET : error, code);
  tell(outcome, verdict_name(outcome.verdict));
}

void ConverterSession::connected() {
  kernel::note_icmp_errors(upstream_.get(), false);
  const bool mptcp = upstream_mptcp_ && kernel::is_mptcp(upstream_.get());
  if (mptcp) ++plane_.tally.upstream_mptcp;
  signalling::Outcome outcome;
  outcome.options = answered_options(upstream_.get(), mptcp, wanted_, server_.address);
  phase_ = Phase::kAnswering;
  answer_ = acceptor_->answer(outcome);
  answer_when_possible();
}

void ConverterSession::tell(const signalling::Outcome& outcome, std::string_view name) {
  reply(acceptor_->answer(outcome), name);
}

void ConverterSession::reply(signalling::Octets octets, std::string_view name) {
  ++plane_.tally.outcomes[std::string(name)];
  if (upstream_) {
    plane_.reactor.forget(upstream_.get(), upstream_side_);
    upstream_.reset();
  }
  const bool error = name != "info";
  if (error && !plane_.shared.clients.get().may_tell_error(peer_.address, plane_.reactor.now())) {
    ++plane_.tally.errors_unsaid;
    kernel::let_close_reset(client_.get());
    return plane_.remove(*this);
  }
  phase_ = Phase::kLeaving;
  answer_ = std::move(octets);
  plane_.reactor.start(deadline_, kLeave);
  answer_when_possible();
}

void ConverterSession::look() {
  answer_when_possible();
}

void ConverterSession::answer_when_possible() {
  if (mptcp_ && kernel::stream_state(client_.get()).state == TCP_SYN_RECV)
    return plane_.reactor.start(next_look_, kLook);
  if (phase_ == Phase::kAnswering) return relay_on();
  leave();
}

void ConverterSession::relay_on() {
  ++plane_.tally.outcomes["established"];
  auto& reactor = plane_.reactor;
  reactor.forget(client_.get(), client_side_);
  reactor.forget(upstream_.get(), upstream_side_);
  relay::Leg client{std::move(client_), mptcp_, std::move(answer_)};
  auto listener = relayed();
  relay::Leg server{std::move(upstream_), upstream_mptcp_, std::move(to_server_)};
  plane_.relays.add(std::move(client), std::move(server), std::move(listener));
  plane_.remove(*this);
}

std::unique_ptr<relay::Relays::Listener> ConverterSession::relayed() {
  auto* log = plane_.shared.mappings;
  if (log == nullptr) return std::make_unique<Relayed>(std::move(ticket_));
  const auto source = kernel::own_endpoint(upstream_.get()).value_or(Endpoint());
  return std::make_unique<LoggedRelay>(std::move(ticket_), *log, Mapping{peer_, source, server_});
}

void ConverterSession::leave() {
  const auto sent = ::send(client_.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
  // A first message always fits into an empty socket, or the connection is gone.
  if (sent != static_cast<ssize_t>(answer_.size()) || ::shutdown(client_.get(), SHUT_WR) != 0)
    return plane_.remove(*this);
  drain();
}

// What is left unread at close() would make it a reset, which may overtake the reply.
void ConverterSession::drain() {
  if (next_look_.running()) return;
  std::array<std::uint8_t, 4096> buffer;
  for (int left = 16; left > 0; --left) {
    const auto got = ::recv(client_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return plane_.remove(*this);
  }
  // Who goes on sending does not want to hear.
  kernel::let_close_reset(client_.get());
  plane_.remove(*this);
}

void ConverterSession::too_late() {
  switch (phase_) {
    case Phase::kConnecting:
      return tell({.verdict = Verdict::kNetworkFailure}, "server-timeout");
    case Phase::kLeaving:
      return plane_.remove(*this);
    default:
      return reset("setup-timeout");
  }
}

void ConverterSession::end(std::string_view name) {
  ++plane_.tally.outcomes[std::string(name)];
  plane_.remove(*this);
}

void ConverterSession::reset(std::string_view name) {
  kernel::let_close_reset(client_.get());
  // A server that has answered already hears the same.
  if (upstream_) kernel::let_close_reset(upstream_.get());
  end(name);
}

}  // namespace anabranch::proxy
