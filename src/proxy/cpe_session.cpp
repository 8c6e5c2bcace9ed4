// SPDX-License-Identifier: MIT
#include "proxy/cpe_session.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.hpp"
#include "base/registry.hpp"
#include "kernel/mptcp_socket.hpp"
#include "proxy/cpe_plane.hpp"
#include "proxy/upstream.hpp"
#include "signalling/convert.hpp"

namespace anabranch::proxy {
namespace {

using signalling::Octets;
using signalling::Verdict;

constexpr std::uint32_t kGone = EPOLLHUP | EPOLLERR;
constexpr std::uint32_t kBothWays = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
/// What a host may send before the converter has answered; more waits in its socket.
constexpr std::size_t kMostEarly = std::size_t{64} << 10;
/// With a cookie, and without an option.
constexpr unsigned kMostAgain = 2;

/// How long another address of the same name waits for a server's answer.
constexpr std::chrono::milliseconds kNextAddress{2000};
const signalling::Outcome kShortage{.verdict = Verdict::kResourceExceeded};

/// Keeps a connection counted while it is relayed.
class Counted final : public relay::Relays::Listener {
 public:
  explicit Counted(ClientTable::Ticket ticket) : ticket_(std::move(ticket)) {}
  void ended(const relay::Summary&) override {}

 private:
  ClientTable::Ticket ticket_;
};

std::string error_text(int error) {
  return error == 0 ? "the connection was reset" : std::generic_category().message(error);
}

}  // namespace

CpeSession::CpeSession(CpePlane& plane, kernel::Accepted accepted, ClientTable::Ticket ticket)
    : plane_(plane),
      ticket_(std::move(ticket)),
      host_(std::move(accepted.fd)),
      peer_(accepted.peer),
      destination_(plane.incoming() ? peer_
                                    : kernel::own_endpoint(host_.get()).value_or(Endpoint())) {}

CpeSession::CpeSession(CpePlane& plane, LocalRequest request)
    : plane_(plane),
      ticket_(std::move(request.ticket)),
      host_(std::move(request.client)),
      peer_(request.peer),
      destination_(request.destinations.front().endpoint),
      asker_(std::move(request.asker)),
      asked_for_(std::move(request.destinations)),
      out_(std::move(request.early)) {}

CpeSession::~CpeSession() {
  if (host_) plane_.reactor.forget(host_.get(), host_side_);
  if (far_) plane_.reactor.forget(far_.get(), far_side_);
}

void CpeSession::begin(ClientTable::Admission admission) {
  if (!plane_.reactor.watch(host_.get(), EPOLLIN | EPOLLRDHUP, host_side_))
    return end("starved", kShortage);
  if (admission != ClientTable::Admission::kYes) {
    // The interception's table learns of the host by the next packet to it.
    kernel::set_mark(host_.get(), registry::kCpeFullMark);
    return go_direct("limit-" + std::string(limit_name(admission)));
  }
  attempt();
}

void CpeSession::attempt() {
  if (asker_ && !asked_for_[attempt_].direct.empty()) return go_direct(asked_for_[attempt_].direct);
  if (plane_.settings->bypass && plane_.mptcp_servers.knows(destination_, plane_.reactor.now()))
    return go_direct("speaks-mptcp", kernel::Transport::kMptcp);
  choose();
}

void CpeSession::choose() {
  const auto choice = plane_.pool.choose(plane_.draw(), plane_.reactor.now());
  if (!choice) return go_direct("no-converter");
  choice_ = *choice;
  // The CPE of a whole address: at the port that the remote host connects to.
  if (choice_.endpoint.port == 0)
    choice_.endpoint.port = kernel::own_endpoint(host_.get()).value_or(Endpoint()).port;
  reach();
}

void CpeSession::compose() {
  initiator_ = signalling::convert_initiator({.cookie = choice_.cookie});
  // When it is asked once more: what the host has sent so far follows anew.
  const Octets early(out_.begin() + static_cast<std::ptrdiff_t>(opening_), out_.end());
  signalling::Request request{.endpoint = destination_};
  if (plane_.settings->bypass && choice_.mptcp)
    request.options.push_back({.kind = wire::tcp_kind::kMptcp});
  out_ = initiator_->opening(request);
  opening_ = out_.size();
  out_.insert(out_.end(), early.begin(), early.end());
  sent_ = 0;
  heard_.clear();
}

void CpeSession::reach() {
  phase_ = Phase::kReaching;
  compose();
  const auto family = choice_.endpoint.address.family();
  const auto uplinks =
      plane_.uplinks.of(plane_.settings->duplicate_syn, family, plane_.reactor.now());
  if (uplinks.size() > 1 && race(uplinks)) return;
  auto fd = kernel::open_stream_socket(family, kernel::Transport::kMptcp);
  if (fd)
    if (const auto set = kernel::set_congestion_control(fd->get(), plane_.settings->congestion);
        !set)
      fd = std::unexpected(set.error());
  if (!fd) {
    log::warning("no connection to the converter: {}", fd.error().text());
    return go_direct("no-socket");
  }
  far_ = *std::move(fd);
  syn_data_ = plane_.settings->syn_data && choice_.syn_data;
  const auto in_syn = std::span(out_).first(syn_data_ ? opening_ : 0);
  const auto begun = kernel::begin_connect(far_.get(), choice_.endpoint, in_syn);
  if (begun.error != 0) return converter_refuses(begun.error);
  sent_ = begun.taken;
  if (!plane_.reactor.watch(far_.get(), kBothWays, far_side_)) return go_direct("starved");
  plane_.reactor.start(deadline_, plane_.settings->unreachable_after);
}

bool CpeSession::race(const std::vector<UplinkAddress>& uplinks) {
  race_ = std::make_unique<SynRace>(plane_.reactor,
                                    [this](SynRace::End end) { raced(std::move(end)); });
  if (race_->begin(choice_.endpoint, plane_.settings->congestion, uplinks) != 0) {
    race_.reset();
    return false;
  }
  syn_data_ = false;
  plane_.reactor.start(deadline_, plane_.settings->unreachable_after);
  return true;
}

void CpeSession::raced(SynRace::End end) {
  race_.reset();
  if (!end.fd) return converter_refuses(end.error);
  ++plane_.tally.first_answers[end.uplink];
  far_ = std::move(end.fd);
  if (!plane_.reactor.watch(far_.get(), kBothWays, far_side_)) return go_direct("starved");
  reached();
}

void CpeSession::far_ready(std::uint32_t events) {
  switch (phase_) {
    case Phase::kReaching: {
      if ((events & kGone) != 0) return converter_refuses(kernel::take_error(far_.get()));
      if ((events & EPOLLOUT) != 0) reached();
      return;
    }
    case Phase::kAsking:
      if ((events & EPOLLOUT) != 0) pass_on();
      if ((events & (EPOLLIN | EPOLLRDHUP | kGone)) != 0) hear();
      return;
    case Phase::kDirect:
      direct_ready(events);
  }
}

void CpeSession::reached() {
  phase_ = Phase::kAsking;
  if (syn_data_) {
    // The kernel sends what the SYN+ACK did not acknowledge again: nothing is lost but time.
    if (kernel::stream_state(far_.get()).syn_data_taken) {
      ++plane_.tally.syn_data;
      // Where the kernel lets the buffer of such a connection grow by itself, and there are two
      // subflows, it drops what it has announced room for, and gets it again every 200 ms.
      kernel::fix_receive_buffer(far_.get(), plane_.receive_buffer);
    } else {
      plane_.pool.syn_data_lost(choice_.endpoint, plane_.reactor.now());
    }
  }
  plane_.reactor.start(deadline_, patience());
  if (!take_early()) return;
  hear();
}

void CpeSession::host_ready(std::uint32_t events) {
  if ((events & kGone) != 0) {
    drop_far();
    return end("host-gone");
  }
  if (phase_ == Phase::kAsking) take_early();
}

bool CpeSession::take_early() {
  std::array<std::uint8_t, 16384> buffer;
  // Who asks in words waits for ours: with nothing of it sent, another address can be tried.
  while (!asker_ && !host_done_ && out_.size() < opening_ + kMostEarly) {
    const auto got = ::recv(host_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got < 0) {
      drop_far();
      end("host-gone");
      return false;
    }
    // The relay sees the end once more.
    host_done_ = got == 0;
    out_.insert(out_.end(), buffer.begin(), buffer.begin() + got);
  }
  pass_on();
  return true;
}

void CpeSession::pass_on() {
  while (sent_ < out_.size()) {
    const auto sent =
        ::send(far_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    // What went wrong is heard by hear(), after what the converter may have said before.
    if (sent < 0) return;
    sent_ += static_cast<std::size_t>(sent);
  }
}

void CpeSession::hear() {
  std::array<std::uint8_t, signalling::kMaxSetupOctets> buffer;
  for (;;) {
    const auto got = ::recv(far_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      // It may have connected and died: what the host has sent may have arrived.
      if (sent_ > opening_) {
        drop_far();
        return end("converter-lost");
      }
      return go_direct(got == 0 ? "converter-closed" : "converter-reset");
    }
    heard_.insert(heard_.end(), buffer.begin(), buffer.begin() + got);
    const auto said = initiator_->hear(heard_);
    if (const auto* answer = std::get_if<signalling::Accepted>(&said)) return accepted(*answer);
    if (const auto* answer = std::get_if<signalling::Failed>(&said)) return failed(*answer);
    if (heard_.size() >= signalling::kMaxSetupOctets)
      return failed({.reason = "too-long", .peer_unusable = true});
  }
}

void CpeSession::accepted(const signalling::Accepted& answer) {
  plane_.pool.reached(choice_.endpoint);
  if (answer.destination_mptcp) plane_.mptcp_servers.learn(destination_, plane_.reactor.now());
  if (!kernel::is_mptcp(far_.get())) ++plane_.tally.fell_back;
  Octets to_host(heard_.begin() + static_cast<std::ptrdiff_t>(answer.consumed), heard_.end());
  Octets to_far(out_.begin() + static_cast<std::ptrdiff_t>(sent_), out_.end());
  ++plane_.tally.outcomes["converted"];
  relay_on(std::move(to_host), std::move(to_far), true);
}

void CpeSession::failed(const signalling::Failed& answer) {
  log::debug("{} to {} by {}: {}", peer_.text(), destination_.text(), choice_.endpoint.text(),
             answer.reason);
  const auto now = plane_.reactor.now();
  if (asked_again_ < kMostAgain && may_ask_again(answer)) {
    ++asked_again_;
    drop_far();
    return reach();
  }
  if (answer.peer_unusable) {
    plane_.pool.unreachable(choice_.endpoint, "is no converter: " + answer.reason, now);
    return go_direct("converter-unusable");
  }
  switch (answer.verdict) {
    case Verdict::kReset:
    case Verdict::kUnreachable:
    case Verdict::kNetworkFailure:
      drop_far();
      return refuse(verdict_name(answer.verdict),
                    {.verdict = answer.verdict, .icmp_code = answer.icmp_code});
    case Verdict::kResourceExceeded:
      plane_.pool.pause(choice_.endpoint, answer.wait, now);
      [[fallthrough]];
    default:
      return go_direct(answer.reason);
  }
}

bool CpeSession::may_ask_again(const signalling::Failed& answer) {
  if (!answer.cookie.empty() || answer.cookie_refused) {
    plane_.pool.set_cookie(choice_.endpoint, answer.cookie);
    choice_.cookie = answer.cookie;
    return true;
  }
  if (answer.verdict != Verdict::kUnsupportedOption || !choice_.mptcp) return false;
  plane_.pool.without_mptcp(choice_.endpoint);
  choice_.mptcp = false;
  return true;
}

// It took no time: another one may be there.
void CpeSession::converter_refuses(int error) {
  drop_far();
  plane_.pool.unreachable(choice_.endpoint, error_text(error), plane_.reactor.now());
  choose();
}

void CpeSession::go_direct(std::string_view why, kernel::Transport transport) {
  drop_far();
  // Who connects from outside has no other way to the LAN host.
  if (plane_.incoming()) return end(why);
  ++plane_.tally.direct[std::string(why)];
  phase_ = Phase::kDirect;
  bypass_ = transport == kernel::Transport::kMptcp;
  auto fd = kernel::open_stream_socket(destination_.address.family(), transport);
  if (fd)
    if (const auto set = kernel::set_congestion_control(fd->get(), plane_.settings->congestion);
        !set)
      fd = std::unexpected(set.error());
  if (!fd) return end("starved", kShortage);
  far_ = *std::move(fd);
  if (plane_.settings->single) kernel::set_mark(far_.get(), registry::kCpeOwnMark);
  // As if we were not there. Where that is not possible it is one connection of this machine's; so
  // is one by MPTCP, whose further subflows can only have addresses of ours, and one that a client
  // of a local door has asked for.
  if (!bypass_ && !asker_) {
    const auto as_host = kernel::connect_as(far_.get(), peer_.address);
    if (!as_host) log::debug("{}", as_host.error().text());
  }
  if (const auto begun = kernel::begin_connect(far_.get(), destination_, {}); begun.error != 0)
    return direct_fails(begun.error);
  if (!plane_.reactor.watch(far_.get(), EPOLLOUT, far_side_)) return end("starved", kShortage);
  plane_.reactor.start(deadline_, patience());
}

void CpeSession::direct_fails(int error) {
  const auto outcome = outcome_of(error, {});
  refuse("direct-" + std::string(verdict_name(outcome.verdict)), outcome);
}

void CpeSession::direct_ready(std::uint32_t events) {
  const int error = kernel::take_error(far_.get());
  if (error != 0 || (events & kGone) != 0) return direct_fails(error == 0 ? ECONNRESET : error);
  if ((events & EPOLLOUT) == 0) return;
  ++plane_.tally.outcomes["direct"];
  if (bypass_ && !kernel::is_mptcp(far_.get())) plane_.mptcp_servers.forget(destination_);
  relay_on({}, Octets(out_.begin() + static_cast<std::ptrdiff_t>(opening_), out_.end()), bypass_);
}

void CpeSession::relay_on(Octets to_host, Octets to_far, bool mptcp) {
  if (asker_) {
    const auto words = asker_->established();
    to_host.insert(to_host.begin(), words.begin(), words.end());
  }
  plane_.reactor.forget(host_.get(), host_side_);
  plane_.reactor.forget(far_.get(), far_side_);
  plane_.relays.add({std::move(host_), false, std::move(to_host)},
                    {std::move(far_), mptcp, std::move(to_far)},
                    std::make_unique<Counted>(std::move(ticket_)));
  plane_.remove(*this);
}

void CpeSession::too_late() {
  switch (phase_) {
    case Phase::kReaching:
      if (race_)
        if (auto end = race_->give_up(); end.fd) return raced(std::move(end));
      plane_.pool.unreachable(choice_.endpoint, "no answer", plane_.reactor.now());
      return go_direct("converter-silent");
    case Phase::kAsking:
      // What the host has sent may have arrived.
      if (sent_ <= opening_ && try_next_destination()) return;
      drop_far();
      return end("converter-silent");
    case Phase::kDirect:
      return refuse("direct-timeout", {.verdict = Verdict::kNetworkFailure});
  }
}

void CpeSession::drop_far() {
  race_.reset();
  if (!far_) return;
  plane_.reactor.forget(far_.get(), far_side_);
  kernel::let_close_reset(far_.get());
  far_.reset();
}

bool CpeSession::try_next_destination() {
  if (attempt_ + 1 >= asked_for_.size()) return false;
  destination_ = asked_for_[++attempt_].endpoint;
  drop_far();
  attempt();
  return true;
}

std::chrono::milliseconds CpeSession::patience() const {
  const auto most = plane_.settings->setup;
  const bool may_try_next = attempt_ + 1 < asked_for_.size() && out_.size() == opening_;
  return may_try_next ? std::min(most, kNextAddress) : most;
}

void CpeSession::refuse(std::string_view name, const signalling::Outcome& outcome) {
  if (try_next_destination()) return;
  if (!plane_.incoming() && !asker_) kernel::set_mark(host_.get(), registry::kCpeRefusedMark);
  end(name, outcome);
}

void CpeSession::end(std::string_view name, const signalling::Outcome& outcome) {
  ++plane_.tally.outcomes[std::string(name)];
  if (asker_) {
    plane_.reactor.forget(host_.get(), host_side_);
    asker_->failed(std::move(host_), std::move(ticket_), outcome);
  } else {
    kernel::let_close_reset(host_.get());
  }
  plane_.remove(*this);
}

}  // namespace anabranch::proxy
