// SPDX-License-Identifier: MIT
#include "probe/path_prober.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "probe/open_questions.hpp"
#include "probe/rate_estimate.hpp"
#include "probe/raw_socket.hpp"
#include "probe/segment.hpp"
#include "probe/sequence.hpp"

namespace anabranch::probe {
namespace {

static_assert(PathProber::kMostOpen == OpenQuestions::kLargest);

/// As many as the longest train, so that no two packets of it share a port: a server answers a
/// second SYN of the same ports at most twice a second.
constexpr std::size_t kPorts = PathProber::kLongestTrain;

/// What a train falls back to when its packets are too long for the path: the least MTU of IPv6 and
/// what every IPv4 host takes.
constexpr std::array<unsigned, 2> kShorter{1280, 576};

constexpr nanoseconds kLongestPatience = std::chrono::hours(1);
constexpr unsigned kShortestPacket = 100;
constexpr unsigned kLongestPacket = 9000;

std::string where_of(const Target& target) {
  return fmt::format("{} to {} port {}", target.source.text(), target.destination.text(),
                     target.port);
}

Result<void> check(const Target& target, nanoseconds patience) {
  const auto refuse = [&](const char* why) {
    return fail(why, where_of(target), {}, ExitCode::kBadInput);
  };
  if (target.source.family() != target.destination.family())
    return refuse("a probe needs two addresses of one family");
  if (target.source.is_unspecified() || target.destination.is_unspecified() || target.port == 0)
    return refuse("a probe needs source, destination and port");
  if (patience <= nanoseconds{}) return refuse("a probe needs time for its answer");
  return {};
}

}  // namespace

struct PathProber::Impl {
  /// Of one source address, while it has an open question.
  struct Channel {
    explicit Channel(RawSocket its_socket) : socket(std::move(its_socket)) {}
    RawSocket socket;
    Loop::Handle readable = {};
  };
  using Finished = std::vector<Question>;

  Impl(Loop& its_loop, Callbacks its_callbacks, const SequenceNumbers& numbers)
      : loop(its_loop),
        callbacks(std::make_shared<const Callbacks>(std::move(its_callbacks))),
        sequence(numbers) {}

  /// Those of a family, reserved when it is first asked.
  Result<ReservedPorts*> ports_of(Family family) {
    auto& ports = reserved[family == Family::kIpv4 ? 0 : 1];
    if (!ports) {
      auto opened = ReservedPorts::open(family, kPorts);
      if (!opened) return std::unexpected(std::move(opened).error());
      ports = *std::move(opened);
    }
    return &*ports;
  }

  Result<RawSocket*> socket_of(const IpAddress& source, const ReservedPorts& ports) {
    const auto known = channels.find(source);
    if (known != channels.end()) return &known->second.socket;
    auto socket = RawSocket::open(source, ports.ports());
    if (!socket) return std::unexpected(std::move(socket).error());
    auto& channel = channels.emplace(source, *std::move(socket)).first->second;
    channel.readable = loop.on_readable(channel.socket.fd(), [this, source] { read(source); });
    return &channel.socket;
  }

  /// Closes what no open question needs.
  void settle() {
    std::erase_if(channels, [&](const auto& entry) { return !questions.any_from(entry.first); });
    arm();
  }

  /// One timer, for the earliest deadline.
  void arm() {
    const auto next = questions.next_deadline();
    if (next == armed) return;
    armed = next;
    timer.reset();
    if (next) timer = loop.at(*next, [this] { expire(); });
  }

  void expire() {
    armed.reset();
    // An answer that lies in the socket came before the deadline, though this loop was late.
    for (auto& [source, channel] : channels) collect(channel.socket);
    deliver(questions.expire(MonotonicClock::now()));
  }

  void read(const IpAddress& source) {
    collect(channels.at(source).socket);
    deliver({});
  }

  /// Takes replies from the socket to `answered`.
  void collect(RawSocket& socket) {
    socket.receive(
        [&](const IpAddress& remote, std::span<const std::uint8_t> segment, MonotonicTime arrived) {
          const auto reply = parse_reply(segment);
          if (!reply) return;
          auto match = questions.take(remote, *reply, arrived);
          if (!match) {
            ++counters.ignored;
            return;
          }
          ++counters.answered;
          if (match->ifindex != 0 && !reply->reset)
            reset(socket, match->syn, match->ifindex, *reply);
          if (match->finished) answered.push_back(*std::move(match->finished));
        });
  }

  /// The kernel resets what was answered, by the routes of its own. A path that is an interface
  /// without a route of its source address would leave the peer with half a connection.
  static void reset(RawSocket& socket, const SentSyn& syn, unsigned ifindex, const Reply& reply) {
    const std::array segments{build_reset(syn.flow, reply.acknowledged)};
    socket.send(syn.flow.remote, ifindex, segments);
  }

  /// Tells `answered` and `expired`. Callbacks may ask again and may destroy this.
  void deliver(Finished expired) {
    auto finished = std::exchange(answered, {});
    std::ranges::move(expired, std::back_inserter(finished));
    const auto held = callbacks;
    for (const auto& question : finished) {
      tell(*held, question);
      if (held.use_count() == 1) return;  // the prober is gone
    }
    settle();
  }

  static void tell(const Callbacks& callbacks, const Question& question) {
    if (question.train) {
      callbacks.measured({.id = question.id,
                          .sent = static_cast<unsigned>(question.syns.size()),
                          .answered = question.answered(),
                          .rtt = question.rtt(),
                          .rate = estimate_rate(question.arrivals, question.octets)});
    } else if (question.answered() > 0) {
      callbacks.answered({.id = question.id, .rtt = question.rtt()});
    }
  }

  /// Sends the SYNs of a question; `octets` is zero for a SYN alone.
  RawSocket::Outcome send(RawSocket& socket, ReservedPorts& ports, Question& question,
                          const Target& target, unsigned packets, unsigned octets) {
    const unsigned headers = ip_header_octets(target.destination.family()) + kSynOctets;
    question.octets = octets == 0 ? headers : octets;
    const unsigned payload = question.octets - headers;
    std::vector<std::vector<std::uint8_t>> segments;
    question.syns.clear();
    for (unsigned i = 0; i < packets; ++i) {
      const Flow flow{.local = target.source,
                      .local_port = ports.next(),
                      .remote = target.destination,
                      .remote_port = target.port};
      const auto number = sequence.next(flow);
      question.syns.push_back({.flow = flow, .sequence = number, .payload = payload});
      segments.push_back(build_syn(flow, number, payload));
    }
    question.sent = MonotonicClock::now();
    const auto outcome = socket.send(target.destination, target.ifindex, segments);
    question.syns.resize(outcome.sent);
    counters.sent += outcome.sent;
    return outcome;
  }

  Result<void> open_question(Question question, const Target& target, unsigned packets,
                             unsigned octets, nanoseconds patience) {
    ANABRANCH_TRY(check(target, patience));
    if (!questions.room_for(packets))
      return fail("too many probes are waiting for their answers", where_of(target));
    const auto ports = ports_of(target.destination.family());
    if (!ports) return std::unexpected(ports.error());
    const auto socket = socket_of(target.source, **ports);
    if (!socket) return std::unexpected(socket.error());
    question.ifindex = target.ifindex;
    auto outcome = send(**socket, **ports, question, target, packets, octets);
    for (const auto shorter : kShorter)
      if (outcome.sent == 0 && outcome.error == EMSGSIZE && octets > shorter)
        outcome = send(**socket, **ports, question, target, packets, shorter);
    if (outcome.sent == 0) {
      settle();
      return fail_errno(outcome.error, "cannot send a probe", where_of(target));
    }
    question.deadline = question.sent + std::min(patience, kLongestPatience);
    questions.add(std::move(question));
    arm();
    return {};
  }

  Loop& loop;
  std::shared_ptr<const Callbacks> callbacks;
  SequenceNumbers sequence;
  OpenQuestions questions;
  std::array<std::optional<ReservedPorts>, 2> reserved;
  std::map<IpAddress, Channel> channels;
  Loop::Handle timer;
  std::optional<MonotonicTime> armed;
  Finished answered;
  Counters counters;
};

Result<PathProber> PathProber::open(Loop& loop, Callbacks callbacks) {
  // Whether it is permitted is better told now than by the first question.
  if (const auto tried = RawSocket::open(IpAddress{}, {}); !tried)
    return std::unexpected(tried.error());
  auto numbers = SequenceNumbers::with_random_key();
  if (!numbers) return std::unexpected(std::move(numbers).error());
  return PathProber(std::make_unique<Impl>(loop, std::move(callbacks), *numbers));
}

PathProber::PathProber(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PathProber::PathProber(PathProber&&) noexcept = default;
PathProber& PathProber::operator=(PathProber&&) noexcept = default;
PathProber::~PathProber() = default;

Result<void> PathProber::ask(std::uint64_t id, const Target& target, nanoseconds patience) {
  return impl_->open_question({.id = id}, target, 1, 0, patience);
}

Result<void> PathProber::measure(std::uint64_t id, const Target& target, unsigned packets,
                                 unsigned octets, nanoseconds patience) {
  if (packets < 2 || packets > kLongestTrain || octets < kShortestPacket || octets > kLongestPacket)
    return fail("a measurement has 2 to 16 packets of 100 to 9000 octets", where_of(target), {},
                ExitCode::kBadInput);
  return impl_->open_question({.id = id, .train = true}, target, packets, octets, patience);
}

PathProber::Counters PathProber::counters() const {
  return impl_->counters;
}

}  // namespace anabranch::probe
