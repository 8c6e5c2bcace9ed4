// SPDX-License-Identifier: MIT
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include "lab/wire.hpp"
#include "lab/wire_protocol.hpp"

namespace anabranch::lab {
namespace {

constexpr nanoseconds kAnswerTimeout = seconds(5);

/// Sends all of `text`; a peer that is gone gives an error and no signal.
Result<void> send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail_errno("cannot command the wire process");
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

/// One line without its end. Answers come one to a command, so nothing follows the line yet.
Result<std::string> receive_line(int fd, MonotonicTime deadline) {
  std::string line;
  while (!line.ends_with('\n')) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - MonotonicClock::now());
    pollfd wait{fd, POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&wait, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return fail("the wire process does not answer");
    // Octet by octet would be slow and a block may hold the start of the next answer: only after a
    // timeout there is a next one, so look first and take up to the line's end.
    char block[4096];
    const auto seen = ::recv(fd, block, sizeof block, MSG_PEEK);
    if (seen < 0 && errno == EINTR) continue;
    if (seen < 0) return fail_errno("cannot hear the wire process");
    if (seen == 0) return fail("the wire process has ended");
    const std::string_view text(block, static_cast<std::size_t>(seen));
    const auto end = text.find('\n');
    const auto part = end == std::string_view::npos ? text.size() : end + 1;
    if (::recv(fd, block, part, 0) < 0) return fail_errno("cannot hear the wire process");
    line.append(text.substr(0, part));
  }
  line.pop_back();
  return line;
}

Result<WireAnswer> ask(int fd, const WireCommand& command) {
  ANABRANCH_TRY(send_all(fd, format_wire_command(command) + "\n"));
  const auto deadline = MonotonicClock::now() + kAnswerTimeout;
  while (true) {
    const auto line = receive_line(fd, deadline);
    if (!line) return std::unexpected(line.error());
    auto answer = parse_wire_answer(*line);
    if (!answer) return answer;
    // An answer to an earlier command that was given up on may still come.
    if (answer->id && answer->id != command.id) continue;
    if (answer->error) return fail(*answer->error, "link " + command.link);
    return answer;
  }
}

Result<void> order(int fd, const WireCommand& command) {
  const auto answer = ask(fd, command);
  if (!answer) return std::unexpected(answer.error());
  return {};
}

}  // namespace

Result<void> WireControl::set(const std::string& link, const LinkProfile& profile) {
  return order(fd_, {.id = ++last_id_,
                     .link = link,
                     .kind = WireCommand::Kind::kSet,
                     .change = whole_profile(profile)});
}

Result<void> WireControl::up(const std::string& link) {
  return order(fd_, {.id = ++last_id_, .link = link, .kind = WireCommand::Kind::kUp, .change = {}});
}

Result<void> WireControl::drop(const std::string& link) {
  return order(fd_,
               {.id = ++last_id_, .link = link, .kind = WireCommand::Kind::kDrop, .change = {}});
}

Result<void> WireControl::cut(const std::string& link) {
  return order(fd_,
               {.id = ++last_id_, .link = link, .kind = WireCommand::Kind::kCut, .change = {}});
}

Result<WireControl::Counters> WireControl::counters(const std::string& link) {
  const auto answer = ask(
      fd_, {.id = ++last_id_, .link = link, .kind = WireCommand::Kind::kCounters, .change = {}});
  if (!answer) return std::unexpected(answer.error());
  if (!answer->counters) return fail("the wire process answered without counters", "link " + link);
  return *answer->counters;
}

}  // namespace anabranch::lab
