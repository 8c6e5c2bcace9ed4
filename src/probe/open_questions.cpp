// SPDX-License-Identifier: MIT
#include "probe/open_questions.hpp"

#include <algorithm>

namespace anabranch::probe {

unsigned Question::answered() const {
  return static_cast<unsigned>(
      std::ranges::count_if(arrivals, [](const auto& arrival) { return arrival.has_value(); }));
}

nanoseconds Question::rtt() const {
  auto first = MonotonicTime::max();
  for (const auto& arrival : arrivals)
    if (arrival) first = std::min(first, *arrival);
  return first == MonotonicTime::max() ? nanoseconds{} : first - sent;
}

std::optional<MonotonicTime> OpenQuestions::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

OpenQuestions::Key OpenQuestions::key_of(const SentSyn& syn) {
  return {syn.flow.remote, syn.flow.remote_port, syn.flow.local_port};
}

void OpenQuestions::add(Question question) {
  const auto number = ++last_;
  question.arrivals.assign(question.syns.size(), std::nullopt);
  for (std::size_t i = 0; i < question.syns.size(); ++i)
    waiting_.emplace(key_of(question.syns[i]), Place{number, i});
  deadlines_.emplace(question.deadline, number);
  ++open_[question.source()];
  questions_.emplace(number, std::move(question));
}

std::optional<OpenQuestions::Match> OpenQuestions::take(const IpAddress& remote, const Reply& reply,
                                                        MonotonicTime arrived) {
  const auto [begin, end] = waiting_.equal_range({remote, reply.remote_port, reply.local_port});
  auto found = end;
  for (auto it = begin; it != end; ++it) {
    const auto& syn = questions_.at(it->second.question).syns[it->second.syn];
    const std::uint32_t beyond_syn = reply.acknowledged - syn.sequence - 1;
    if (beyond_syn > syn.payload) continue;
    found = it;
    if (beyond_syn == 0) break;  // no other fits better
  }
  if (found == end) return std::nullopt;

  const auto place = found->second;
  waiting_.erase(found);
  auto& question = questions_.at(place.question);
  // The wall clock, in which arrivals are stamped, may have been set in between.
  question.arrivals[place.syn] = std::max(arrived, question.sent);
  Match match{.syn = question.syns[place.syn], .ifindex = question.ifindex, .finished = {}};
  if (question.answered() == question.syns.size()) match.finished = remove(place.question);
  return match;
}

std::vector<Question> OpenQuestions::expire(MonotonicTime now) {
  std::vector<Question> expired;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    expired.push_back(remove(deadlines_.begin()->second));
  return expired;
}

Question OpenQuestions::remove(Number number) {
  auto question = std::move(questions_.extract(number).mapped());
  deadlines_.erase({question.deadline, number});
  if (const auto it = open_.find(question.source()); --it->second == 0) open_.erase(it);
  for (std::size_t i = 0; i < question.syns.size(); ++i) {
    if (question.arrivals[i]) continue;
    const auto [begin, end] = waiting_.equal_range(key_of(question.syns[i]));
    const auto it = std::find_if(begin, end, [&](const auto& entry) {
      return entry.second.question == number && entry.second.syn == i;
    });
    if (it != end) waiting_.erase(it);
  }
  return question;
}

}  // namespace anabranch::probe
