// SPDX-License-Identifier: MIT
#include "proxy/converter_inquiry.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "kernel/stream_socket.hpp"
#include "proxy/cpe_plane.hpp"
#include "signalling/convert.hpp"

namespace anabranch::proxy {

ConverterInquiry::ConverterInquiry(CpePlane& plane, ConverterPool::Choice choice)
    : plane_(plane),
      choice_(std::move(choice)),
      initiator_(signalling::convert_inquiry({.cookie = choice_.cookie})) {}

ConverterInquiry::~ConverterInquiry() {
  if (fd_) plane_.reactor.forget(fd_.get(), side_);
}

void ConverterInquiry::begin() {
  auto fd =
      kernel::open_stream_socket(choice_.endpoint.address.family(), kernel::Transport::kMptcp);
  if (!fd) return end(false);
  fd_ = *std::move(fd);
  if (kernel::begin_connect(fd_.get(), choice_.endpoint, {}).error != 0 ||
      !plane_.reactor.watch(fd_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP, side_))
    return end(false);
  plane_.reactor.start(deadline_, plane_.settings->unreachable_after);
}

void ConverterInquiry::ready(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return end(false);
  if (!asked_) {
    if ((events & EPOLLOUT) == 0) return;
    const auto words = initiator_->opening({});
    if (::send(fd_.get(), words.data(), words.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(words.size()))
      return end(false);
    asked_ = true;
  }
  std::array<std::uint8_t, signalling::kMaxSetupOctets> buffer;
  const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return end(false);
  heard_.insert(heard_.end(), buffer.begin(), buffer.begin() + got);
  const auto said = initiator_->hear(heard_);
  if (std::holds_alternative<signalling::Accepted>(said)) return end(true);
  if (const auto* failed = std::get_if<signalling::Failed>(&said)) {
    if (!failed->cookie.empty()) plane_.pool.set_cookie(choice_.endpoint, failed->cookie);
    return end(!failed->peer_unusable);
  }
  if (heard_.size() > signalling::kMaxSetupOctets) end(false);
}

void ConverterInquiry::too_late() {
  end(false);
}

void ConverterInquiry::end(bool there) {
  if (there) plane_.pool.reached(choice_.endpoint);
  if (fd_) kernel::let_close_reset(fd_.get());
  plane_.remove(*this);
}

}  // namespace anabranch::proxy
