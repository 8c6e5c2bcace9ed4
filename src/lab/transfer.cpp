// SPDX-License-Identifier: MIT
#include "lab/transfer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace anabranch::lab {
namespace {

constexpr nanoseconds kGrace = seconds(60);

std::int64_t now_ns() {
  return MonotonicClock::now().time_since_epoch().count();
}

/// One end of one transfer: a process and its lines.
struct End {
  kernel::Process process;
  UniqueFd output;
  std::string buffer;
  bool receives = false;
  std::optional<event::Connected> connected;
  std::optional<event::Done> done;
  bool listening = false;

  bool given_up = false;  ///< it, or its peer, has failed

  bool finished() const { return done.has_value() || given_up; }
};

Result<End> start(const Network& network, const std::string& node, const WorkloadOptions& options) {
  std::vector<std::string> argv = {"anabranch", "lab", "workload"};
  for (auto& word : workload_arguments(options)) argv.push_back(std::move(word));
  auto spawn = network.in_node(node, std::move(argv));
  if (!spawn) return std::unexpected(spawn.error());
  auto pipe = kernel::make_pipe();
  if (!pipe) return std::unexpected(pipe.error());
  spawn->standard_output = pipe->write.get();
  auto process = kernel::spawn(*spawn);
  if (!process) return std::unexpected(process.error());
  ::fcntl(pipe->read.get(), F_SETFL, O_NONBLOCK);
  End end;
  end.process = *std::move(process);
  end.output = std::move(pipe->read);
  end.receives = !options.send;
  return end;
}

class Session {
 public:
  Session(const Network& network, const std::vector<TransferPlan>& plans,
          const std::vector<TimedAction>& actions, const SampleObserver& observe, Failures failures)
      : network_(network),
        plans_(plans),
        actions_(actions),
        observe_(observe),
        failures_(failures) {
    outcome_.records.resize(plans.size());
  }

  Result<TransferOutcome> run() {
    for (std::size_t i = 0; i < plans_.size(); ++i) ANABRANCH_TRY(start_end(i, true));
    ANABRANCH_TRY(pump(
        [this] {
          return std::ranges::all_of(ends_, [](const auto& e) { return e.end.listening; });
        },
        now_ns() + std::chrono::nanoseconds(seconds(10)).count()));
    for (std::size_t i = 0; i < plans_.size(); ++i) ANABRANCH_TRY(start_end(i, false));
    nanoseconds longest{};
    for (const auto& plan : plans_) longest = std::max(longest, plan.duration);
    ANABRANCH_TRY(pump(
        [this] {
          return std::ranges::all_of(ends_, [](const auto& e) { return e.end.finished(); });
        },
        now_ns() + (longest + kGrace).count()));
    const bool all_failed = std::ranges::all_of(
        outcome_.records, [](const auto& record) { return !record.failure.empty(); });
    if (next_action_ < actions_.size() && !all_failed)
      return fail("the transfer ended before everything planned was done to it");
    for (const auto& [plan, listener, end] : ends_) {
      auto& record = outcome_.records[plan];
      (end.receives ? record.receiver : record.sender) = end.done.value_or(event::Done{});
      (listener ? record.server : record.client) = end.connected.value_or(event::Connected{});
    }
    return std::move(outcome_);
  }

 private:
  struct Entry {
    std::size_t plan;
    bool listener;
    End end;
  };

  Result<void> start_end(std::size_t index, bool listener) {
    const auto& plan = plans_[index];
    WorkloadOptions options;
    options.listen = listener;
    options.send = plan.upload != listener;
    options.mptcp = plan.mptcp;
    options.port = plan.port;
    options.duration = plan.duration;
    options.octets = plan.octets;
    options.seed = plan.seed;
    options.sample_every = plan.sample_every;
    if (!listener) {
      options.remote = plan.server_address;
      options.bind = plan.source;
    } else if (plan.both_families || !plan.server_address.is_v4()) {
      options.bind = IpAddress::v6(std::array<std::uint8_t, 16>{});
    }
    auto end = start(network_, listener ? plan.server : plan.client, options);
    if (!end) return std::unexpected(end.error());
    ends_.push_back({index, listener, *std::move(end)});
    return {};
  }

  /// Reads events and does due actions until `enough`.
  Result<void> pump(const std::function<bool()>& enough, std::int64_t deadline) {
    while (!enough()) {
      ANABRANCH_TRY(act());
      std::int64_t wake = deadline;
      if (outcome_.start_ns != 0 && next_action_ < actions_.size())
        wake = std::min(wake, outcome_.start_ns + actions_[next_action_].after.count());
      const std::int64_t left = std::max<std::int64_t>(0, wake - now_ns());
      if (left == 0 && now_ns() >= deadline) {
        ANABRANCH_TRY(give_up_all(fail("a transfer did not end in time")));
        continue;
      }
      std::vector<pollfd> polls;
      for (const auto& entry : ends_)
        polls.push_back({entry.end.finished() ? -1 : entry.end.output.get(), POLLIN, 0});
      const timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
      if (::ppoll(polls.data(), polls.size(), &timeout, nullptr) < 0 && errno != EINTR)
        return fail_errno("cannot poll");
      for (std::size_t i = 0; i < polls.size(); ++i)
        if (polls[i].revents != 0)
          if (auto done = read(ends_[i]); !done) ANABRANCH_TRY(give_up(ends_[i], std::move(done)));
    }
    return {};
  }

  /// Records the failure with the plan, or hands it on.
  Result<void> give_up(const Entry& failed, Result<void> why) {
    if (failures_ == Failures::kEnd) return why;
    auto& failure = outcome_.records[failed.plan].failure;
    if (failure.empty()) failure = why.error().text();
    for (auto& entry : ends_)
      if (entry.plan == failed.plan) entry.end.given_up = true;
    return {};
  }

  Result<void> give_up_all(const Result<void>& why) {
    for (const auto& entry : ends_)
      if (!entry.end.finished()) ANABRANCH_TRY(give_up(entry, why));
    return {};
  }

  Result<void> act() {
    while (outcome_.start_ns != 0 && next_action_ < actions_.size() &&
           now_ns() >= outcome_.start_ns + actions_[next_action_].after.count()) {
      ANABRANCH_TRY(actions_[next_action_].act());
      outcome_.action_times.push_back(now_ns());
      ++next_action_;
    }
    return {};
  }

  Result<void> read(Entry& entry) {
    std::array<char, 65536> chunk;
    const ssize_t got = ::read(entry.end.output.get(), chunk.data(), chunk.size());
    if (got < 0)
      return errno == EAGAIN || errno == EINTR ? Result<void>{}
                                               : fail_errno("cannot read a transfer's report");
    if (got == 0) return fail("one end of a transfer ended without a report", place(entry));
    entry.end.buffer.append(chunk.data(), static_cast<std::size_t>(got));
    std::size_t end = 0;
    while ((end = entry.end.buffer.find('\n')) != std::string::npos) {
      const std::string line = entry.end.buffer.substr(0, end);
      entry.end.buffer.erase(0, end + 1);
      auto parsed = parse_workload_event(line);
      if (!parsed) return std::unexpected(parsed.error());
      ANABRANCH_TRY(take(entry, *std::move(parsed)));
    }
    return {};
  }

  Result<void> take(Entry& entry, WorkloadEvent happened) {
    auto& record = outcome_.records[entry.plan];
    if (std::holds_alternative<event::Listening>(happened)) entry.end.listening = true;
    if (const auto* connected = std::get_if<event::Connected>(&happened))
      entry.end.connected = *connected;
    if (const auto* failed = std::get_if<event::Failed>(&happened))
      return fail(failed->what, place(entry));
    if (const auto* gap = std::get_if<event::Gap>(&happened); gap != nullptr && entry.end.receives)
      record.gaps.push_back(*gap);
    if (const auto* sample = std::get_if<event::Sample>(&happened);
        sample != nullptr && entry.end.receives) {
      if (outcome_.start_ns == 0 && sample->octets > 0) outcome_.start_ns = sample->at_ns;
      record.samples.push_back(*sample);
      if (observe_) observe_(entry.plan, *sample);
    }
    if (auto* done = std::get_if<event::Done>(&happened)) entry.end.done = std::move(*done);
    return {};
  }

  std::string place(const Entry& entry) const {
    const auto& plan = plans_[entry.plan];
    return (entry.listener ? plan.server : plan.client) +
           (entry.end.receives ? ", receiver" : ", sender");
  }

  const Network& network_;
  const std::vector<TransferPlan>& plans_;
  const std::vector<TimedAction>& actions_;
  const SampleObserver& observe_;
  const Failures failures_;
  std::vector<Entry> ends_;
  std::size_t next_action_ = 0;
  TransferOutcome outcome_;
};

/// Payload octets received until `at`, interpolated.
double octets_at(const TransferRecord& record, std::int64_t at) {
  double previous_octets = 0;
  std::int64_t previous_ns = record.receiver.first_ns;
  const auto between = [&](std::int64_t ns, double octets) {
    if (ns <= previous_ns) return octets;
    const double share =
        static_cast<double>(at - previous_ns) / static_cast<double>(ns - previous_ns);
    return previous_octets + std::clamp(share, 0.0, 1.0) * (octets - previous_octets);
  };
  for (const auto& sample : record.samples) {
    if (sample.at_ns >= at) return between(sample.at_ns, static_cast<double>(sample.octets));
    previous_octets = static_cast<double>(sample.octets);
    previous_ns = sample.at_ns;
  }
  return between(record.receiver.last_ns, static_cast<double>(record.receiver.octets));
}

}  // namespace

BitRate TransferRecord::goodput() const {
  return rate_of(receiver.octets, nanoseconds(receiver.last_ns - receiver.first_ns));
}

BitRate TransferRecord::goodput(std::int64_t from_ns, std::int64_t to_ns) const {
  const double octets = octets_at(*this, to_ns) - octets_at(*this, from_ns);
  if (to_ns <= from_ns || octets <= 0) return {};
  return {octets * 8e9 / static_cast<double>(to_ns - from_ns)};
}

nanoseconds TransferRecord::longest_gap(std::int64_t from_ns, std::int64_t to_ns) const {
  nanoseconds longest{};
  for (const auto& gap : gaps)
    if (gap.start_ns + gap.length_ns > from_ns && gap.start_ns < to_ns)
      longest = std::max(longest, nanoseconds(gap.length_ns));
  return longest;
}

Result<TransferOutcome> run_transfers(const Network& network,
                                      const std::vector<TransferPlan>& plans,
                                      const std::vector<TimedAction>& actions,
                                      const SampleObserver& observe, Failures failures) {
  return Session(network, plans, actions, observe, failures).run();
}

}  // namespace anabranch::lab
