// SPDX-License-Identifier: MIT
#include "status/client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "status/protocol.hpp"

namespace anabranch::status {
namespace {

Result<UniqueFd> connect_to(const std::filesystem::path& path, std::string_view verb,
                            std::string_view argument = {}, int flags = 0) {
  const auto address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd) return fail_errno("cannot open a socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED)
      return fail("it is not running", path.string(), "start it first", ExitCode::kNotRunning);
    return fail_errno("cannot reach the status socket", path.string());
  }
  const std::string request = format_request(verb, argument);
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size()))
    return fail_errno("cannot ask", path.string());
  return fd;
}

std::optional<std::string> cut_line(std::string& buffer, std::size_t searched = 0) {
  const auto end = buffer.find('\n', searched);
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer.substr(0, end);
  buffer.erase(0, end + 1);
  return line;
}

/// What has arrived; false when nothing more has.
Result<bool> read_some(int fd, std::string& buffer) {
  if (buffer.size() > kMaxAnswer) return fail("the answer is too long");
  std::array<char, 16384> chunk;
  const ssize_t got = ::recv(fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && errno == EAGAIN) return false;
  if (got <= 0) return fail("the role closed the status socket", {}, {}, ExitCode::kNotRunning);
  buffer.append(chunk.data(), static_cast<std::size_t>(got));
  return true;
}

/// poll() takes no more than 24 days.
constexpr std::int64_t kLongestPoll_ms = 24 * 3600 * 1000;

Result<std::string> read_line(int fd, std::string& buffer, nanoseconds patience) {
  const auto deadline = MonotonicClock::now() + patience;
  std::size_t searched = 0;
  for (;;) {
    if (auto line = cut_line(buffer, searched)) return *std::move(line);
    searched = buffer.size();
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - MonotonicClock::now()).count();
    if (left < 0) return fail("no answer in " + duration_text(patience));
    pollfd poll{fd, POLLIN, 0};
    if (::poll(&poll, 1, static_cast<int>(std::min<std::int64_t>(left, kLongestPoll_ms))) == 0) {
      if (left < kLongestPoll_ms) return fail("no answer in " + duration_text(patience));
      continue;
    }
    if (const auto more = read_some(fd, buffer); !more) return std::unexpected(more.error());
  }
}

}  // namespace

Result<std::string> ask(const std::filesystem::path& socket, std::string_view verb,
                        nanoseconds patience, std::string_view argument) {
  const auto fd = connect_to(socket, verb, argument);
  if (!fd) return std::unexpected(fd.error());
  std::string buffer;
  const auto line = read_line(fd->get(), buffer, patience);
  if (!line) return std::unexpected(line.error());
  return parse_answer(*line);
}

Result<Subscription> Subscription::open(const std::filesystem::path& socket,
                                        std::string_view verb) {
  auto fd = connect_to(socket, verb, {}, SOCK_NONBLOCK);
  if (!fd) return std::unexpected(fd.error());
  return Subscription(*std::move(fd));
}

Result<std::string> Subscription::next(nanoseconds patience) {
  const auto line = read_line(fd_.get(), buffer_, patience);
  if (!line) return std::unexpected(line.error());
  return parse_answer(*line);
}

Result<std::optional<std::string>> Subscription::take() {
  for (;;) {
    if (const auto line = cut_line(buffer_)) {
      auto answer = parse_answer(*line);
      if (!answer) return std::unexpected(answer.error());
      return *std::move(answer);
    }
    const auto more = read_some(fd_.get(), buffer_);
    if (!more) return std::unexpected(more.error());
    if (!*more) return std::nullopt;
  }
}

}  // namespace anabranch::status
