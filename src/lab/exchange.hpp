// SPDX-License-Identifier: MIT
// How long the set-up of a connection takes, seen at both ends: short TCP connections one after the
// other, each with one request and one reply. Client and server run on one machine and read one
// clock, CLOCK_MONOTONIC; the reply carries the moment at which the first octet of the request was
// read. It runs in a node as "anabranch lab exchange ..." and reports one JSON object a line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::lab {

struct ExchangeOptions {
  bool listen = false;  ///< answer until ended, else ask
  /// To listen at, or to connect to. The Endpoint of topology.hpp is another one.
  anabranch::Endpoint endpoint;
  bool server_first = false;  ///< the server greets before it is asked; both ends must agree
  std::optional<anabranch::Endpoint> via;  ///< a SOCKS5 proxy (RFC 1928), without authentication
  unsigned count = 1;
  nanoseconds pause = milliseconds(20);  ///< between two connections
};

/// One connection; CLOCK_MONOTONIC in nanoseconds.
struct Exchange {
  std::int64_t syn_ns = 0;      ///< before connect()
  std::int64_t greeted_ns = 0;  ///< first octet of the greeting at the client; 0: there is none
  std::int64_t request_ns = 0;  ///< first octet of the request at the server
  std::int64_t reply_ns = 0;    ///< first octet of the reply at the client

  /// The first octet that the server sent, greeting or reply.
  std::int64_t first_octet_ns() const { return greeted_ns != 0 ? greeted_ns : reply_ns; }
  bool operator==(const Exchange&) const = default;
};

struct ExchangeReport {
  bool listening = false;  ///< a listener is ready; nothing else is told
  std::vector<Exchange> exchanges;
  unsigned failed = 0;
  std::string last_failure;
  bool operator==(const ExchangeReport&) const = default;
};

/// A client's report comes at the end; before it begins to count it tries for 5 s to get one
/// exchange through.
Result<void> run_exchange(const ExchangeOptions& options, int output_fd);

std::string format_exchange_report(const ExchangeReport& report);
Result<ExchangeReport> parse_exchange_report(std::string_view line);
/// The words after "anabranch lab exchange" that give `options`.
std::vector<std::string> exchange_arguments(const ExchangeOptions& options);

}  // namespace anabranch::lab
