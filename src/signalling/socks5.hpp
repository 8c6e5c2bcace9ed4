// SPDX-License-Identifier: MIT
// SOCKS5 (RFC 1928), command CONNECT, without authentication or with user name and password
// (RFC 1929). The acceptor serves applications of a device; the initiator is what such an
// application says.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "signalling/signalling.hpp"

namespace anabranch::signalling {

struct Socks5AcceptorSettings {
  /// Whether this user may pass. Not set: nobody is asked for a name; set: everybody is.
  std::function<bool(std::string_view user, std::string_view password)> allowed = {};
};

/// Refusals have these reasons: "not-socks5" (reset), "no-method", "bad-authentication" (no message
/// of RFC 1929), "bad-password", "command" (BIND, UDP ASSOCIATE), "address-type", "destination" (no
/// name, port 0), "malformed".
///
/// Answers: a destination that reset is "connection refused", one that does not answer "host
/// unreachable", an ICMP error of code 0 "network unreachable" and any other "host unreachable".
std::unique_ptr<Acceptor> socks5_acceptor(Socks5AcceptorSettings settings);

struct Socks5InitiatorSettings {
  std::string user = {};  ///< 1 to 255 octets; empty: no authentication is offered
  std::string password = {};
};

/// Failures have these reasons: "not-socks5", "no-method", "bad-password", "malformed", and
/// "peer-error-N" with the number of the reply. Options of a request cannot be asked for and are
/// left out.
std::unique_ptr<Initiator> socks5_initiator(Socks5InitiatorSettings settings);

}  // namespace anabranch::signalling
