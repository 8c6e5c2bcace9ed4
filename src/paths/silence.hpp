// SPDX-License-Identifier: MIT
// When is a subflow's silence suspicious? One detector a subflow, fed with every sample.
//
// A path that dies silently sends no message; what stops is the steady arrival of ACKs (when we
// send) or of data (when we receive). How steady it was is known: the detector keeps the longest
// pause of late, and a pause clearly longer than that is out of character. A sender whose ACKs are
// not settled yet is judged by its round trip instead, like TCP does it, with the peer's delayed
// ACK allowed for. A path that once stood still and answered again is given more time by the
// caller.
#pragma once

#include <cstdint>

#include "base/units.hpp"
#include "kernel/socket_diag.hpp"

namespace anabranch::paths {

class SilenceDetector {
 public:
  enum class Finding : std::uint8_t {
    kNothing,
    kSending,    ///< what we sent is not acknowledged
    kReceiving,  ///< data that came steadily has stopped: the path, or just the sender's supply
  };

  /// `caution` >= 1 stretches the patience of a sender. kSending is said with each sample while the
  /// silence lasts, kReceiving once.
  Finding sample(const kernel::SubflowDiag& now_seen, MonotonicTime now, double caution);
  /// The other side has nothing more to say: that nothing comes until the next sample is no
  /// finding.
  void expect_no_data(MonotonicTime now) { data_.rest(now); }

  /// Data has come with nearly every sample lately.
  bool receives_steadily() const { return data_.steady(); }
  /// When kReceiving was said, data had come for so long that the pause is no matter of TCP finding
  /// its rate.
  bool received_settled() const { return was_settled_; }
  /// It has been found silent and nothing has come since.
  bool silent() const { return silent_; }
  /// How long the silence judged last had lasted.
  nanoseconds silence() const { return silence_; }

 private:
  /// Pauses in one direction.
  struct Rhythm {
    MonotonicTime last{};   ///< progress, or nothing to wait for
    nanoseconds longest{};  ///< pause of late, decaying
    unsigned beats = 0;     ///< samples with progress in a row, short pauses allowed
    bool steady() const { return beats >= 24; }
    bool settled() const { return beats >= 100; }
    void progress(MonotonicTime now, nanoseconds pause);
    void rest(MonotonicTime now);
  };

  Rhythm acks_;
  Rhythm data_;
  std::uint64_t acknowledged_ = 0;
  std::uint32_t received_ = 0;  // segments, in order or not
  bool silent_ = false;
  bool was_settled_ = false;  // when reception was found silent
  MonotonicTime previous_{};
  bool first_ = true;
  nanoseconds silence_{};
};

}  // namespace anabranch::paths
