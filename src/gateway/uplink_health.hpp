// SPDX-License-Identifier: MIT
// Whether one uplink works, judged from answers and silence. Pure: time is an argument.
//
// With probes they decide: `down_after` rounds in a row without an answer of anybody, and it does
// not work; `up_after` rounds with one, and it does again. That no next hop has a link address any
// more (ARP and Neighbour Discovery failed) is bad news that need not wait for the rounds. Without
// probes the next hops alone decide, and it works while one of them is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "gateway/plan.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// What became of one probe.
struct ProbeOutcome {
  std::size_t probe = 0;  ///< its place among Health::probes
  unsigned round = 0;     ///< as begin_round() numbered it
  bool answered = false;
  nanoseconds rtt{};
  std::string why = {};  ///< when there was more than silence
};

class HealthJudge {
 public:
  /// `next_hops`: one of each family that the uplink carries.
  HealthJudge(Health settings, const std::vector<IpAddress>& next_hops);

  /// It is known not to work: it is taken for that until its probes or next hops say otherwise.
  void presume_failed();
  /// The link was away, or is another one: what was counted belongs to the past, the verdict stays
  /// until there is a new one.
  void on_link_lost();
  /// All probes leave now. Returns the round's number; the one before ends unanswered when nobody
  /// has answered yet.
  unsigned begin_round(MonotonicTime now);
  void on_outcome(const ProbeOutcome& outcome, MonotonicTime now);
  void on_next_hop(const IpAddress& next_hop, bool failed);

  bool works() const { return works_; }
  /// The kernel has given up looking for it.
  bool failed(const IpAddress& next_hop) const;
  UplinkHealth health(MonotonicTime now) const;

 private:
  struct NextHop {
    IpAddress address;
    bool failed = false;
  };

  void end_round(bool answered);
  void count(bool answered);
  bool all_next_hops_failed() const;
  std::string why(MonotonicTime now) const;

  Health settings_;
  std::vector<NextHop> next_hops_;
  bool works_ = true;
  unsigned round_ = 0;
  bool open_ = false;        ///< the round has no result yet
  std::size_t waiting_ = 0;  ///< probes of the round without an outcome
  unsigned silent_rounds_ = 0;
  unsigned answered_rounds_ = 0;
  std::optional<MonotonicTime> silent_since_;  ///< the last answer, or the first question
  std::vector<std::string> reasons_;           ///< by probe
  std::optional<nanoseconds> rtt_;
  std::deque<bool> lost_;  ///< of the last probes
};

}  // namespace anabranch::gateway
