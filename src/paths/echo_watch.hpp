// SPDX-License-Identifier: MIT
// Whether announcements arrive. The kernel repeats an ADD_ADDR that is not echoed three times
// within about 1.5 s and then gives up, and tells nobody which one it was: there are only counters
// of the namespace, of ADD_ADDRs sent and of echoes received. So each announcement is judged by
// what the counters gained since it was sent: if nearly as many echoes came in as announcements
// went out, it is taken as heard. Among few announcements one lost is seen; among many at the same
// time a lost one may pass, and an address that is joined proves itself in any case. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "paths/input.hpp"
#include "paths/model.hpp"

namespace anabranch::paths {

class EchoWatch {
 public:
  /// Patience after the first sending; doubles with each.
  static constexpr nanoseconds kPatience = seconds(1);
  /// Echoes for this part of what was sent are enough.
  static constexpr double kEnough = 0.95;

  /// Sent for the `attempt`th time, counted from 1.
  void sent(Token token, std::uint8_t id, unsigned attempt, MonotonicTime now);
  /// Joined, removed, closed: nothing to wait for any more.
  void forget(Token token, std::uint8_t id);
  void forget(Token token);
  void counters(const input::Counters& counters);

  struct Verdict {
    Token token = 0;
    std::uint8_t id = 0;
    bool echoed = false;
  };
  /// Those whose patience is over; they are watched no longer.
  std::vector<Verdict> due(MonotonicTime now);
  std::optional<MonotonicTime> next() const;

 private:
  using Key = std::pair<Token, std::uint8_t>;
  struct Watched {
    MonotonicTime deadline;
    input::Counters before;
    std::uint64_t issued_before = 0;
  };
  bool echoed(const Watched& watched) const;

  std::map<Key, Watched> watched_;
  std::set<std::pair<MonotonicTime, Key>> deadlines_;
  input::Counters counters_;
  std::uint64_t issued_ = 0;  // by us
};

}  // namespace anabranch::paths
