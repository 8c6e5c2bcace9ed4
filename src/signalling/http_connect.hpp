// SPDX-License-Identifier: MIT
// HTTP CONNECT (RFC 9110 section 9.3.6, over HTTP/1.x as in RFC 9112): how browsers and tools ask a
// proxy of their own device for a connection.
#pragma once

#include <memory>

#include "signalling/signalling.hpp"

namespace anabranch::signalling {

/// Takes requests with a head of up to kMaxSetupOctets. Header fields are checked for their form
/// and otherwise passed over; a request of HTTP/1.1 has one Host field (RFC 9112 section 3.2).
///
/// Refusals: "malformed" and "destination" (no authority-form of host and port) are answered with
/// 400, "method" (anything but CONNECT) with 405, "too-long" with 431, "version" with 505.
///
/// Answers: 200; else 403 for what is not authorized, 503 with Retry-After when resources are
/// exceeded, 504 for a destination that does not answer, 502 for one that resets or cannot be
/// reached.
std::unique_ptr<Acceptor> http_connect_acceptor();

}  // namespace anabranch::signalling
