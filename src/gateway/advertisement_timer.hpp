// SPDX-License-Identifier: MIT
// When Router Advertisements are sent (RFC 4861 sections 6.2.4 to 6.2.6). Pure: time and the seed
// of chance are arguments.
//
//   everything   every path's advertisement to all nodes, at random intervals, the first three no
//                further than 16 s apart; sooner when somebody asks, but not within 3 s of the last
//   a change     of one path at once, and twice more within a second
//   an answer    to the one who asked, up to 0.5 s later
//
// The 3 s between advertisements (MIN_DELAY_BETWEEN_RAS, section 6.2.6) keep a multicast link from
// being filled with what everybody knows. A path that goes down or returns is news, and connections
// stall until hosts have it: it does not wait, and it is repeated because multicast gets lost. What
// bounds it instead: of one path, however fast it flaps, 6 at once and 10 in a second.
//
// Answers are bounded too: no more than some in a second go to single hosts, whatever number of
// them asks, and the next one to all nodes answers the rest.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"

namespace anabranch::gateway {

class AdvertisementTimer {
 public:
  // RFC 4861 section 10.
  static constexpr seconds kMaxInitialInterval{16};
  static constexpr unsigned kMaxInitial = 3;
  static constexpr seconds kMinDelayBetween{3};
  static constexpr milliseconds kMaxDelay{500};
  // Ours.
  static constexpr unsigned kTold = 3;               ///< times that a change is told
  static constexpr milliseconds kFirstRepeat{200};   ///< after the change
  static constexpr milliseconds kSecondRepeat{400};  ///< after the first repeat
  static constexpr milliseconds kDelayOfPath{100};   ///< between two of one path's, on average
  static constexpr int kAtOnce = 6;                  ///< of one path that has been quiet
  static constexpr milliseconds kRetry{250};         ///< of what could not be sent
  static constexpr unsigned kAnswersPerSecond = 16;  ///< to single hosts

  struct Due {
    bool everything = false;            ///< of each path, to all nodes
    std::vector<unsigned> paths;        ///< of these, to all nodes; empty with `everything`
    std::vector<IpAddress> solicitors;  ///< of each path, to these

    bool operator==(const Due&) const = default;
  };

  explicit AdvertisementTimer(std::uint32_t seed) : random_(seed) {}

  /// MaxRtrAdvInterval; one below the least that RFC 4861 section 6.2.1 allows, 4 s, counts as
  /// that.
  void set_interval(nanoseconds longest, MonotonicTime now);
  /// The interface advertises from now on.
  void start(MonotonicTime now);
  /// What is said of path `index` is another thing than before.
  void changed(unsigned index, MonotonicTime now);
  /// A valid Router Solicitation has come from `source`, which may be unspecified.
  void solicited(const IpAddress& source, MonotonicTime now);
  /// What was due could not be sent.
  void not_sent(unsigned index, MonotonicTime now);
  /// There is no path `index` any more.
  void forget(unsigned index) { changes_.erase(index); }

  /// When take() has something next.
  MonotonicTime next() const;
  /// What is due at `now`, as sent.
  Due take(MonotonicTime now);

 private:
  struct Change {
    MonotonicTime due{};
    unsigned left = 0;                          ///< times it is still to be told
    MonotonicTime paid = MonotonicTime::min();  ///< until when its average allows no more
  };
  struct Solicitor {
    IpAddress address;
    MonotonicTime due;
  };

  nanoseconds chance(nanoseconds low, nanoseconds high);
  void told(Change& change, MonotonicTime now);
  bool may_answer_alone(MonotonicTime now);

  nanoseconds longest_{};
  nanoseconds shortest_{};
  std::minstd_rand random_;
  unsigned initial_left_ = 0;
  MonotonicTime next_ = MonotonicTime::max();  ///< of everything
  MonotonicTime last_ = MonotonicTime::min();  ///< of everything
  std::map<unsigned, Change> changes_;         ///< by index
  std::vector<Solicitor> solicitors_;
  MonotonicTime answers_since_ = MonotonicTime::min();  ///< the second that answers_ counts
  unsigned answers_ = 0;
};

}  // namespace anabranch::gateway
