// SPDX-License-Identifier: MIT
#include "wire/balancer_control.hpp"

#include <algorithm>
#include <concepts>
#include <tuple>
#include <utility>

namespace anabranch::wire {
namespace {

using Octets = std::span<const std::uint8_t>;
template <class Value>
using Read = std::expected<Value, std::string_view>;

constexpr std::size_t kFrameHead = 5;  ///< length and type
constexpr std::size_t kNoncePlace = 3;
constexpr std::uint8_t kBegins = 1;
constexpr std::uint8_t kEnds = 2;
constexpr std::uint8_t kServing = 1;
constexpr std::uint8_t kFull = 1;
constexpr std::uint8_t kLast = 2;
constexpr std::uint32_t kMostSkip = 255;
constexpr std::uint32_t kMostCount = 255;
constexpr std::size_t kGroupHead = 14;
constexpr std::size_t kRun = 2;

template <std::unsigned_integral Number>
void append(Number value, ControlOctets& out) {
  for (int shift = 8 * (sizeof value - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

template <std::unsigned_integral Number>
Number number_at(Octets octets, std::size_t place) {
  std::uint64_t out = 0;
  for (const auto octet : octets.subspan(place, sizeof(Number))) out = out << 8 | octet;
  return static_cast<Number>(out);
}

/// Takes a number off the front; `octets` are long enough.
template <std::unsigned_integral Number>
Number take(Octets& octets) {
  const auto out = number_at<Number>(octets, 0);
  octets = octets.subspan(sizeof(Number));
  return out;
}

ControlNonce nonce_at(Octets octets, std::size_t place) {
  ControlNonce out;
  std::ranges::copy(octets.subspan(place, out.size()), out.begin());
  return out;
}

std::uint8_t flag(bool is_set, std::uint8_t bit) {
  return is_set ? bit : std::uint8_t{0};
}

bool is_name(std::string_view name) {
  const auto is_control = [](char letter) {
    const auto octet = static_cast<std::uint8_t>(letter);
    return octet < 0x20 || octet == 0x7f;
  };
  return !name.empty() && name.size() <= 255 && std::ranges::none_of(name, is_control);
}

// What a message becomes.

std::vector<ControlOctets> bodies(const ControlHello& hello) {
  if (!is_name(hello.name)) return {};
  ControlOctets out{hello.version};
  append(hello.server, out);
  out.insert(out.end(), hello.nonce.begin(), hello.nonce.end());
  out.push_back(static_cast<std::uint8_t>(hello.name.size()));
  out.insert(out.end(), hello.name.begin(), hello.name.end());
  return {std::move(out)};
}

std::vector<ControlOctets> bodies(const ControlWelcome& welcome) {
  ControlOctets out{welcome.version};
  out.insert(out.end(), welcome.nonce.begin(), welcome.nonce.end());
  return {std::move(out)};
}

std::vector<ControlOctets> bodies(const ControlRefusal& refusal) {
  return {{refusal.version, static_cast<std::uint8_t>(refusal.reason)}};
}

std::vector<ControlOctets> bodies(const ControlPing&) {
  return {{}};
}

std::vector<ControlOctets> bodies(const ControlState& state) {
  ControlOctets out{flag(state.serving, kServing)};
  append(state.connections, out);
  return {std::move(out)};
}

std::vector<ControlOctets> bodies(const ControlTaken& taken) {
  ControlOctets out;
  append(taken.histories, out);
  return {std::move(out)};
}

std::vector<ControlOctets> bodies(const ControlTokens& tokens) {
  std::vector<ControlOctets> out;
  std::span<const std::uint32_t> learned = tokens.learned;
  std::span<const std::uint32_t> gone = tokens.gone;
  do {
    const auto first = learned.first(std::min(learned.size(), kControlMostTokens));
    const auto then = gone.first(std::min(gone.size(), kControlMostTokens - first.size()));
    learned = learned.subspan(first.size());
    gone = gone.subspan(then.size());
    const bool ends = learned.empty() && gone.empty();
    auto& body = out.emplace_back();
    body.reserve(kFrameHead + 4 * (first.size() + then.size()));
    body.push_back(flag(tokens.begins && out.size() == 1, kBegins) |
                   flag(tokens.ends && ends, kEnds));
    append(static_cast<std::uint16_t>(first.size()), body);
    append(static_cast<std::uint16_t>(then.size()), body);
    for (const auto token : first) append(token, body);
    for (const auto token : then) append(token, body);
  } while (!learned.empty() || !gone.empty());
  return out;
}

auto group_of(const OwnerRun& run) {
  return std::tuple(run.owner, run.previous, run.age);
}

/// Writes the runs of a history into as many bodies as they need.
class HistoryWriter {
 public:
  explicit HistoryWriter(const ControlHistory& history) : history_(history) { begin_body(); }

  void add(const OwnerRun& run) {
    if (group_place_ == 0 || group_of(run) != group_) begin_group(run);
    auto place = std::max(run.place, place_);
    const auto end = run.place + run.count;
    while (place < end) {
      const auto gap = place - place_;
      const auto skips = gap == 0 ? 0 : (gap - 1) / kMostSkip;
      if (out_.back().size() + kRun * (skips + 1) > kControlMostBody) {
        begin_body();
        begin_group({.place = place, .owner = run.owner, .previous = run.previous, .age = run.age});
      }
      while (place - place_ > kMostSkip) add_run(kMostSkip, 0);
      const auto count = std::min(end - place, kMostCount);
      add_run(place - place_, count);
      place += count;
    }
  }

  std::vector<ControlOctets> finish() {
    if (history_.last) out_.back().front() |= kLast;
    return std::move(out_);
  }

 private:
  void begin_body() {
    auto& body = out_.emplace_back();
    const auto& service = history_.service;
    body.push_back(flag(history_.full, kFull));
    body.push_back(service.address.is_v4() ? 4 : 6);
    body.insert(body.end(), service.address.octets().begin(), service.address.octets().end());
    append(service.port, body);
    group_place_ = 0;
  }

  void begin_group(const OwnerRun& run) {
    if (out_.back().size() + kGroupHead + kRun > kControlMostBody) begin_body();
    auto& body = out_.back();
    group_place_ = body.size();
    append(run.owner, body);
    append(run.previous, body);
    append(run.age, body);
    append(run.place, body);
    append(std::uint16_t{0}, body);
    group_ = group_of(run);
    place_ = run.place;
    runs_ = 0;
  }

  void add_run(std::uint32_t skip, std::uint32_t count) {
    auto& body = out_.back();
    body.push_back(static_cast<std::uint8_t>(skip));
    body.push_back(static_cast<std::uint8_t>(count));
    place_ += skip + count;
    ++runs_;
    body[group_place_ + kGroupHead - 2] = static_cast<std::uint8_t>(runs_ >> 8);
    body[group_place_ + kGroupHead - 1] = static_cast<std::uint8_t>(runs_);
  }

  const ControlHistory& history_;
  std::vector<ControlOctets> out_;
  std::size_t group_place_ = 0;  ///< where the group is in the last body; 0: it has none yet
  std::tuple<std::uint16_t, std::uint16_t, std::uint32_t> group_;
  std::uint32_t place_ = 0;  ///< behind what the group has
  unsigned runs_ = 0;
};

std::vector<ControlOctets> bodies(const ControlHistory& history) {
  auto runs = history.runs;
  const auto is_wrong = [](const OwnerRun& run) {
    return run.place >= kControlPlaces || run.count == 0 || run.count > kControlPlaces - run.place;
  };
  if (history.service.port == 0 || std::ranges::any_of(runs, is_wrong)) return {};
  std::ranges::sort(runs, {},
                    [](const OwnerRun& run) { return std::pair(group_of(run), run.place); });
  HistoryWriter writer(history);
  for (const auto& run : runs) writer.add(run);
  return writer.finish();
}

// And back.

Read<ControlMessage> read_hello(Octets body) {
  constexpr std::size_t kNamePlace = kNoncePlace + sizeof(ControlNonce) + 1;
  if (body.size() < kNamePlace || body.size() != kNamePlace + body[kNamePlace - 1])
    return std::unexpected("length");
  const auto name = body.subspan(kNamePlace);
  ControlHello out{.version = body[0],
                   .server = number_at<std::uint16_t>(body, 1),
                   .nonce = nonce_at(body, kNoncePlace),
                   .name = {name.begin(), name.end()}};
  if (!is_name(out.name)) return std::unexpected("name");
  return out;
}

Read<ControlMessage> read_welcome(Octets body) {
  if (body.size() != 1 + sizeof(ControlNonce)) return std::unexpected("length");
  return ControlWelcome{.version = body[0], .nonce = nonce_at(body, 1)};
}

Read<ControlMessage> read_refusal(Octets body) {
  if (body.size() != 2) return std::unexpected("length");
  return ControlRefusal{.version = body[0], .reason = static_cast<ControlRefused>(body[1])};
}

Read<ControlMessage> read_ping(Octets body) {
  if (!body.empty()) return std::unexpected("length");
  return ControlPing{};
}

Read<ControlMessage> read_tokens(Octets body) {
  if (body.size() < 5) return std::unexpected("length");
  const auto flags = take<std::uint8_t>(body);
  const std::size_t learned = take<std::uint16_t>(body);
  const std::size_t gone = take<std::uint16_t>(body);
  if (body.size() != 4 * (learned + gone)) return std::unexpected("length");
  if ((flags & ~(kBegins | kEnds)) != 0) return std::unexpected("flags");
  ControlTokens out{.begins = (flags & kBegins) != 0, .ends = (flags & kEnds) != 0};
  out.learned.resize(learned);
  out.gone.resize(gone);
  for (auto& token : out.learned) token = take<std::uint32_t>(body);
  for (auto& token : out.gone) token = take<std::uint32_t>(body);
  return out;
}

Read<ControlMessage> read_state(Octets body) {
  if (body.size() != 5) return std::unexpected("length");
  if ((body[0] & ~kServing) != 0) return std::unexpected("flags");
  return ControlState{.connections = number_at<std::uint32_t>(body, 1),
                      .serving = (body[0] & kServing) != 0};
}

/// Adds the runs of the group in front of `body`; those that touch become one.
Read<void> read_group(Octets& body, std::vector<OwnerRun>& out) {
  if (body.size() < kGroupHead) return std::unexpected("length");
  OwnerRun run{.owner = take<std::uint16_t>(body), .previous = take<std::uint16_t>(body)};
  run.age = take<std::uint32_t>(body);
  auto place = take<std::uint32_t>(body);
  const auto runs = take<std::uint16_t>(body);
  if (runs == 0 || (!out.empty() && group_of(out.back()) >= group_of(run)))
    return std::unexpected("group");
  if (place >= kControlPlaces) return std::unexpected("place");
  if (body.size() < kRun * runs) return std::unexpected("length");
  const auto before = out.size();
  for (unsigned i = 0; i < runs; ++i) {
    const auto skip = take<std::uint8_t>(body);
    run.count = take<std::uint8_t>(body);
    if (run.count == 0 && (skip != kMostSkip || i + 1 == runs)) return std::unexpected("run");
    place += skip;
    if (place + run.count > kControlPlaces) return std::unexpected("place");
    run.place = place;
    place += run.count;
    if (run.count == 0) continue;
    if (out.size() > before && out.back().place + out.back().count == run.place)
      out.back().count += run.count;
    else
      out.push_back(run);
  }
  return {};
}

Read<ControlMessage> read_history(Octets body) {
  if (body.size() < 2) return std::unexpected("length");
  const auto flags = take<std::uint8_t>(body);
  const auto family = take<std::uint8_t>(body);
  if ((flags & ~(kFull | kLast)) != 0) return std::unexpected("flags");
  if (family != 4 && family != 6) return std::unexpected("family");
  const std::size_t width = family == 4 ? 4 : 16;
  if (body.size() < width + 2) return std::unexpected("length");
  ControlHistory out{.service = {}, .full = (flags & kFull) != 0, .last = (flags & kLast) != 0};
  out.service.address = *IpAddress::from_octets(body.first(width));
  body = body.subspan(width);
  out.service.port = take<std::uint16_t>(body);
  if (out.service.port == 0 || out.service.address.unmapped() != out.service.address)
    return std::unexpected("family");
  while (!body.empty())
    if (const auto read = read_group(body, out.runs); !read) return std::unexpected(read.error());
  return out;
}

Read<ControlMessage> read_taken(Octets body) {
  if (body.size() != sizeof(std::uint32_t)) return std::unexpected("length");
  return ControlTaken{.histories = number_at<std::uint32_t>(body, 0)};
}

}  // namespace

std::vector<ControlOctets> encode(const ControlMessage& message) {
  return std::visit([](const auto& one) { return bodies(one); }, message);
}

std::expected<ControlMessage, std::string_view> decode_control(std::uint8_t type,
                                                               std::span<const std::uint8_t> body) {
  using Reader = Read<ControlMessage> (*)(Octets);
  static constexpr std::array<Reader, std::variant_size_v<ControlMessage>> kReaders{
      read_hello,  read_welcome, read_refusal, read_ping,
      read_tokens, read_state,   read_history, read_taken};
  if (type == 0 || type > kReaders.size()) return std::unexpected("type");
  return kReaders.at(type - 1)(body);
}

std::expected<std::optional<ControlFrame>, std::string_view> control_frame(
    std::span<const std::uint8_t> octets, std::size_t most) {
  constexpr std::size_t kLength = kFrameHead - 1;
  if (octets.size() < kLength) return std::nullopt;
  const std::size_t follow = number_at<std::uint32_t>(octets, 0);
  if (follow < 1 + kControlMac || follow > most - kLength) return std::unexpected("frame");
  if (octets.size() < kLength + follow) return std::nullopt;
  const auto frame = octets.first(kLength + follow);
  return ControlFrame{.size = frame.size(),
                      .type = frame[kLength],
                      .body = frame.subspan(kFrameHead, follow - 1 - kControlMac),
                      .mac = frame.last(kControlMac)};
}

void append_control_frame(std::uint8_t type, std::span<const std::uint8_t> body,
                          std::span<const std::uint8_t, kControlMac> mac, ControlOctets& out) {
  append(static_cast<std::uint32_t>(1 + body.size() + kControlMac), out);
  out.push_back(type);
  out.insert(out.end(), body.begin(), body.end());
  out.insert(out.end(), mac.begin(), mac.end());
}

}  // namespace anabranch::wire
