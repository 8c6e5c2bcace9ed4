// SPDX-License-Identifier: MIT
#include "balancer/control_connection.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace anabranch::balancer {
namespace {

constexpr seconds kLookInterval{1};
constexpr std::size_t kMostAtOnce = 65'536;

ControlFault closed(std::string what) {
  return {ControlFault::Kind::kClosed, std::move(what)};
}

}  // namespace

ControlConnection::ControlConnection(Loop& loop, UniqueFd fd, ControlSession session, Events events)
    : loop_(loop), fd_(std::move(fd)), session_(std::move(session)), events_(std::move(events)) {
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  readable_ = loop_.on_readable(fd_.get(), [this] { read(); });
  keep_looking();
  flush();
}

void ControlConnection::read() {
  std::array<std::uint8_t, kMostAtOnce> buffer;
  const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return end(closed(std::strerror(errno)));
  if (got == 0) return end(closed("it ended the connection"));
  hear(std::span(buffer).first(static_cast<std::size_t>(got)));
}

void ControlConnection::hear(std::span<const std::uint8_t> octets) {
  const bool was_open = session_.is_open();
  const auto heard = session_.hear(octets, MonotonicClock::now());
  flush();  // an answer of the handshake, also one that refuses
  if (!heard) return end(heard.error());
  if (fault_) return;
  if (!was_open && session_.is_open()) events_.opened();
  for (const auto& message : *heard)
    if (!fault_) events_.heard(message);
}

void ControlConnection::tell(const ControlSession::Message& message) {
  if (!fault_) after(session_.tell(message, MonotonicClock::now()));
}

void ControlConnection::tell(std::uint8_t type, std::span<const wire::ControlOctets> bodies) {
  if (!fault_) after(session_.tell(type, bodies, MonotonicClock::now()));
}

void ControlConnection::after(const Told& told) {
  if (!told) return end(told.error());
  flush();
}

void ControlConnection::flush() {
  while (!fault_ && !session_.pending().empty()) {
    const auto octets = session_.pending();
    const ssize_t put = ::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return await_room();
    if (put < 0) return end(closed(std::strerror(errno)));
    session_.took(static_cast<std::size_t>(put), MonotonicClock::now());
  }
  writable_.reset();
  write_fd_.reset();
}

void ControlConnection::await_room() {
  if (writable_) return;
  write_fd_.reset(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!write_fd_) return end(closed(std::strerror(errno)));
  writable_ = loop_.on_writable(write_fd_.get(), [this] { flush(); });
}

void ControlConnection::keep_looking() {
  timer_ = loop_.after(kLookInterval, [this] {
    keep_looking();
    after(session_.look(MonotonicClock::now()));
  });
}

void ControlConnection::end(ControlFault fault) {
  if (fault_) return;
  fault_ = std::move(fault);
  readable_.reset();
  writable_.reset();
  timer_ = loop_.after(nanoseconds{0}, [this] {
    // Both may be destroyed with this object in the call.
    const auto tell_it = std::move(events_.closed);
    const auto why = *fault_;
    tell_it(why);
  });
}

}  // namespace anabranch::balancer
