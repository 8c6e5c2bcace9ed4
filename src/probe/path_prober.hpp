// SPDX-License-Identifier: MIT
// Asks a peer over one path without a connection and without user data: a TCP SYN from a port of
// our own that nobody listens on. SYN/ACK or RST is an answer (the kernel resets the half-open
// connection by itself: the peer's application never sees it). A measurement is a short train of
// large packets; the spacing of the answers tells the rate of the path's narrowest link towards the
// peer.
//
// Accuracy. The round trip is from just before the system call that sends to the kernel's time of
// arrival: some 10 us too long, and longer by the resolution of the next hop's link address when
// that is unknown. The rate is within a tenth or so on an idle path. Beside other traffic it is
// anything between what that leaves at the moment and what the link has: mostly less than the link
// has. It is more where a shaper lets the first packets of a burst through, and cannot exceed some
// twenty times the rate of the way back, which the answers need (60 octets for 1400).
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
  /// Since it was opened. Replies are heard only while a question is open.
  struct Counters {
    std::uint64_t sent = 0;      ///< SYNs
    std::uint64_t answered = 0;  ///< SYNs
    std::uint64_t ignored = 0;   ///< replies to nothing that is open: late, repeated or forged
  };
  /// SYNs that may wait for an answer at the same time, and those of one train.
  static constexpr unsigned kMostOpen = 4096;
  static constexpr unsigned kLongestTrain = 16;

  /// In the calling thread's network namespace, which stays that of every later call. Needs
  /// CAP_NET_RAW. Costs nothing while no question is open, whatever else the machine receives;
  /// while one is, what arrives for its source address costs some 5 % more of the processor (10 %
  /// where the interface does not merge packets), other transfers nothing. Callbacks may ask
  /// further questions and may destroy the prober.
  static Result<PathProber> open(Loop& loop, Callbacks callbacks);
  PathProber(PathProber&&) noexcept;
  PathProber& operator=(PathProber&&) noexcept;
  ~PathProber();

  /// Sends one SYN. Never blocks; a path that cannot send (no route, no buffer) is an error, as are
  /// addresses of two families, link-local ones and kMostOpen open questions. An answer is waited
  /// for for `patience`, an hour at most. After an error no callback follows.
  Result<void> ask(std::uint64_t id, const Target& target, nanoseconds patience = seconds(3));
  /// Sends `packets` (2 to kLongestTrain) of `octets` each, back to back (IP length, 100 to 9000).
  /// A path that is known not to carry that length gets 1280 octets or 576. A server that takes
  /// data with a SYN from anyone (TCP Fast Open without cookies) would give its application a
  /// connection of zeros that is reset at once.
  Result<void> measure(std::uint64_t id, const Target& target, unsigned packets = 6,
                       unsigned octets = 1400, nanoseconds patience = seconds(2));

  Counters counters() const;

 private:
  struct Impl;
  explicit PathProber(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::probe
