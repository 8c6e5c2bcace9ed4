// SPDX-License-Identifier: MIT
#include "host/dhcp6_client.hpp"

#include <algorithm>
#include <utility>

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

// RFC 8415 section 7.6.
constexpr Retransmission::Parameters kSolicit{1s, Dhcp6Client::kSolMaxRt, 0, {}, true};
constexpr Retransmission::Parameters kRequest{1s, 30s, 10};
constexpr Retransmission::Parameters kConfirm{1s, 4s, 0, 10s};
constexpr Retransmission::Parameters kRenew{10s, 600s};
constexpr Retransmission::Parameters kRebind{10s, 600s};
constexpr Retransmission::Parameters kRelease{1s, {}, 4};
constexpr Retransmission::Parameters kDecline{1s, {}, 4};
constexpr unsigned kUnanswered = 4;
constexpr seconds kLongestRefusalWait{64};
// RFC 4862 has no words for it; those of IPv4 (RFC 2131 section 3.1, RFC 5227 section 2.1.1).
constexpr seconds kFirstConflictWait{10};
constexpr seconds kLongestConflictWait{60};

/// `first`, doubled with each of `times`, up to `longest`.
seconds doubled(seconds first, unsigned times, seconds longest) {
  return std::min(longest, first * (1u << std::min(times, 10u)));
}

/// Time until `end`; zero, which stands for any, when that is never.
nanoseconds until(MonotonicTime end, MonotonicTime now) {
  return end == MonotonicTime::max() ? nanoseconds{0} : end - now;
}

Dhcp6Type type_sent(Dhcp6Client::State state) {
  using State = Dhcp6Client::State;
  switch (state) {
    case State::kRequesting:
      return Dhcp6Type::kRequest;
    case State::kConfirming:
      return Dhcp6Type::kConfirm;
    case State::kRenewing:
      return Dhcp6Type::kRenew;
    case State::kRebinding:
      return Dhcp6Type::kRebind;
    case State::kDeclining:
      return Dhcp6Type::kDecline;
    case State::kReleasing:
      return Dhcp6Type::kRelease;
    case State::kInit:
    case State::kBound:
    case State::kSoliciting:
      break;
  }
  return Dhcp6Type::kSolicit;
}

}  // namespace

// --- Exchanges

Dhcp6Client::Step Dhcp6Client::exchange(State state, const Retransmission::Parameters& parameters,
                                        MonotonicTime now, nanoseconds delay) {
  state_ = state;
  transaction_ = settings_.random() & 0xffffff;
  retransmission_.begin(parameters);
  due_ = now + delay;
  return delay > nanoseconds{0} ? Step{} : transmit(now);
}

Dhcp6Client::Step Dhcp6Client::transmit(MonotonicTime now) {
  if (retransmission_.transmissions() == 0) began_ = now;
  sent_ = now;
  retransmission_.sent(now, settings_.random());
  due_ = retransmission_.next();
  return {message(now)};
}

/// The message of the state we are in.
Dhcp6Message Dhcp6Client::message(MonotonicTime now) const {
  Dhcp6Message out;
  out.type = type_sent(state_);
  out.transaction = transaction_;
  out.client = settings_.duid;
  out.elapsed = std::chrono::duration_cast<milliseconds>(now - began_);
  out.outside.ext_route = wire::ExtRoute{settings_.index, 0};
  Dhcp6Association association{settings_.iaid};
  if (state_ != State::kSoliciting) association.leases = {{IpPrefix::host(subject().address)}};
  out.outside.addresses = {std::move(association)};
  switch (state_) {
    case State::kRequesting:
    case State::kRenewing:
    case State::kDeclining:
    case State::kReleasing:
      out.server = subject().server;
      break;
    default:
      break;
  }
  switch (state_) {
    case State::kSoliciting:
    case State::kRequesting:
    case State::kRenewing:
    case State::kRebinding:
      out.requested = {dhcp6::kVendorOptions, dhcp6::kDnsServers, dhcp6::kDomainList,
                       dhcp6::kSolMaxRt, dhcp6::kPvd};
      break;
    default:
      break;
  }
  return out;
}

Dhcp6Client::Step Dhcp6Client::solicit(MonotonicTime now, nanoseconds delay) {
  other_.reset();
  auto parameters = kSolicit;
  parameters.longest = longest_solicit_;
  return exchange(State::kSoliciting, parameters, now, delay);
}

Dhcp6Client::Step Dhcp6Client::request(MonotonicTime now) {
  return exchange(State::kRequesting, kRequest, now);
}

Dhcp6Client::Step Dhcp6Client::renew(MonotonicTime now) {
  other_.reset();
  auto parameters = kRenew;
  parameters.duration = until(lease_->rebinds(), now);
  return exchange(State::kRenewing, parameters, now);
}

Dhcp6Client::Step Dhcp6Client::rebind(MonotonicTime now) {
  other_.reset();
  auto parameters = kRebind;
  parameters.duration = until(lease_->expires(), now);
  return exchange(State::kRebinding, parameters, now);
}

Dhcp6Client::Step Dhcp6Client::bound() {
  other_.reset();
  state_ = State::kBound;
  due_ = MonotonicTime::max();
  return {};
}

Dhcp6Client::Step Dhcp6Client::start(MonotonicTime now, Onset onset) {
  lease_.reset();
  other_.reset();
  state_ = State::kInit;
  due_ = MonotonicTime::max();
  if (!link_up_) return {};
  return solicit(now, onset == Onset::kTogether ? short_wait() : 0ms);
}

Dhcp6Client::Step Dhcp6Client::start_after(nanoseconds wait, MonotonicTime now) {
  if (wait <= nanoseconds{0}) return start(now);
  lease_.reset();
  other_.reset();
  state_ = State::kInit;
  due_ = now + wait;
  return {};
}

/// The first refusal in a row is followed at once. A server that offers and refuses in turns must
/// not make us run in a circle.
Dhcp6Client::Step Dhcp6Client::begin_again(MonotonicTime now) {
  const bool lost = lease_.has_value();
  const unsigned before = refusals_++;
  Step step = start_after(before == 0 ? 0s : doubled(1s, before - 1, kLongestRefusalWait), now);
  if (lost) step.change = Change::kLost;
  return step;
}

Dhcp6Client::Step Dhcp6Client::lose(MonotonicTime now) {
  Step step = start(now);
  step.change = Change::kLost;
  return step;
}

// --- Events

Dhcp6Client::Step Dhcp6Client::adopt(const Lease6& lease, MonotonicTime now) {
  if (now >= lease.expires()) return start(now);
  lease_ = lease;
  bound();
  if (!link_up_) return {};
  return now < lease.rebinds() ? renew(now) : rebind(now);
}

Dhcp6Client::Step Dhcp6Client::timer(MonotonicTime now) {
  if (lease_ && now >= lease_->expires()) return lose(now);
  if (!link_up_ || now < next_timer()) return {};
  switch (state_) {
    case State::kInit:
      return start(now);
    case State::kBound:
      return now < lease_->rebinds() ? renew(now) : rebind(now);
    case State::kSoliciting:
      if (other_) return request(now);
      return transmit(now);
    default:
      return retransmission_.over() ? give_up(now) : transmit(now);
  }
}

/// Nobody has answered the last message of an exchange.
Dhcp6Client::Step Dhcp6Client::give_up(MonotonicTime now) {
  switch (state_) {
    case State::kRequesting:
      return lease_ ? rebind(now) : start(now);
    case State::kConfirming:
      // Who moved from one network to another hears from strange servers only.
      return objection_ ? lose(now) : bound();
    case State::kRenewing:
      return rebind(now);
    case State::kDeclining:
      return start_after(not_before_ - now, now);
    case State::kReleasing:
      other_.reset();
      state_ = State::kInit;
      due_ = MonotonicTime::max();
      return {};
    default:
      return {};
  }
}

Dhcp6Client::Step Dhcp6Client::link(bool up, MonotonicTime now, Onset onset) {
  if (up == link_up_) return {};
  link_up_ = up;
  if (lease_) {
    objection_ = false;
    if (!up) return bound();
    if (onset == Onset::kAlone) return adopt(Lease6(*lease_), now);
    other_.reset();
    return exchange(State::kConfirming, kConfirm, now, short_wait());
  }
  const bool parting = state_ == State::kDeclining || state_ == State::kReleasing;
  return parting ? Step{} : start(now, onset);
}

Dhcp6Client::Step Dhcp6Client::slept(MonotonicClock::duration time, MonotonicTime now) {
  if (time <= MonotonicClock::duration{}) return {};
  for (auto* lease : {&lease_, &other_})
    if (*lease) (*lease)->obtained -= time;
  sent_ -= time;
  if (!lease_) return {};
  if (now >= lease_->expires()) return lose(now);
  return link_up_ ? adopt(*lease_, now) : Step{};
}

Dhcp6Client::Step Dhcp6Client::taken(MonotonicTime now) {
  if (!lease_) return {};
  ++conflicts_;
  const auto wait = doubled(kFirstConflictWait, recent_conflicts_++, kLongestConflictWait);
  not_before_ = now + wait + short_wait();
  const auto address = lease_->address;
  other_ = std::exchange(lease_, std::nullopt);
  Step step = link_up_ ? exchange(State::kDeclining, kDecline, now) : start(now);
  step.change = Change::kTaken;
  step.conflict = {address, wait};
  return step;
}

Dhcp6Client::Step Dhcp6Client::release(MonotonicTime now) {
  if (!lease_ || !link_up_) return {};
  other_ = std::exchange(lease_, std::nullopt);
  Step step = exchange(State::kReleasing, kRelease, now);
  step.change = Change::kLost;
  return step;
}

MonotonicTime Dhcp6Client::next_timer() const {
  const auto expiry = lease_ ? lease_->expires() : MonotonicTime::max();
  if (!link_up_) return expiry;
  return std::min(expiry, state_ == State::kBound ? lease_->renews() : due_);
}

std::optional<IpAddress> Dhcp6Client::claimed_address() const {
  if (lease_) return lease_->address;
  if (other_ && (state_ == State::kSoliciting || state_ == State::kRequesting))
    return other_->address;
  return std::nullopt;
}

bool Dhcp6Client::unanswered() const {
  return state_ == State::kSoliciting && retransmission_.transmissions() >= kUnanswered && !other_;
}

std::string_view state_name(Dhcp6Client::State state) {
  using State = Dhcp6Client::State;
  switch (state) {
    case State::kInit:
      return "INIT";
    case State::kSoliciting:
      return "SOLICITING";
    case State::kRequesting:
      return "REQUESTING";
    case State::kBound:
      return "BOUND";
    case State::kConfirming:
      return "CONFIRMING";
    case State::kRenewing:
      return "RENEWING";
    case State::kRebinding:
      return "REBINDING";
    case State::kDeclining:
      return "DECLINING";
    case State::kReleasing:
      return "RELEASING";
  }
  return "";
}

}  // namespace anabranch::host
