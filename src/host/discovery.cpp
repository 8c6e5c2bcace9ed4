// SPDX-License-Identifier: MIT
#include "host/discovery.hpp"

#include <algorithm>

#include "host/told_converters.hpp"

namespace anabranch::host {
namespace {

constexpr unsigned kInforms = 2;  ///< before a DISCOVER is tried
constexpr seconds kFirstWait{2};
constexpr seconds kLongestWait{60};
constexpr seconds kRepeat{300};
/// How long another server on the wire may take to contradict one that knows no EXT_ROUTE.
constexpr seconds kGrace{1};
/// Between two questions that ask_soon() has brought forward.
constexpr seconds kPause{10};

/// 2, 4, 8, ... 60 s after the first, second, third unanswered question.
seconds wait_after(unsigned unanswered) {
  return std::min(kLongestWait, kFirstWait * (1u << std::min(unanswered, 5u)));
}

}  // namespace

Discovery::Step Discovery::interface(std::optional<IpAddress> address, bool carrier,
                                     MonotonicTime now) {
  if (address == address_ && carrier == carrier_) return {};
  address_ = address;
  carrier_ = carrier;
  asking_ = Asking::kNothing;
  refused_ = false;
  unanswered_ = 0;
  next_ = MonotonicTime::max();
  return address_ && carrier_ ? ask(now) : Step{};
}

Discovery::Step Discovery::ask(MonotonicTime now) {
  // Two INFORMs, one DISCOVER, and round again: a server that comes up late may know either.
  asking_ = unanswered_ % (kInforms + 1) < kInforms ? Asking::kInform : Asking::kDiscover;
  refused_ = false;
  refused_converters_.clear();
  asked_ = now;
  xid_ = settings_.random();
  next_ = now + wait_after(unanswered_) + milliseconds(settings_.random() % 500);
  ++unanswered_;
  OutgoingMessage out;
  out.message.xid = xid_;
  out.message.hardware = settings_.mac;
  out.message.options[dhcp::kParameterList] = parameter_list(settings_.ext_route_code);
  if (asking_ == Asking::kInform) {
    out.message.type = DhcpType::kInform;
    out.message.client = *address_;
  } else {
    out.message.type = DhcpType::kDiscover;
    out.message.broadcast = true;
    out.message.options[dhcp::kClientId] = settings_.client_id;
  }
  return {std::move(out)};
}

Discovery::Step Discovery::receive(const DhcpMessage& message, MonotonicTime now) {
  const auto wanted = asking_ == Asking::kInform ? DhcpType::kAck : DhcpType::kOffer;
  if (asking_ == Asking::kNothing || message.type != wanted || !expects(message)) return {};
  const auto* value = message.option(settings_.ext_route_code);
  const auto route = value == nullptr ? std::nullopt : wire::decode_ext_route(*value);
  if (!route || route->index == 0) {
    if (!refused_) next_ = now + kGrace;
    refused_ = true;
    if (refused_converters_.empty()) refused_converters_ = converters_in(message);
    return {};
  }
  route_ = *route;
  converters_ = converters_in(message);
  return settle(Support::kYes, now);
}

Discovery::Step Discovery::timer(MonotonicTime now) {
  if (now < next_) return {};
  if (refused_) {
    converters_ = std::move(refused_converters_);
    return settle(Support::kNo, now);
  }
  return ask(now);
}

void Discovery::ask_soon(MonotonicTime now) {
  // While a question is under way its answer will tell.
  if (asking_ != Asking::kNothing || !address_ || !carrier_) return;
  next_ = std::min(next_, std::max(now, asked_ + kPause));
}

Discovery::Step Discovery::settle(Support support, MonotonicTime now) {
  support_ = support;
  asking_ = Asking::kNothing;
  refused_ = false;
  unanswered_ = 0;
  next_ = now + kRepeat;
  return {std::nullopt, true};
}

}  // namespace anabranch::host
