// SPDX-License-Identifier: MIT
#include "host/dhcp_client.hpp"

#include <algorithm>

#include "wire/ext_route.hpp"

namespace anabranch::host {
namespace {

using Verdict = AddressCheck::Verdict;

constexpr unsigned kTries = 4;
constexpr unsigned kLongestBackOff = 4;  ///< 4 s doubled four times: 64 s
constexpr seconds kFirstBackOff{4};
/// A remembered lease is asked for twice, with 1 s and 2 s for the answer. The DISCOVER that
/// follows asks again anyway, and a server of another network often just does not answer.
constexpr unsigned kRebootTries = 2;
constexpr seconds kFirstRebootWait{1};
constexpr unsigned kRebootJitterMs = 250;
constexpr seconds kAskAgain{180};
/// Least wait between two renewals of the same state (RFC 2131 section 4.4.5).
constexpr seconds kLeastRenewalWait{60};
constexpr seconds kLongestRefusalWait{64};
/// RFC 2131 section 3.1 (5) wants 10 s; RFC 5227 section 2.1.1 a minute between attempts when many
/// have failed (RATE_LIMIT_INTERVAL).
constexpr seconds kFirstConflictWait{10};
constexpr seconds kLongestConflictWait{60};
constexpr std::uint16_t kMaximumMessage = 1472;

MonotonicTime halfway(MonotonicTime now, MonotonicTime end) {
  if (end == MonotonicTime::max()) return now + kLeastRenewalWait;
  return std::min(end,
                  now + std::max<MonotonicClock::duration>(kLeastRenewalWait, (end - now) / 2));
}

/// `first`, doubled with each of `times`, up to `longest`.
seconds doubled(seconds first, unsigned times, seconds longest) {
  return std::min(longest, first * (1u << std::min(times, 10u)));
}

}  // namespace

DhcpClient::DhcpClient(Settings settings)
    : settings_(std::move(settings)),
      check_({settings_.mac, settings_.own_mac, settings_.random}) {}

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
  return out;
}

/// A message that wants an answer.
DhcpMessage DhcpClient::question(DhcpType type, MonotonicTime now) const {
  auto out = message(type, now);
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
  const milliseconds jitter(static_cast<int>(settings_.random() % 2001) - 1000);
  return now + kFirstBackOff * (1u << std::min(tries_ - 1, kLongestBackOff)) + jitter;
}

DhcpClient::Step DhcpClient::start(MonotonicTime now, std::optional<Lease> remembered) {
  state_ = State::kInit;
  lease_.reset();
  candidate_ = std::move(remembered);
  check_.stop();
  resend_ = MonotonicTime::max();
  return link_up_ ? begin(now) : Step{};
}

DhcpClient::Step DhcpClient::start_after(nanoseconds wait, MonotonicTime now) {
  if (wait <= nanoseconds{0}) return start(now);
  state_ = State::kInit;
  lease_.reset();
  candidate_.reset();
  check_.stop();
  resend_ = now + wait;
  return {};
}

DhcpClient::Step DhcpClient::begin(MonotonicTime now) {
  if (!candidate_ || now >= candidate_->expires() ||
      !settings_.acceptable(candidate_->address.address()))
    return discover(now);
  begin_exchange(now);
  return reboot(now);
}

DhcpClient::Step DhcpClient::adopt(const Lease& lease, MonotonicTime now) {
  if (now >= lease.expires()) return start(now);
  lease_ = lease;
  check_.watch(lease.address.address());
  begin_exchange(now);
  state_ = State::kBound;
  if (!link_up_) return {};
  return now < lease.rebinds() ? renew(now) : rebind(now);
}

DhcpClient::Step DhcpClient::discover(MonotonicTime now) {
  begin_exchange(now);
  candidate_.reset();
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
  auto out = question(DhcpType::kDiscover, now);
  out.broadcast = true;
  return {OutgoingMessage{std::move(out)}};
}

DhcpClient::Step DhcpClient::reboot(MonotonicTime now) {
  if (tries_ == kRebootTries) return discover(now);
  state_ = State::kRebooting;
  resend_ = now + kFirstRebootWait * (1u << tries_++) +
            milliseconds(settings_.random() % (kRebootJitterMs + 1));
  requested_ = now;
  auto out = question(DhcpType::kRequest, now);
  out.broadcast = true;
  out.set_address(dhcp::kRequestedAddress, candidate_->address.address());
  return {OutgoingMessage{std::move(out)}};
}

DhcpClient::Step DhcpClient::request(MonotonicTime now) {
  state_ = State::kRequesting;
  ++tries_;
  resend_ = back_off(now);
  requested_ = now;
  auto out = question(DhcpType::kRequest, now);
  out.broadcast = true;
  out.set_address(dhcp::kRequestedAddress, candidate_->address.address());
  out.set_address(dhcp::kServerId, candidate_->server.address);
  return {OutgoingMessage{std::move(out)}};
}

DhcpClient::Step DhcpClient::renew(MonotonicTime now) {
  if (state_ != State::kRenewing) begin_exchange(now);
  state_ = State::kRenewing;
  resend_ = halfway(now, lease_->rebinds());
  requested_ = now;
  auto out = question(DhcpType::kRequest, now);
  out.client = lease_->address.address();
  return {OutgoingMessage{std::move(out), lease_->server}};
}

DhcpClient::Step DhcpClient::rebind(MonotonicTime now) {
  if (state_ != State::kRebinding) begin_exchange(now);
  state_ = State::kRebinding;
  resend_ = halfway(now, lease_->expires());
  requested_ = now;
  auto out = question(DhcpType::kRequest, now);
  out.client = lease_->address.address();
  return {OutgoingMessage{std::move(out)}};
}

DhcpClient::Step DhcpClient::lose(MonotonicTime now) {
  Step step = start(now);
  step.change = Change::kLost;
  return step;
}

DhcpClient::Step DhcpClient::release(MonotonicTime now) {
  if (!lease_) return {};
  begin_exchange(now);
  auto out = message(DhcpType::kRelease, now);
  out.options.erase(settings_.ext_route_code);  // asks for nothing (RFC 2131 table 5)
  out.client = lease_->address.address();
  out.set_address(dhcp::kServerId, lease_->server.address);
  Step step{OutgoingMessage{std::move(out), lease_->server}, Change::kLost};
  link_up_ = false;  // asks for nothing any more
  start(now);
  return step;
}

DhcpClient::Step DhcpClient::timer(MonotonicTime now) {
  if (lease_ && now >= lease_->expires()) return lose(now);
  if (!link_up_ || now < next_timer()) return {};
  if (now >= check_.next_timer()) return take_check(check_.timer(now), now);
  switch (state_) {
    case State::kInit:
      return begin(now);
    case State::kNoOffer:
      return discover(now);
    case State::kSelecting:
      return discover_again(now);
    case State::kRebooting:
      return reboot(now);
    case State::kRequesting:
      return tries_ < kTries ? request(now) : discover(now);
    case State::kChecking:
      return {};
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
  if (lease_) return up ? adopt(*lease_, now) : Step{};
  // A grant that could not be checked is asked for again when the wire is back; an offer is not.
  if (state_ == State::kRequesting) candidate_.reset();
  return start(now, std::move(candidate_));
}

DhcpClient::Step DhcpClient::slept(MonotonicClock::duration time, MonotonicTime now) {
  if (time <= MonotonicClock::duration{}) return {};
  for (auto* lease : {&lease_, &candidate_})
    if (*lease) (*lease)->obtained -= time;
  requested_ -= time;
  if (!lease_) return {};
  if (now >= lease_->expires()) return lose(now);
  return link_up_ ? adopt(*lease_, now) : Step{};
}

MonotonicTime DhcpClient::next_timer() const {
  const auto expiry = lease_ ? lease_->expires() : MonotonicTime::max();
  if (!link_up_) return expiry;
  return std::min(
      {expiry, check_.next_timer(), state_ == State::kBound ? lease_->renews() : resend_});
}

std::optional<IpAddress> DhcpClient::claimed_address() const {
  if (lease_) return lease_->address.address();
  if (candidate_) return candidate_->address.address();
  return std::nullopt;
}

DhcpClient::Step DhcpClient::receive(const DhcpMessage& message, const MacAddress& from,
                                     MonotonicTime now) {
  // What was on its way when the wire went would have us answer into the void.
  if (!link_up_ || !expects(message)) return {};
  if (message.type == DhcpType::kOffer)
    return state_ == State::kSelecting ? take_offer(message, from, now) : Step{};
  switch (state_) {
    case State::kRequesting:
      if (!from_its_server(message)) return {};
      break;
    case State::kRenewing:
      // Only the server that gave the lease was asked; another one's ACK does no harm.
      if (message.type == DhcpType::kNak && !from_its_server(message)) return {};
      break;
    case State::kRebooting:
    case State::kRebinding:
      break;
    default:
      return {};
  }
  return message.type == DhcpType::kAck ? take_ack(message, from, now) : take_nak(message, now);
}

bool DhcpClient::from_its_server(const DhcpMessage& message) const {
  const Lease& lease = lease_ ? *lease_ : *candidate_;
  return message.address_option(dhcp::kServerId) == lease.server.address;
}

DhcpClient::Step DhcpClient::take_offer(const DhcpMessage& message, const MacAddress& from,
                                        MonotonicTime now) {
  auto offer = lease_from(message, from, settings_.ext_route_code, now);
  if (!offer || offer->route.index != settings_.index ||
      !settings_.acceptable(offer->address.address()))
    return {};
  candidate_ = std::move(offer);
  tries_ = 0;
  return request(now);
}

/// T1 of our own choice differs from host to host and path to path by up to 5 % (RFC 2131 section
/// 4.4.5), so that what began together does not renew together.
void DhcpClient::spread_renewal(Lease& lease, const DhcpMessage& message) const {
  if (!lease.renewal || message.option(dhcp::kRenewalTime)) return;
  const auto thousandths = static_cast<std::int64_t>(settings_.random() % 2001) - 1000;
  const seconds spread(lease.renewal->count() * thousandths / 20000);
  lease.renewal = std::min(*lease.renewal + spread, *lease.rebinding);
}

DhcpClient::Step DhcpClient::take_ack(const DhcpMessage& message, const MacAddress& from,
                                      MonotonicTime now) {
  auto granted = lease_from(message, from, settings_.ext_route_code, requested_);
  if (!granted || granted->route.index != settings_.index) return {};
  spread_renewal(*granted, message);
  const auto address = granted->address.address();
  Step step;
  if (lease_ && lease_->address.address() == address) {
    step.change = lease_->same_network(*granted) ? Change::kRenewed : Change::kChanged;
    lease_ = std::move(granted);
    recent_conflicts_ = 0;
    state_ = State::kBound;
  } else {
    if (!settings_.acceptable(address)) return {};
    if (lease_) step.change = Change::kLost;
    lease_.reset();
    candidate_ = std::move(granted);
    state_ = State::kChecking;
    step.arp = check_.probe(address, now).send;
  }
  refusals_ = 0;
  resend_ = MonotonicTime::max();
  return step;
}

/// The first refusal in a row is followed at once, as RFC 2131 has it. A server that offers and
/// refuses in turns must not make us run in a circle.
DhcpClient::Step DhcpClient::take_nak(const DhcpMessage& message, MonotonicTime now) {
  if (!message.address_option(dhcp::kServerId)) return {};
  const bool lost = lease_.has_value();
  const unsigned before = refusals_++;
  Step step = start_after(
      before == 0 ? seconds{0} : doubled(seconds{1}, before - 1, kLongestRefusalWait), now);
  if (lost) step.change = Change::kLost;
  return step;
}

DhcpClient::Step DhcpClient::receive(const wire::ArpPacket& packet, MonotonicTime now) {
  return take_check(check_.receive(packet, now), now);
}

DhcpClient::Step DhcpClient::take_check(const AddressCheck::Step& check, MonotonicTime now) {
  Step step;
  step.arp = check.send;
  switch (check.verdict) {
    case Verdict::kNone:
      return step;
    case Verdict::kFree:
      lease_ = std::move(candidate_);
      candidate_.reset();
      state_ = State::kBound;
      step.change = Change::kObtained;
      return step;
    case Verdict::kDefended:
      ++conflicts_;
      step.conflict = {lease_->address.address(), check.other, Conflict::Outcome::kDefended, {}};
      return step;
    case Verdict::kConflict:
      ++conflicts_;
      return decline(check.other, now);
  }
  return step;
}

/// RFC 2131 section 4.4.1 and table 5: the server hears that the address is in use, and we wait
/// before we ask for another.
DhcpClient::Step DhcpClient::decline(const MacAddress& other, MonotonicTime now) {
  const bool used = lease_.has_value();
  const Lease lease = used ? *lease_ : *candidate_;
  begin_exchange(now);
  auto out = message(DhcpType::kDecline, now);
  out.set_address(dhcp::kRequestedAddress, lease.address.address());
  out.set_address(dhcp::kServerId, lease.server.address);
  const auto wait = doubled(kFirstConflictWait, recent_conflicts_++, kLongestConflictWait);
  Step step = start_after(wait + milliseconds(settings_.random() % 1000), now);
  if (link_up_) step.send = OutgoingMessage{std::move(out)};
  if (used) step.change = Change::kTaken;
  step.conflict = {lease.address.address(), other,
                   used ? Conflict::Outcome::kGivenUp : Conflict::Outcome::kRefused, wait};
  return step;
}

std::string_view state_name(DhcpClient::State state) {
  switch (state) {
    case DhcpClient::State::kInit:
      return "INIT";
    case DhcpClient::State::kRebooting:
      return "REBOOTING";
    case DhcpClient::State::kSelecting:
      return "SELECTING";
    case DhcpClient::State::kRequesting:
      return "REQUESTING";
    case DhcpClient::State::kChecking:
      return "CHECKING";
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
