// SPDX-License-Identifier: MIT
// What was asked and not answered yet, and which of it a reply answers. No I/O, no clock of its
// own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "probe/segment.hpp"

namespace anabranch::probe {

/// One SYN that left.
struct SentSyn {
  Flow flow;
  std::uint32_t sequence = 0;
  unsigned payload = 0;  ///< octets
};

/// One SYN of ask() or the train of measure().
struct Question {
  std::uint64_t id = 0;
  bool train = false;
  unsigned ifindex = 0;
  unsigned octets = 0;   ///< of each packet, with its IP header
  MonotonicTime sent{};  ///< all of them at once
  MonotonicTime deadline{};
  std::vector<SentSyn> syns = {};
  std::vector<std::optional<MonotonicTime>> arrivals = {};  ///< of the answers, one for each SYN

  const IpAddress& source() const { return syns.front().flow.local; }
  unsigned answered() const;
  /// Of the quickest answer; zero when there is none.
  nanoseconds rtt() const;
};

class OpenQuestions {
 public:
  /// SYNs without an answer that are remembered at most.
  static constexpr std::size_t kLargest = 4096;

  bool room_for(std::size_t syns) const { return waiting_.size() + syns <= kLargest; }
  bool any_from(const IpAddress& source) const { return open_.contains(source); }
  std::optional<MonotonicTime> next_deadline() const;

  /// `question` has at least one SYN and no answer yet.
  void add(Question question);

  struct Match {
    SentSyn syn;                       ///< what was answered
    unsigned ifindex = 0;              ///< where it left
    std::optional<Question> finished;  ///< the question, once its last SYN is answered
  };
  /// Takes a reply from `remote`, which came at `arrived`. Nothing when it answers no open
  /// question: it is late, told twice, or forged. A peer acknowledges the SYN alone, or with it
  /// some or all of the payload.
  std::optional<Match> take(const IpAddress& remote, const Reply& reply, MonotonicTime arrived);
  /// Takes out the questions that nobody waits for any more.
  std::vector<Question> expire(MonotonicTime now);

 private:
  using Key = std::tuple<IpAddress, std::uint16_t, std::uint16_t>;  ///< remote, its port, our port
  using Number = std::uint64_t;
  struct Place {
    Number question;
    std::size_t syn;
  };

  static Key key_of(const SentSyn& syn);
  Question remove(Number number);

  Number last_ = 0;
  std::map<Number, Question> questions_;
  std::multimap<Key, Place> waiting_;
  std::set<std::pair<MonotonicTime, Number>> deadlines_;
  std::map<IpAddress, std::size_t> open_;  ///< questions by source; none is zero
};

}  // namespace anabranch::probe
