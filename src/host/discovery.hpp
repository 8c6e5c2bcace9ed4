// SPDX-License-Identifier: MIT
// How a host learns on its physical interface whether the network offers further paths, without
// taking the interface's lease over from whoever manages it (draft-wr-mptcp-single-homed): a
// DHCPINFORM from the address the interface has, with EXT_ROUTE in the parameter request list. A
// server that does not answer DHCPINFORM gets a DISCOVER under an identity of our own, whose OFFER
// is read and never requested. What such an answer tells of converters is the interface's own
// path's, with EXT_ROUTE or without. Pure: events with their time go in, a message to send comes
// out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "host/dhcp_message.hpp"
#include "wire/ext_route.hpp"

namespace anabranch::host {

class Discovery {
 public:
  struct Settings {
    MacAddress mac;                       ///< of the physical interface
    std::vector<std::uint8_t> client_id;  ///< of the DISCOVER, ours and not the interface's
    std::uint8_t ext_route_code = 0;
    std::function<std::uint32_t()> random;
  };
  enum class Support {
    kUnknown,  ///< nobody has answered yet
    kNo,       ///< answered without EXT_ROUTE
    kYes,
  };
  struct Step {
    std::optional<OutgoingMessage> send = std::nullopt;
    bool verdict = false;  ///< support() and route() are settled anew
  };

  explicit Discovery(Settings settings) : settings_(std::move(settings)) {}

  /// The interface's address now (nothing: none), and whether it has carrier. A change asks anew.
  Step interface(std::optional<IpAddress> address, bool carrier, MonotonicTime now);
  Step receive(const DhcpMessage& message, MonotonicTime now);
  /// Whether `message` answers what was asked last.
  bool expects(const DhcpMessage& message) const {
    return message.reply() && message.xid == xid_ && message.hardware == settings_.mac;
  }
  Step timer(MonotonicTime now);
  MonotonicTime next_timer() const { return next_; }
  /// There may be news: asks again at the next timer, unless it has asked a moment ago.
  void ask_soon(MonotonicTime now);

  Support support() const { return support_; }
  /// The index of the interface's own address and the count; meaningful for kYes.
  const wire::ExtRoute& route() const { return route_; }
  /// Converters that the deciding answer told of; with kNo the first one that told of any.
  const std::vector<Endpoint>& converters() const { return converters_; }

 private:
  enum class Asking { kNothing, kInform, kDiscover };
  Step ask(MonotonicTime now);
  Step settle(Support support, MonotonicTime now);

  Settings settings_;
  std::optional<IpAddress> address_;
  bool carrier_ = false;
  Asking asking_ = Asking::kNothing;
  bool refused_ =
      false;  ///< an answer without EXT_ROUTE has come; another server may still know more
  unsigned unanswered_ = 0;
  std::uint32_t xid_ = 0;
  Support support_ = Support::kUnknown;
  wire::ExtRoute route_;
  std::vector<Endpoint> converters_;
  std::vector<Endpoint> refused_converters_;  ///< of answers without EXT_ROUTE
  MonotonicTime asked_ = MonotonicTime::min();
  MonotonicTime next_ = MonotonicTime::max();
};

}  // namespace anabranch::host
