// SPDX-License-Identifier: MIT
// Many small questions with few system calls: the kernel takes several messages out of one buffer
// and queues an answer for each before send() returns, so that they are all there to be read.
#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <linux/netlink.h>
#include <sys/socket.h>

#include "kernel/netlink.hpp"

namespace anabranch::kernel {
namespace {

/// Their answers, with what the kernel accounts for each, fit the smallest usual receive buffer.
constexpr std::size_t kMessagesAtOnce = 32;
/// Larger than any answer about a single object.
constexpr std::size_t kAnswerSize = 4096;

/// The headers and where to receive to, set up once a thread.
class Answers {
 public:
  Answers() : octets_(kMessagesAtOnce * kAnswerSize) {
    for (std::size_t i = 0; i < kMessagesAtOnce; ++i) {
      places_[i] = {octets_.data() + i * kAnswerSize, kAnswerSize};
      headers_[i].msg_hdr.msg_iov = &places_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;

  /// The number of datagrams received, at least 1; -1 with errno.
  int receive(int fd) {
    return ::recvmmsg(fd, headers_.data(), kMessagesAtOnce, MSG_WAITFORONE, nullptr);
  }
  std::span<const std::uint8_t> datagram(int number) const {
    const auto i = static_cast<std::size_t>(number);
    return {octets_.data() + i * kAnswerSize, headers_[i].msg_len};
  }

 private:
  std::vector<std::uint8_t> octets_;
  std::array<iovec, kMessagesAtOnce> places_{};
  std::array<mmsghdr, kMessagesAtOnce> headers_{};
};

int refusal(const nlmsghdr& answer) {
  return -static_cast<const nlmsgerr*>(NLMSG_DATA(&answer))->error;
}

}  // namespace

Result<void> NetlinkSocket::batch(std::span<std::uint8_t> messages, std::string_view what,
                                  const BatchVisitor& visit) {
  std::size_t before = 0;
  while (!messages.empty()) {
    const std::uint32_t first = sequence_ + 1;
    std::size_t size = 0;
    std::size_t count = 0;
    for (; count < kMessagesAtOnce && size < messages.size(); ++count) {
      auto& message = *reinterpret_cast<nlmsghdr*>(messages.data() + size);
      message.nlmsg_flags = NLM_F_REQUEST;
      message.nlmsg_seq = ++sequence_;
      size += NLMSG_ALIGN(message.nlmsg_len);
    }
    if (::send(fd_.get(), messages.data(), size, 0) < 0) return fail_errno(what);
    ANABRANCH_TRY(receive_batch(first, count, what, [&](std::uint32_t place, const nlmsghdr& got) {
      if (got.nlmsg_type == NLMSG_ERROR)
        visit(before + place, nullptr, refusal(got));
      else
        visit(before + place, &got, 0);
    }));
    before += count;
    messages = messages.subspan(size);
  }
  return {};
}

Result<void> NetlinkSocket::receive_batch(
    std::uint32_t first, std::size_t count, std::string_view what,
    const std::function<void(std::uint32_t, const nlmsghdr&)>& visit) {
  static thread_local Answers answers;
  for (std::size_t answered = 0; answered < count;) {
    const int datagrams = answers.receive(fd_.get());
    if (datagrams < 0) {
      if (errno == EINTR) continue;
      return fail_errno(what);
    }
    for (int i = 0; i < datagrams; ++i) {
      const auto octets = answers.datagram(i);
      auto left = static_cast<unsigned>(octets.size());
      for (const auto* answer = reinterpret_cast<const nlmsghdr*>(octets.data());
           NLMSG_OK(answer, left); answer = NLMSG_NEXT(answer, left)) {
        const std::uint32_t place = answer->nlmsg_seq - first;
        if (place >= count) continue;
        visit(place, *answer);
        ++answered;
      }
    }
  }
  return {};
}

}  // namespace anabranch::kernel
