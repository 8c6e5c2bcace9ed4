// SPDX-License-Identifier: MIT
// RFC 8803 as conversations: the acceptor is the Transport Converter for outgoing connections and
// the client (CPE) for incoming ones, the initiator the other of the two (section 4.2).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/ip.hpp"
#include "signalling/signalling.hpp"

namespace anabranch::signalling {

/// Cookies against spoofed client addresses (RFC 8803 section 6.2.7): HMAC-SHA-256 of the client's
/// address and the running number of a slot of time, cut to 16 octets. No state: every process
/// with the same secret, slot length and clock makes the same ones. Good during its slot and the
/// next.
class ConvertCookies {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// `secret`: at least 16 random octets, which is the caller's to see to. `slot`: above zero.
  ConvertCookies(Octets secret, std::chrono::seconds slot);

  /// With another secret or slot. What these ones make is good for one slot of theirs from `now`
  /// on, so that clients need not ask again all at once.
  ConvertCookies renewed(Octets secret, std::chrono::seconds slot, Time now) const;

  Octets make(const IpAddress& client, Time now) const;
  /// In a time that tells nothing of the right one.
  bool good(Heard cookie, const IpAddress& client, Time now) const;

 private:
  struct Key {
    Octets secret;
    std::chrono::seconds slot;
    bool operator==(const Key&) const = default;
  };
  static bool good(const Key& key, Heard cookie, const IpAddress& client, Time now);

  Key key_;
  std::optional<Key> former_ = std::nullopt;
  Time former_until_{};
};

struct ConvertAcceptorSettings {
  /// Kinds that can be placed in a SYN here: what Supported TCP Extensions lists and what a Connect
  /// may ask for. Kinds 0, 1, 2, 3, 5 and 29 are never announced, whether in it or not.
  std::vector<std::uint8_t> supported = {};
  /// Null: cookies are neither asked for nor looked at. Must outlive the conversation.
  const ConvertCookies* cookies = nullptr;
  IpAddress client = {};          ///< who asks, for the cookie
  ConvertCookies::Time now = {};  ///< for the cookie
};

/// Refusals have these reasons: those of wire::ConvertFault, "empty" (neither Connect nor Info),
/// "unexpected-tlv" (one of the other direction), "error-tlv", "destination" (multicast, broadcast,
/// loopback, unspecified, port 0), "option-content", "unsupported-option", "missing-cookie",
/// "bad-cookie".
std::unique_ptr<Acceptor> convert_acceptor(ConvertAcceptorSettings settings);

struct ConvertInitiatorSettings {
  Octets cookie = {};          ///< as the peer gave it earlier; empty: none
  bool ask_supported = false;  ///< adds an Info: Accepted then has `supported`
};

/// Failures have these reasons: those of wire::ConvertFault, "unexpected-tlv" and the peer's own
/// errors: "peer-unsupported-version", "peer-malformed", "peer-unsupported-message",
/// "peer-missing-cookie", "peer-not-authorized", "peer-unsupported-option",
/// "peer-resource-exceeded", "peer-network-failure", "peer-reset", "peer-unreachable",
/// "peer-error-N" for codes without a name, of which the class counts (section 6.2.8).
std::unique_ptr<Initiator> convert_initiator(ConvertInitiatorSettings settings);

/// Asks for the supported extensions and for no connection: Info without Connect. The request is
/// not looked at; Accepted has `supported`.
std::unique_ptr<Initiator> convert_inquiry(ConvertInitiatorSettings settings);

}  // namespace anabranch::signalling
