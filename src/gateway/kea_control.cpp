// SPDX-License-Identifier: MIT
#include "gateway/kea_control.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.hpp"
#include "base/units.hpp"
#include "status/protocol.hpp"

namespace anabranch::gateway {
namespace {

constexpr seconds kPatience{20};

}  // namespace

KeaControl::KeaControl(Loop& loop, std::filesystem::path socket)
    : loop_(loop), socket_(std::move(socket)) {}

void KeaControl::ask(std::string_view command, std::string_view arguments, Answer answer) {
  std::string text = fmt::format(R"({{ "command": "{}")", command);
  if (!arguments.empty()) text += fmt::format(R"(, "arguments": {})", arguments);
  waiting_.push_back({text + " }", std::move(answer)});
  if (waiting_.size() == 1) send_next();
}

void KeaControl::drop() {
  waiting_.clear();
  watch_.reset();
  deadline_.reset();
  connection_.reset();
}

void KeaControl::send_next() {
  if (waiting_.empty()) return;
  if (const auto done = send(waiting_.front().text); !done) {
    log::debug("cannot ask Kea: {}", done.error().text());
    deadline_ = loop_.after(seconds(0), [this] { finish(nullptr); });
    return;
  }
  reply_.clear();
  watch_ = loop_.on_readable(connection_.get(), [this] { read_reply(); });
  deadline_ = loop_.after(kPatience, [this] { finish(nullptr); });
}

Result<void> KeaControl::send(const std::string& text) {
  const auto address = status::unix_address(socket_);
  if (!address) return std::unexpected(address.error());
  // Blocking for a moment: a configuration of many uplinks is longer than the socket's buffer.
  connection_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{1, 0};
  ::setsockopt(connection_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (!connection_ || ::connect(connection_.get(), reinterpret_cast<const sockaddr*>(&*address),
                                sizeof *address) != 0)
    return fail_errno("cannot reach its control socket", socket_.string());
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t put = ::send(connection_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (put < 0) return fail_errno("cannot write to its control socket", socket_.string());
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

void KeaControl::read_reply() {
  std::array<char, 16384> buffer;
  const ssize_t got = ::recv(connection_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got > 0) {
    reply_.append(buffer.data(), static_cast<std::size_t>(got));
    return;
  }
  const auto reply = nlohmann::json::parse(reply_, nullptr, false);
  finish(reply.is_object() ? &reply : nullptr);
}

void KeaControl::finish(const nlohmann::json* reply) {
  watch_.reset();
  deadline_.reset();
  connection_.reset();
  if (waiting_.empty()) return;
  const Answer answer = std::move(waiting_.front().answer);
  waiting_.pop_front();
  // Before the answer is told, which may ask on, or drop everything.
  send_next();
  answer(reply);
}

}  // namespace anabranch::gateway
