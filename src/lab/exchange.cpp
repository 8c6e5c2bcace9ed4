// SPDX-License-Identifier: MIT
// Blocking sockets with a time limit, one connection at a time: nothing is to be done beside the
// one connection that is measured. An octet is timed when the read that brought it returns.
#include "lab/exchange.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "kernel/mptcp_socket.hpp"

namespace anabranch::lab {
namespace {

constexpr timeval kTimeLimit{.tv_sec = 3, .tv_usec = 0};
constexpr nanoseconds kWarmUp = seconds(5);
constexpr std::size_t kMessage = sizeof(std::int64_t);
using Message = std::array<std::uint8_t, kMessage>;

std::int64_t now_ns() {
  return MonotonicClock::now().time_since_epoch().count();
}

Result<UniqueFd> tcp_socket(Family family) {
  UniqueFd fd(::socket(address_family(family), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) return fail_errno("cannot make a socket");
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    ::setsockopt(fd.get(), SOL_SOCKET, option, &kTimeLimit, sizeof kTimeLimit);
  ANABRANCH_TRY(kernel::set_congestion_control(fd.get(), "cubic"));
  return fd;
}

Result<void> put(int fd, std::span<const std::uint8_t> octets) {
  while (!octets.empty()) {
    const ssize_t done = ::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (done < 0) return fail_errno("cannot send");
    octets = octets.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

/// Fills `octets`; when the first of them was there.
Result<std::int64_t> get(int fd, std::span<std::uint8_t> octets) {
  std::int64_t first = 0;
  while (!octets.empty()) {
    const ssize_t done = ::recv(fd, octets.data(), octets.size(), 0);
    if (done < 0) return fail_errno("cannot receive");
    if (done == 0) return fail("the connection ended early");
    if (first == 0) first = now_ns();
    octets = octets.subspan(static_cast<std::size_t>(done));
  }
  return first;
}

Result<void> put_time(int fd, std::int64_t time) {
  Message message;
  std::memcpy(message.data(), &time, kMessage);
  return put(fd, message);
}

Result<void> write_line(int fd, const ExchangeReport& report) {
  const std::string line = format_exchange_report(report) + "\n";
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t written = ::write(fd, line.data() + done, line.size() - done);
    if (written < 0 && errno != EINTR) return fail_errno("cannot write the report");
    if (written > 0) done += static_cast<std::size_t>(written);
  }
  return {};
}

Result<void> answer_one(int fd, bool server_first) {
  Message request;
  if (server_first) ANABRANCH_TRY(put_time(fd, now_ns()));
  const auto first = get(fd, request);
  if (!first) return std::unexpected(first.error());
  ANABRANCH_TRY(put_time(fd, *first));
  // The client closes first, so that it is the one that keeps TIME-WAIT.
  ::recv(fd, request.data(), request.size(), 0);
  return {};
}

Result<void> answer(const ExchangeOptions& options, int output_fd) {
  const auto listener = tcp_socket(options.endpoint.address.family());
  if (!listener) return std::unexpected(listener.error());
  const timeval for_ever{};
  ::setsockopt(listener->get(), SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof for_ever);
  sockaddr_storage address{};
  const auto length = options.endpoint.address.to_sockaddr(options.endpoint.port, address);
  if (::bind(listener->get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return fail_errno("cannot bind to " + options.endpoint.text());
  if (::listen(listener->get(), 64) != 0) return fail_errno("listen");
  ANABRANCH_TRY(write_line(output_fd, {.listening = true, .exchanges = {}, .last_failure = {}}));
  while (true) {
    const UniqueFd fd(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) continue;
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
      ::setsockopt(fd.get(), SOL_SOCKET, option, &kTimeLimit, sizeof kTimeLimit);
    // One that fails is the client's to count.
    (void)answer_one(fd.get(), options.server_first);
  }
}

/// RFC 1928 sections 3 to 6: no authentication, CONNECT.
Result<void> ask_proxy(int fd, const Endpoint& target) {
  constexpr std::array<std::uint8_t, 3> kGreeting = {5, 1, 0};
  ANABRANCH_TRY(put(fd, kGreeting));
  std::array<std::uint8_t, 2> method{};
  if (const auto got = get(fd, method); !got) return std::unexpected(got.error());
  if (method[1] != 0) return fail("the SOCKS proxy wants authentication");
  std::vector<std::uint8_t> request = {5, 1, 0,
                                       static_cast<std::uint8_t>(target.address.is_v4() ? 1 : 4)};
  const auto octets = target.address.octets();
  request.insert(request.end(), octets.begin(), octets.end());
  request.push_back(static_cast<std::uint8_t>(target.port >> 8));
  request.push_back(static_cast<std::uint8_t>(target.port & 0xff));
  ANABRANCH_TRY(put(fd, request));
  std::array<std::uint8_t, 4> head{};
  if (const auto got = get(fd, head); !got) return std::unexpected(got.error());
  if (head[1] != 0) return fail(fmt::format("the SOCKS proxy answers {}", head[1]));
  std::vector<std::uint8_t> bound(head[3] == 4 ? 18 : 6);
  const auto got = get(fd, bound);
  return got ? Result<void>{} : std::unexpected(got.error());
}

Result<Exchange> ask_once(const ExchangeOptions& options) {
  const auto& first_hop = options.via ? *options.via : options.endpoint;
  const auto fd = tcp_socket(first_hop.address.family());
  if (!fd) return std::unexpected(fd.error());
  sockaddr_storage address{};
  const auto length = first_hop.address.to_sockaddr(first_hop.port, address);
  Exchange out{.syn_ns = now_ns()};
  if (::connect(fd->get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
    return fail_errno("connect to " + first_hop.text());
  if (options.via) ANABRANCH_TRY(ask_proxy(fd->get(), options.endpoint));
  Message message;
  if (options.server_first) {
    const auto greeted = get(fd->get(), message);
    if (!greeted) return std::unexpected(greeted.error());
    out.greeted_ns = *greeted;
  }
  ANABRANCH_TRY(put_time(fd->get(), out.syn_ns));
  const auto replied = get(fd->get(), message);
  if (!replied) return std::unexpected(replied.error());
  out.reply_ns = *replied;
  std::memcpy(&out.request_ns, message.data(), kMessage);
  return out;
}

void pause(nanoseconds time) {
  const timespec left{.tv_sec = time.count() / 1'000'000'000,
                      .tv_nsec = time.count() % 1'000'000'000};
  ::nanosleep(&left, nullptr);
}

Result<void> ask(const ExchangeOptions& options, int output_fd) {
  const auto warm_up_ends = MonotonicClock::now() + kWarmUp;
  auto first = ask_once(options);
  while (!first && MonotonicClock::now() < warm_up_ends) {
    pause(milliseconds(20));
    first = ask_once(options);
  }
  if (!first) return std::unexpected(first.error());
  ExchangeReport report;
  for (unsigned i = 0; i < options.count; ++i) {
    pause(options.pause);
    const auto exchange = ask_once(options);
    if (exchange) {
      report.exchanges.push_back(*exchange);
    } else {
      ++report.failed;
      report.last_failure = exchange.error().text();
    }
  }
  return write_line(output_fd, report);
}

}  // namespace

Result<void> run_exchange(const ExchangeOptions& options, int output_fd) {
  return options.listen ? answer(options, output_fd) : ask(options, output_fd);
}

}  // namespace anabranch::lab
