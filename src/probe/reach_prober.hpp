// SPDX-License-Identifier: MIT
// Asks whether something far away can be reached over one uplink: by ICMP echo, by a TCP
// connection, by HTTP. Nothing blocks, and every question has exactly one outcome.
//
// What counts as an answer is what only the peer can know: an echo reply with our random number in
// it, the acknowledgement of a SYN, the first line of an HTTP answer. A reset of a SYN is an answer
// too, since it shows the way as well. ICMP errors are not, whoever sends them; what they say is
// told when the time is up.
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

struct ReachTarget {
  enum class Kind : std::uint8_t { kEcho, kConnect, kHttp };
  Kind kind = Kind::kEcho;
  IpAddress address = {};
  std::uint16_t port = 0;  ///< not with kEcho
  std::string path = {};   ///< with kHttp; any 2xx or 3xx status is an answer
  std::string host = {};   ///< with kHttp: the Host header
};

struct Reached {
  std::uint64_t id = 0;  ///< as given to ask()
  bool answered = false;
  nanoseconds rtt{};     ///< from the first packet to the answer
  std::string why = {};  ///< not answered, and not just silence: "HTTP status 503"
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

  /// What cannot be sent is an outcome too, a moment later. An answer is waited for for `patience`.
  void ask(std::uint64_t id, const ReachTarget& target, const Way& way, nanoseconds patience);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::probe
