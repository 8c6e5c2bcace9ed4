// SPDX-License-Identifier: MIT
// Destinations that come as text: an address in letters, or a domain name.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "signalling/signalling.hpp"

namespace anabranch::signalling {

/// A request for `host`, an IPv4 or IPv6 address without brackets or a domain name, and `port`.
///
/// Nothing for port 0, for what is no name (labels of letters, digits, "-" and "_", 253 octets in
/// all, a final dot is allowed), and for names that end in a number: a resolver would take "127.1"
/// or "0x7f000001" for an address that nobody has looked at.
std::optional<Request> request_for(std::string_view host, std::uint16_t port);

}  // namespace anabranch::signalling
