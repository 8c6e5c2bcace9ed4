// SPDX-License-Identifier: MIT
// A connection to a converter that is begun over several uplinks at once (SYN duplication, after
// draft-kien-mptcp-init): each SYN is a connection of its own, from an address of its uplink, and
// the first that is answered is used. The others are closed without an octet: the one that has
// answered too is reset, what comes later meets no socket.
//
// No SYN carries data, since each would be taken for a request of its own.
//
// An answer without MPTCP is kept while another one may still come with it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "proxy/uplink_addresses.hpp"
#include "relay/reactor.hpp"

namespace anabranch::proxy {

class SynRace {
 public:
  /// The connection that is used and its uplink; without one, the errno of the last that failed.
  struct End {
    UniqueFd fd;
    std::string uplink;
    int error = 0;
  };
  /// Called once, never within begin(); it may destroy the race.
  using Decided = std::function<void(End)>;

  SynRace(relay::Reactor& reactor, Decided decided);
  ~SynRace();
  SynRace(const SynRace&) = delete;
  SynRace& operator=(const SynRace&) = delete;

  /// 0, or the errno when not one SYN could be sent.
  int begin(const Endpoint& to, const std::string& congestion, std::span<const UplinkAddress> from);
  /// The time is over: what has answered without MPTCP, or nothing and ETIMEDOUT.
  End give_up();

 private:
  struct Lane final : relay::Reactor::Watcher {
    Lane(SynRace& whose, std::string name) : race(whose), uplink(std::move(name)) {}
    void ready(std::uint32_t events) override { race.lane_ready(*this, events); }
    SynRace& race;
    std::string uplink;
    UniqueFd fd;            ///< none: it has failed
    bool answered = false;  ///< without MPTCP
  };

  int begin(Lane& lane, const Endpoint& to, const std::string& congestion, const IpAddress& from);
  void lane_ready(Lane& lane, std::uint32_t events);
  void drop(Lane& lane);
  void decide(End end);
  End take(Lane& lane);

  relay::Reactor& reactor_;
  Decided decided_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  int error_ = 0;
};

}  // namespace anabranch::proxy
