// SPDX-License-Identifier: MIT
// Asks whether something far away can be reached over one uplink: by ICMP echo, by a TCP
// connection, by HTTP; or whether a server serves: accepts a connection, speaks MPTCP. Nothing
// blocks, and every question has exactly one outcome.
//
// What counts as an answer is what only the peer can know: an echo reply with our random number in
// it, the acknowledgement of a SYN, the first line of an HTTP answer. A reset of a SYN is an answer
// to kConnect, since it shows the way as well. ICMP errors are not, whoever sends them; what they
// say is told when the time is up.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/ip.hpp"
#include "base/loop.hpp"
#include "base/units.hpp"
#include "probe/reach_socket.hpp"

namespace anabranch::probe {

/// Linux sends a SYN that stays unanswered without MP_CAPABLE at last, 3 s or more after the first,
/// and when that one is answered it keeps MPTCP off on this machine (net.mptcp.blackhole_timeout).
/// A question by kMptcp ends before.
inline constexpr milliseconds kMostMptcpPatience{2000};

struct ReachTarget {
  enum class Kind : std::uint8_t {
    kEcho,
    kConnect,  ///< accepted or refused
    kHttp,
    kAccept,  ///< a connection that is accepted
    kMptcp,   ///< one that is accepted by MPTCP and did not fall back to TCP
  };
  Kind kind = Kind::kEcho;
  IpAddress address = {};
  std::uint16_t port = 0;  ///< not with kEcho
  std::string path = {};   ///< with kHttp
  std::string host = {};   ///< with kHttp: the Host header
  unsigned status = 0;     ///< with kHttp: the only one that is an answer; 0: any 2xx or 3xx
};

struct Reached {
  std::uint64_t id = 0;  ///< as given to ask()
  bool answered = false;
  nanoseconds rtt{};       ///< from the first packet to the answer
  std::string why = {};    ///< not answered, and not just silence: "HTTP status 503"
  bool fell_back = false;  ///< not answered by MPTCP, but by TCP
};

class ReachProber {
 public:
  using Callback = std::function<void(const Reached&)>;

  /// In the calling thread's network namespace. Costs nothing while no question is open: each has a
  /// socket of its own, for as long as it is open. The callback may ask again and may destroy the
  /// prober; with the prober end its questions, without an outcome.
  ReachProber(Loop& loop, Callback callback);
  ReachProber(ReachProber&&) noexcept;
  ReachProber& operator=(ReachProber&&) noexcept;
  ~ReachProber();

  /// What cannot be sent is an outcome too, a moment later. An answer is waited for for `patience`,
  /// with kMptcp for kMostMptcpPatience at most.
  void ask(std::uint64_t id, const ReachTarget& target, const Way& way, nanoseconds patience);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::probe
