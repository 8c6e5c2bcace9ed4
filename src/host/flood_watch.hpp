// SPDX-License-Identifier: MIT
// Tells a flood of useless packets from the few that every network has: one report when it begins,
// then one a minute for as long as it lasts. Pure; time is an argument.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.hpp"

namespace anabranch::host {

class FloodWatch {
 public:
  static constexpr std::uint64_t kFlood = 1000;  ///< packets within kWindow
  static constexpr seconds kWindow{10};
  static constexpr seconds kQuiet{60};  ///< least time between two reports

  /// One useless packet. The number of them since the last report when it is time for one.
  std::optional<std::uint64_t> useless(MonotonicTime now);

 private:
  MonotonicTime window_{};
  std::uint64_t in_window_ = 0;
  std::uint64_t unreported_ = 0;
  MonotonicTime quiet_until_{};
};

}  // namespace anabranch::host
