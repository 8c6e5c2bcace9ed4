// SPDX-License-Identifier: MIT
// Asks a peer over one path without a connection and without user data: a TCP SYN from a port of
// our own that nobody listens on. SYN/ACK or RST is an answer (the kernel resets the half-open
// connection by itself: the peer's application never sees it). A measurement is a short train of
// large packets; the spacing of the answers tells the rate of the path's narrowest link towards the
// peer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/ip.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::probe {

struct Target {
  IpAddress source;      ///< of the path
  unsigned ifindex = 0;  ///< packets leave here; 0: as the routes say
  IpAddress destination;
  std::uint16_t port = 0;
};

struct Answer {
  std::uint64_t id = 0;  ///< as given to ask()
  nanoseconds rtt{};     ///< by kernel timestamps
};

struct Measurement {
  std::uint64_t id = 0;
  unsigned sent = 0;
  unsigned answered = 0;
  nanoseconds rtt{};  ///< smallest of the train; zero when nothing answered
  BitRate rate{};     ///< towards the peer; zero when it cannot be told
};

class PathProber {
 public:
  struct Callbacks {
    std::function<void(const Answer&)> answered;       ///< not called for what stays silent
    std::function<void(const Measurement&)> measured;  ///< always called, after `patience` at last
  };

  /// In the calling thread's network namespace. Needs CAP_NET_RAW. Costs nothing while no question
  /// is open, whatever else the machine receives.
  static Result<PathProber> open(Loop& loop, Callbacks callbacks);
  PathProber(PathProber&&) noexcept;
  PathProber& operator=(PathProber&&) noexcept;
  ~PathProber();

  /// Sends one SYN. Never blocks; a path that cannot send (no route, no buffer) is an error. An
  /// answer is waited for for `patience`.
  Result<void> ask(std::uint64_t id, const Target& target, nanoseconds patience = seconds(3));
  /// Sends `packets` of `octets` each, back to back (IP length).
  Result<void> measure(std::uint64_t id, const Target& target, unsigned packets = 6,
                       unsigned octets = 1400, nanoseconds patience = seconds(2));

 private:
  struct Impl;
  explicit PathProber(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::probe
