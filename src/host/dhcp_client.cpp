// SPDX-License-Identifier: MIT
#include "host/dhcp_client.hpp"

#include <algorithm>

#include "wire/ext_route.hpp"

namespace anabranch::host {
namespace {

constexpr unsigned kTries = 4;
constexpr unsigned kLongestBackOff = 4;  ///< 4 s doubled four times: 64 s
constexpr seconds kFirstBackOff{4};
constexpr seconds kAskAgain{180};
/// Least wait between two renewals of the same state (RFC 2131 section 4.4.5).
constexpr seconds kLeastRenewalWait{60};
constexpr std::uint16_t kMaximumMessage = 1472;

MonotonicTime halfway(MonotonicTime now, MonotonicTime end) {
  if (end == MonotonicTime::max()) return now + kLeastRenewalWait;
  return std::min(end,
                  now + std::max<MonotonicClock::duration>(kLeastRenewalWait, (end - now) / 2));
}

}  // namespace

DhcpMessage DhcpClient::message(DhcpType type, MonotonicTime now) const {
  DhcpMessage out;
  out.type = type;
  out.xid = xid_;
  out.elapsed_s = static_cast<std::uint16_t>(std::clamp<long>(
      static_cast<long>(std::chrono::duration_cast<seconds>(now - began_).count()), 0, 0xffff));
  out.hardware = settings_.mac;
  const auto ext_route = wire::encode_ext_route({settings_.index, 0});
  out.options[settings_.ext_route_code] = {ext_route.begin(), ext_route.end()};
  out.options[dhcp::kClientId] = settings_.client_id;
  out.options[dhcp::kParameterList] = parameter_list(settings_.ext_route_code);
  out.options[dhcp::kMaximumSize] = {kMaximumMessage >> 8, kMaximumMessage & 0xff};
  return out;
}

void DhcpClient::begin_exchange(MonotonicTime now) {
  xid_ = settings_.random();
  began_ = now;
  tries_ = 0;
}

MonotonicTime DhcpClient::back_off(MonotonicTime now) const {
  const auto base = kFirstBackOff * (1u << std::min(tries_ - 1, kLongestBackOff));
  const milliseconds jitter(static_cast<int>(settings_.random() % 2001) - 1000);
  return now + base + jitter;
}

DhcpClient::Step DhcpClient::start(MonotonicTime now) {
  state_ = State::kInit;
  lease_.reset();
  offer_.reset();
  resend_ = MonotonicTime::max();
  return link_up_ ? discover(now) : Step{};
}

DhcpClient::Step DhcpClient::adopt(const Lease& lease, MonotonicTime now) {
  if (now >= lease.expires()) return start(now);
  lease_ = lease;
  begin_exchange(now);
  state_ = State::kBound;
  if (!link_up_) return {};
  return now < lease.rebinds() ? renew(now) : rebind(now);
}

DhcpClient::Step DhcpClient::discover(MonotonicTime now) {
  begin_exchange(now);
  offer_.reset();
  return discover_again(now);
}

DhcpClient::Step DhcpClient::discover_again(MonotonicTime now) {
  if (tries_ == kTries) {
    state_ = State::kNoOffer;
    resend_ = now + kAskAgain + seconds(settings_.random() % 30);
    return {};
  }
  state_ = State::kSelecting;
  ++tries_;
  resend_ = back_off(now);
  auto out = message(DhcpType::kDiscover, now);
  out.broadcast = true;
  return {OutgoingMessage{std::move(out)}};
}

DhcpClient::Step DhcpClient::request(MonotonicTime now) {
  state_ = State::kRequesting;
  ++tries_;
  resend_ = back_off(now);
  requested_ = now;
  auto out = message(DhcpType::kRequest, now);
  out.broadcast = true;
  out.set_address(dhcp::kRequestedAddress, offer_->address.address());
  out.set_address(dhcp::kServerId, offer_->server.address);
  return {OutgoingMessage{std::move(out)}};
}

DhcpClient::Step DhcpClient::renew(MonotonicTime now) {
  if (state_ != State::kRenewing) begin_exchange(now);
  state_ = State::kRenewing;
  resend_ = halfway(now, lease_->rebinds());
  requested_ = now;
  auto out = message(DhcpType::kRequest, now);
  out.client = lease_->address.address();
  return {OutgoingMessage{std::move(out), lease_->server}};
}

DhcpClient::Step DhcpClient::rebind(MonotonicTime now) {
  if (state_ != State::kRebinding) begin_exchange(now);
  state_ = State::kRebinding;
  resend_ = halfway(now, lease_->expires());
  requested_ = now;
  auto out = message(DhcpType::kRequest, now);
  out.client = lease_->address.address();
  return {OutgoingMessage{std::move(out)}};
}

DhcpClient::Step DhcpClient::lose(MonotonicTime now) {
  Step step = start(now);
  step.change = Change::kLost;
  return step;
}

DhcpClient::Step DhcpClient::timer(MonotonicTime now) {
  if (lease_ && now >= lease_->expires()) return lose(now);
  if (!link_up_ || now < next_timer()) return {};
  switch (state_) {
    case State::kInit:
      return {};
    case State::kNoOffer:
      return discover(now);
    case State::kSelecting:
      return discover_again(now);
    case State::kRequesting:
      return tries_ < kTries ? request(now) : discover(now);
    case State::kBound:
    case State::kRenewing:
      return now < lease_->rebinds() ? renew(now) : rebind(now);
    case State::kRebinding:
      return rebind(now);
  }
  return {};
}

DhcpClient::Step DhcpClient::link(bool up, MonotonicTime now) {
  if (up == link_up_) return {};
  link_up_ = up;
  if (!up) return {};
  if (!lease_) return start(now);
  return adopt(*lease_, now);
}

MonotonicTime DhcpClient::next_timer() const {
  const auto expiry = lease_ ? lease_->expires() : MonotonicTime::max();
  if (!link_up_) return expiry;
  return std::min(expiry, state_ == State::kBound ? lease_->renews() : resend_);
}

DhcpClient::Step DhcpClient::receive(const DhcpMessage& message, const MacAddress& from,
                                     MonotonicTime now) {
  // What was on its way when the wire went would have us answer into the void.
  if (!link_up_ || !message.reply() || message.xid != xid_ || message.hardware != settings_.mac)
    return {};
  switch (state_) {
    case State::kSelecting:
      return message.type == DhcpType::kOffer ? take_offer(message, from, now) : Step{};
    case State::kRequesting:
      if (message.type == DhcpType::kNak) return start(now);
      return message.type == DhcpType::kAck ? take_ack(message, from) : Step{};
    case State::kRenewing:
    case State::kRebinding:
      if (message.type == DhcpType::kNak) return lose(now);
      return message.type == DhcpType::kAck ? take_ack(message, from) : Step{};
    default:
      return {};
  }
}

DhcpClient::Step DhcpClient::take_offer(const DhcpMessage& message, const MacAddress& from,
                                        MonotonicTime now) {
  auto offer = lease_from(message, from, settings_.ext_route_code, now);
  if (!offer || offer->route.index != settings_.index ||
      !settings_.acceptable(offer->address.address()))
    return {};
  offer_ = std::move(offer);
  tries_ = 0;
  return request(now);
}

DhcpClient::Step DhcpClient::take_ack(const DhcpMessage& message, const MacAddress& from) {
  auto granted = lease_from(message, from, settings_.ext_route_code, requested_);
  // A server may grant another address than it has offered.
  if (!granted || granted->route.index != settings_.index ||
      !settings_.acceptable(granted->address.address()))
    return {};
  Step step;
  if (!lease_)
    step.change = Change::kObtained;
  else
    step.change = lease_->same_network(*granted) ? Change::kRenewed : Change::kChanged;
  lease_ = std::move(granted);
  offer_.reset();
  state_ = State::kBound;
  resend_ = MonotonicTime::max();
  return step;
}

std::string_view state_name(DhcpClient::State state) {
  switch (state) {
    case DhcpClient::State::kInit:
      return "INIT";
    case DhcpClient::State::kSelecting:
      return "SELECTING";
    case DhcpClient::State::kRequesting:
      return "REQUESTING";
    case DhcpClient::State::kBound:
      return "BOUND";
    case DhcpClient::State::kRenewing:
      return "RENEWING";
    case DhcpClient::State::kRebinding:
      return "REBINDING";
    case DhcpClient::State::kNoOffer:
      return "NO OFFER";
  }
  return "";
}

}  // namespace anabranch::host
