// SPDX-License-Identifier: MIT
// The client of path 2 in conversation with a server and with the other stations of its wire: what
// the tests of the client are made of.
#pragma once

#include <algorithm>

#include <gtest/gtest.h>

#include "host/dhcp_client.hpp"

namespace anabranch::host {

using State = DhcpClient::State;
using Change = DhcpClient::Change;
using namespace std::chrono_literals;

inline constexpr std::uint8_t kExtRoute = 224;
inline const MacAddress kServerMac = MacAddress::parse("02:00:00:00:00:67").value();
inline const MacAddress kStranger = MacAddress::parse("02:00:00:00:00:99").value();
/// Of another interface of this host.
inline const MacAddress kSibling = MacAddress::parse("02:00:00:00:00:03").value();
inline const MacAddress kOurMac = MacAddress::parse("02:00:00:00:00:02").value();
inline IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

inline DhcpMessage::Octets octets(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

class DhcpConversation : public testing::Test {
 protected:
  DhcpClient::Settings settings() {
    DhcpClient::Settings out;
    out.index = 2;
    out.mac = kOurMac;
    out.client_id = {255, 0, 0, 0, 2, 0, 3, 0, 1};
    out.ext_route_code = kExtRoute;
    out.random = [this] { return random_++; };
    out.acceptable = [this](const IpAddress& offered) { return offered != held_; };
    out.own_mac = [](const MacAddress& mac) { return mac == kSibling; };
    return out;
  }

  /// A server's answer to what the client has sent last.
  DhcpMessage answer(DhcpType type, const char* offered = "10.2.16.5") {
    DhcpMessage out;
    out.type = type;
    out.xid = sent_.message.xid;
    out.hardware = kOurMac;
    out.set_address(dhcp::kServerId, address("10.1.0.1"));
    if (type == DhcpType::kNak) return out;
    out.assigned = address(offered);
    out.set_address(dhcp::kSubnetMask, address("255.255.0.0"));
    out.set_address(dhcp::kRouter, address("10.2.0.1"));
    out.options[dhcp::kLeaseTime] = octets(600);
    out.options[kExtRoute] = {2, 2};
    return out;
  }

  Change take(DhcpClient::Step step) {
    sent_any_ = step.send.has_value();
    if (step.send) sent_ = *step.send;
    arp_ = step.arp;
    conflict_ = step.conflict;
    return step.change;
  }
  Change receive(const DhcpMessage& message) {
    return take(client_.receive(message, kServerMac, now_));
  }
  void next_timer() {
    now_ = client_.next_timer();
    change_ = take(client_.timer(now_));
  }
  /// Lets time pass until the client does something beside ARP, and says how long that took.
  milliseconds wait_for_timer() {
    const auto before = now_;
    do next_timer();
    while (arp_);
    return std::chrono::duration_cast<milliseconds>(now_ - before);
  }
  /// Nobody answers the ARP probes.
  void pass_check() {
    ASSERT_EQ(client_.state(), State::kChecking);
    while (client_.state() == State::kChecking) next_timer();
    ASSERT_EQ(change_, Change::kObtained);
  }
  /// The whole exchange, from DISCOVER to a lease in use.
  void grant(DhcpMessage ack) {
    take(client_.start(now_));
    receive(answer(DhcpType::kOffer));
    ack.xid = sent_.message.xid;
    granted_ = now_;
    ASSERT_EQ(receive(ack), Change::kNone);
    pass_check();
  }
  void bind() { grant(answer(DhcpType::kAck)); }
  /// Somebody claims the address, by an ARP reply as his kernel sends it.
  Change hear_claim(const MacAddress& who, const char* claimed = "10.2.16.5") {
    return take(client_.receive(
        wire::ArpPacket{wire::ArpPacket::Operation::kReply, who, address(claimed), kOurMac, {}},
        now_));
  }
  bool sent_index_2() const {
    const auto* value = sent_.message.option(kExtRoute);
    return value != nullptr && *value == DhcpMessage::Octets{2, 0};
  }

  std::uint32_t random_ = 1000;  // a jitter of 0 s, and a new number each time
  IpAddress held_ = address("10.1.0.50");
  MonotonicTime now_ = MonotonicTime(1h);
  MonotonicTime granted_{};  ///< when the ACK came
  DhcpClient client_{settings()};
  OutgoingMessage sent_;
  bool sent_any_ = false;
  std::optional<wire::ArpPacket> arp_;
  std::optional<DhcpClient::Conflict> conflict_;
  Change change_ = Change::kNone;
};

}  // namespace anabranch::host
