// SPDX-License-Identifier: MIT
// What the DHCPv6 client makes of a server's answers (RFC 8415 sections 18.2.9 and 18.2.10).
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "host/dhcp6_client.hpp"

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

/// What a server may set SOL_MAX_RT to, in seconds (RFC 8415 section 21.24).
constexpr std::uint32_t kLeastSolMaxRt = 60;
constexpr std::uint32_t kMostSolMaxRt = 86400;
constexpr std::uint8_t kTakeAtOnce = 255;  ///< a preference (RFC 8415 section 18.2.1)

bool is_failure(const std::optional<Dhcp6Status>& status) {
  return status && status->code != Dhcp6Status::kSuccess;
}

/// The first failure a server tells: of the message, of the network, of the association.
std::optional<Dhcp6Status> failure_in(const Dhcp6Message& message,
                                      const Dhcp6Configuration& configuration, std::uint32_t iaid) {
  if (is_failure(message.outside.status)) return message.outside.status;
  if (is_failure(configuration.status)) return configuration.status;
  const auto* association = configuration.association(iaid);
  return association != nullptr && is_failure(association->status) ? association->status
                                                                   : std::nullopt;
}

}  // namespace

bool Dhcp6Client::expects(const Dhcp6Message& message) const {
  // What was on its way when the wire went would have us answer into the void.
  if (!link_up_ || state_ == State::kInit || state_ == State::kBound ||
      retransmission_.transmissions() == 0)
    return false;
  const auto wanted = state_ == State::kSoliciting ? Dhcp6Type::kAdvertise : Dhcp6Type::kReply;
  return message.type == wanted && message.transaction == transaction_ &&
         message.client == settings_.duid && !message.server.empty();
}

Dhcp6Client::Step Dhcp6Client::receive(const Dhcp6Message& message, MonotonicTime now) {
  if (!expects(message)) return {};
  switch (state_) {
    case State::kSoliciting:
      return take_advertise(message, now);
    case State::kConfirming:
      return take_confirmation(message, now);
    case State::kDeclining:
    case State::kReleasing:
      return message.server == subject().server ? give_up(now) : Step{};
    default:
      return take_reply(message, now);
  }
}

LeaseRequest Dhcp6Client::looked_for() const {
  std::optional<IpAddress> address;
  if (lease_ || other_) address = subject().address;
  return {settings_.index, settings_.iaid, address, settings_.acceptable};
}

/// SOL_MAX_RT counts in a message without an address too (RFC 8415 section 18.2.9), but only from a
/// server that has our path.
void Dhcp6Client::take_limits(const Dhcp6Message& message) {
  if (!message.sol_max_rt || *message.sol_max_rt < kLeastSolMaxRt ||
      *message.sol_max_rt > kMostSolMaxRt)
    return;
  longest_solicit_ = seconds(*message.sol_max_rt);
  if (state_ == State::kSoliciting) retransmission_.set_longest(longest_solicit_);
}

/// The most preferred one of those that come within the first second or so; later on the first one.
Dhcp6Client::Step Dhcp6Client::take_advertise(const Dhcp6Message& message, MonotonicTime now) {
  const auto* configuration = message.of_path(settings_.index);
  if (configuration == nullptr) return {};
  take_limits(message);
  if (auto failure = failure_in(message, *configuration, settings_.iaid)) {
    Step step;
    step.refusal = std::move(failure);
    return step;
  }
  auto advertised =
      lease6_from(message, {settings_.index, settings_.iaid, {}, settings_.acceptable}, now);
  const auto preference = message.preference.value_or(0);
  if (!advertised || (other_ && preference <= preference_)) return {};
  other_ = std::move(advertised);
  preference_ = preference;
  const bool in_time = retransmission_.transmissions() == 1;
  return preference == kTakeAtOnce || !in_time ? request(now) : Step{};
}

Dhcp6Client::Step Dhcp6Client::take_confirmation(const Dhcp6Message& message, MonotonicTime now) {
  const auto& status = message.outside.status;
  if (!is_failure(status)) return bound();
  if (status->code != Dhcp6Status::kNotOnLink) return {};
  // A server that does not know our prefix thinks so of every address in it.
  if (message.server != lease_->server) {
    objection_ = true;
    return {};
  }
  return take_refusal(*status, message, now);
}

Dhcp6Client::Step Dhcp6Client::take_reply(const Dhcp6Message& message, MonotonicTime now) {
  const bool from_its_server = message.server == subject().server;
  const auto* configuration = message.of_path(settings_.index);
  // Rebinding, every server is asked; one that does not know the path has no say.
  if (!from_its_server && (state_ != State::kRebinding || configuration == nullptr)) return {};
  // A refusal needs no EXT_ROUTE: of the server asked it is meant for us.
  const auto& said = configuration == nullptr ? message.outside : *configuration;
  if (const auto failure = failure_in(message, said, settings_.iaid))
    return take_refusal(*failure, message, now);
  if (configuration == nullptr) return {};
  take_limits(message);
  if (auto granted = lease6_from(message, looked_for(), sent_)) {
    spread_renewal(*granted, message);
    return take_grant(*std::move(granted));
  }
  const auto* association = configuration->association(settings_.iaid);
  if (lease_ && association != nullptr && is_withdrawn(*association, lease_->address))
    return begin_again(now);
  return {};
}

Dhcp6Client::Step Dhcp6Client::take_grant(Lease6 granted) {
  Step step;
  if (!lease_)
    step.change = Change::kObtained;
  else if (lease_->address == granted.address && lease_->resolvers == granted.resolvers &&
           lease_->route == granted.route)
    step.change = Change::kRenewed;
  else
    step.change = Change::kChanged;
  if (lease_ && lease_->address == granted.address) recent_conflicts_ = 0;
  lease_ = std::move(granted);
  refusals_ = 0;
  bound();
  return step;
}

/// RFC 8415 section 18.2.10. What we ask anew goes on from here; what a server could not do this
/// time (UnspecFail) is asked for again in the course of the exchange, as is what has no sense
/// (UseMulticast: we do nothing else).
Dhcp6Client::Step Dhcp6Client::take_refusal(const Dhcp6Status& status, const Dhcp6Message& message,
                                            MonotonicTime now) {
  Step step;
  switch (status.code) {
    case Dhcp6Status::kNoBinding:
      if (lease_ && state_ != State::kRequesting) {
        // The server has lost its memory. The address stays in use meanwhile.
        other_ = lease_;
        other_->server = message.server;
        step = request(now);
        break;
      }
      [[fallthrough]];
    case Dhcp6Status::kNotOnLink:
      step = begin_again(now);
      break;
    case Dhcp6Status::kNoAddrsAvail:
      // A lease that is not extended runs to its end.
      if (!lease_) step = begin_again(now);
      break;
    default:
      break;
  }
  step.refusal = status;
  return step;
}

/// T1 of our own choice differs from host to host and path to path by up to 5 %, so that what began
/// together does not renew together.
void Dhcp6Client::spread_renewal(Lease6& lease, const Dhcp6Message& message) const {
  const auto* association = message.of_path(settings_.index)->association(settings_.iaid);
  if (!lease.renewal || association->t1 != 0s) return;
  const auto thousandths = static_cast<std::int64_t>(settings_.random() % 2001) - 1000;
  *lease.renewal += seconds(lease.renewal->count() * thousandths / 20'000);
  if (lease.rebinding) lease.renewal = std::min(lease.renewal, lease.rebinding);
}

std::string status_name(const Dhcp6Status& status) {
  static constexpr std::string_view kNames[] = {"Success",      "UnspecFail", "NoAddrsAvail",
                                                "NoBinding",    "NotOnLink",  "UseMulticast",
                                                "NoPrefixAvail"};
  if (status.code < std::size(kNames)) return std::string(kNames[status.code]);
  return fmt::format("status {}", status.code);
}

}  // namespace anabranch::host
