// SPDX-License-Identifier: MIT
#include "probe/reach_prober.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "kernel/mptcp_socket.hpp"
#include "probe/echo.hpp"
#include "probe/http_exchange.hpp"

namespace anabranch::probe {
namespace {

using Kind = ReachTarget::Kind;

std::string error_text(int error) {
  return std::system_category().message(error);
}

/// A question that is open. Its watches end before its socket does.
struct Attempt {
  std::uint64_t id = 0;
  ReachTarget target;
  Way way;
  Echo echo = {};
  MonotonicTime sent{};
  bool connected = false;
  std::string received = {};
  std::string why = {};
  UniqueFd fd = {};
  Loop::Handle ready = {};
  Loop::Handle timer = {};

  /// Our own kernel complains when nobody on the link has the next hop's address.
  void note(const IcmpError& error) {
    why = error.from == way.source
              ? "the next hop does not answer"
              : fmt::format("{} says: {}", error.from.text(), error_text(error.error));
  }
};

/// What became of a step: nothing yet, or the end.
struct End {
  bool answered = false;
  std::string why = {};
  bool fell_back = false;
};
using Step = std::optional<End>;

Step read_echo(Attempt& attempt) {
  std::array<std::uint8_t, 256> packet{};
  constexpr int kBatch = 64;
  for (int i = 0; i < kBatch; ++i) {
    const auto size = ::recv(attempt.fd.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (size < 0) {
      if (errno == EAGAIN) break;
      continue;  // an ICMP error, which stands in the queue as well
    }
    std::span<const std::uint8_t> message(packet.data(), static_cast<std::size_t>(size));
    if (attempt.target.address.is_v4()) message = icmp_of_ipv4(message);
    if (parse_echo_reply(attempt.target.address.family(), message) == attempt.echo)
      return End{true};
  }
  while (const auto error = take_icmp_error(attempt.fd.get())) attempt.note(*error);
  return std::nullopt;
}

Step finish_connection(Attempt& attempt) {
  const int error = take_socket_error(attempt.fd.get());
  if (error == 0) {
    // Nothing has come yet when this is asked for another reason than that the socket is ready.
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(attempt.fd.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0)
      return std::nullopt;
    attempt.connected = true;
    if (attempt.target.kind == Kind::kHttp) return std::nullopt;
    if (attempt.target.kind != Kind::kMptcp || kernel::is_mptcp(attempt.fd.get())) return End{true};
    return End{.why = "it answers by TCP without MPTCP", .fell_back = true};
  }
  if (const auto told = take_icmp_error(attempt.fd.get())) {
    attempt.note(*told);
    return End{false, attempt.why};
  }
  if (error == ECONNREFUSED && attempt.target.kind == Kind::kConnect) return End{true};
  return End{false, error_text(error)};
}

Step read_http(Attempt& attempt) {
  std::array<char, 512> octets{};
  const auto size = ::recv(attempt.fd.get(), octets.data(), octets.size(), MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) return std::nullopt;
  if (size < 0) return End{false, error_text(errno)};
  if (size == 0) return End{false, "the server ends the connection without an answer"};
  attempt.received.append(octets.data(), static_cast<std::size_t>(size));
  const auto answer = parse_http_answer(attempt.received);
  switch (answer.state) {
    case HttpAnswer::State::kIncomplete:
      return std::nullopt;
    case HttpAnswer::State::kNotHttp:
      return End{false, "the answer is no HTTP"};
    case HttpAnswer::State::kStatus:
      break;
  }
  const auto wanted = attempt.target.status;
  if (wanted == 0 ? answer.good() : answer.status == wanted) return End{true};
  return End{false, fmt::format("HTTP status {}", answer.status)};
}

}  // namespace

struct ReachProber::Impl {
  using Number = std::uint64_t;

  Impl(Loop& its_loop, Callback its_callback)
      : loop(its_loop), callback(std::make_shared<const Callback>(std::move(its_callback))) {}

  Result<void> begin(Number number, Attempt& attempt) {
    const auto& target = attempt.target;
    const bool echo = target.kind == Kind::kEcho;
    attempt.sent = MonotonicClock::now();
    const auto transport =
        target.kind == Kind::kMptcp ? kernel::Transport::kMptcp : kernel::Transport::kTcp;
    auto fd = echo ? open_echo_socket(attempt.way, target.address)
                   : open_connection(attempt.way, target.address, target.port, transport);
    if (!fd) return std::unexpected(fd.error());
    attempt.fd = *std::move(fd);
    if (!echo) {
      attempt.ready = loop.on_writable(attempt.fd.get(), [this, number] { go_on(number); });
      return {};
    }
    if (::getrandom(&attempt.echo.cookie, sizeof attempt.echo.cookie, GRND_NONBLOCK) < 0)
      return fail_errno("no random numbers for a probe");
    attempt.echo.identifier = static_cast<std::uint16_t>(attempt.echo.cookie >> 17);
    attempt.echo.sequence = static_cast<std::uint16_t>(number);
    const auto message = build_echo(target.address.family(), attempt.echo);
    if (::send(attempt.fd.get(), message.data(), message.size(), MSG_DONTWAIT) < 0)
      return fail_errno("cannot send a probe", target.address.text());
    attempt.ready = loop.on_readable(attempt.fd.get(), [this, number] { go_on(number); });
    return {};
  }

  /// Takes what the socket has.
  Step step(Number number, Attempt& attempt) {
    if (!attempt.fd) return End{false, attempt.why};
    if (attempt.target.kind == Kind::kEcho) return read_echo(attempt);
    if (attempt.connected) return read_http(attempt);
    auto end = finish_connection(attempt);
    if (end || !attempt.connected) return end;
    attempt.ready.reset();
    const auto request = build_get(attempt.target.host, attempt.target.path);
    // A new connection has room for it.
    if (::send(attempt.fd.get(), request.data(), request.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
      return End{false, error_text(errno)};
    attempt.ready = loop.on_readable(attempt.fd.get(), [this, number] { go_on(number); });
    return std::nullopt;
  }

  void go_on(Number number) {
    const auto found = attempts.find(number);
    if (found == attempts.end()) return;
    if (auto end = step(number, found->second)) finish(number, *std::move(end));
  }

  /// An answer that lies in the socket came in time, though this loop was late.
  void expire(Number number) {
    auto& attempt = attempts.at(number);
    auto end = step(number, attempt);
    finish(number, end ? *std::move(end) : End{false, attempt.why});
  }

  /// The last that is done here: the callback may destroy this.
  void finish(Number number, End end) {
    Reached reached;
    {
      const auto node = attempts.extract(number);
      const auto& attempt = node.mapped();
      reached.id = attempt.id;
      reached.rtt = MonotonicClock::now() - attempt.sent;
    }
    reached.answered = end.answered;
    reached.why = std::move(end.why);
    reached.fell_back = end.fell_back;
    const auto held = callback;
    (*held)(reached);
  }

  Loop& loop;
  std::shared_ptr<const Callback> callback;
  std::map<Number, Attempt> attempts;
  Number last = 0;
};

ReachProber::ReachProber(Loop& loop, Callback callback)
    : impl_(std::make_unique<Impl>(loop, std::move(callback))) {}
ReachProber::ReachProber(ReachProber&&) noexcept = default;
ReachProber& ReachProber::operator=(ReachProber&&) noexcept = default;
ReachProber::~ReachProber() = default;

void ReachProber::ask(std::uint64_t id, const ReachTarget& target, const Way& way,
                      nanoseconds patience) {
  auto& impl = *impl_;
  const auto number = ++impl.last;
  Attempt fresh;
  fresh.id = id;
  fresh.target = target;
  fresh.way = way;
  if (target.kind == Kind::kMptcp) patience = std::min<nanoseconds>(patience, kMostMptcpPatience);
  auto& attempt = impl.attempts.emplace(number, std::move(fresh)).first->second;
  const auto begun = impl.begin(number, attempt);
  if (!begun) {
    attempt.why = begun.error().what;
    attempt.ready.reset();
    attempt.fd.reset();
    patience = {};
  }
  attempt.timer = impl.loop.after(patience, [&impl, number] { impl.expire(number); });
}

}  // namespace anabranch::probe
