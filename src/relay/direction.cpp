// SPDX-License-Identifier: MIT
#include "relay/direction.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

namespace anabranch::relay {
namespace {

constexpr unsigned kSpliceFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
// A copying read of this size that comes back full is taken for a stream.
constexpr std::size_t kFirstRead = 64 * 1024;
// And a stream of which a splice found less than this has become a trickle.
constexpr std::size_t kTrickle = 8 * 1024;

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

/// A system call, again when a signal came in between.
template <class Call>
ssize_t whole(Call call) {
  for (;;)
    if (const ssize_t result = call(); result >= 0 || errno != EINTR) return result;
}

ssize_t splice_some(int from, int to, std::size_t most) {
  return whole([&] { return ::splice(from, nullptr, to, nullptr, most, kSpliceFlags); });
}

ssize_t send_some(int to, const std::uint8_t* octets, std::size_t size) {
  return whole([&] { return ::send(to, octets, size, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

}  // namespace

void Direction::put_first(Carrier& carrier, std::vector<std::uint8_t> octets) {
  held_ = std::move(octets);
  sent_ = 0;
  carrier.counts.held += held_.size();
}

void Direction::release(Carrier& carrier) {
  carrier.counts.held -= in_pipe_ + (held_.size() - sent_);
  held_ = {};
  sent_ = in_pipe_ = 0;
  if (pipe_) carrier.pipes.destroy(std::move(pipe_));
  carrier.counts.pipes = carrier.pipes.open();
}

Direction::Result Direction::carry(Carrier& carrier, Side& from, Side& to) {
  const std::uint64_t begin = octets_;
  while (!shut_) {
    if (blocked()) {
      if (!to.writable) return Result::kWaits;
      const Step step = flush(carrier, to);
      if (step == Step::kToFailed) return Result::kToFailed;
      if (blocked()) return Result::kWaits;
      continue;
    }
    if (ended_) {
      // ENOTCONN: it was reset meanwhile, which its own event tells.
      ::shutdown(to.fd, SHUT_WR);
      shut_ = true;
      break;
    }
    if (!from.readable) return Result::kWaits;
    if (octets_ - begin >= Carrier::kBudget) return Result::kBudgetOver;
    const bool plenty = carrier.counts.held > Carrier::kHeldPlenty;
    switch (read(carrier, from, to, plenty ? Carrier::kLittle : Carrier::kSplice)) {
      case Step::kMoved:
        break;
      case Step::kNothing:
        from.readable = false;
        break;
      case Step::kEnd:
        ended_ = true;
        break;
      case Step::kFromFailed:
        return Result::kFromFailed;
      case Step::kToFailed:
        return Result::kToFailed;
    }
  }
  return Result::kWaits;
}

Direction::Step Direction::read(Carrier& carrier, Side& from, Side& to, std::size_t most) {
  if (may_splice_ && streams_ && !from.urgent) {
    const Step step = read_by_splice(carrier, from, to, most);
    // Splice takes an urgent octet for the end, and needs a pipe that may not be there: a read
    // decides.
    if (step != Step::kEnd) return step;
  }
  return read_by_copy(carrier, from, to, most);
}

Direction::Step Direction::read_by_splice(Carrier& carrier, Side& from, Side& to,
                                          std::size_t most) {
  if (!pipe_) {
    pipe_ = carrier.pipes.take();
    carrier.counts.pipes = carrier.pipes.open();
    if (!pipe_) return Step::kEnd;
  }
  const ssize_t got = splice_some(from.fd, pipe_.write.get(), most);
  if (got <= 0) {
    const int error = errno;
    carrier.pipes.give_back(std::exchange(pipe_, {}));
    errno = error;
    if (got == 0) return Step::kEnd;
    return would_block() ? Step::kNothing : Step::kFromFailed;
  }
  const auto size = static_cast<std::size_t>(got);
  streams_ = size >= kTrickle;
  in_pipe_ = size;
  octets_ += size;
  carrier.counts.spliced += size;
  carrier.counts.held += size;
  // Also when `to` has no room: the call says so and makes the kernel tell us of room.
  return flush_pipe(carrier, to);
}

Direction::Step Direction::read_by_copy(Carrier& carrier, Side& from, Side& to, std::size_t most) {
  const std::size_t wanted =
      std::min(most, may_splice_ && !from.urgent ? kFirstRead : Carrier::kBuffer);
  const ssize_t got =
      whole([&] { return ::recv(from.fd, carrier.buffer.get(), wanted, MSG_DONTWAIT); });
  if (got == 0) return Step::kEnd;
  if (got < 0) {
    if (!would_block()) return Step::kFromFailed;
    from.urgent = false;
    return Step::kNothing;
  }
  const auto size = static_cast<std::size_t>(got);
  octets_ += size;
  carrier.counts.copied += size;
  streams_ = size == wanted;
  // TCP gives all it has; if the end of the stream is not there yet, it comes with an event.
  if (size < wanted && !from.mptcp && !from.hung_up && !from.urgent) from.readable = false;

  std::size_t sent = 0;
  while (sent < size) {
    const ssize_t put = send_some(to.fd, carrier.buffer.get() + sent, size - sent);
    if (put < 0) {
      if (!would_block()) return Step::kToFailed;
      to.writable = false;
      break;
    }
    sent += static_cast<std::size_t>(put);
  }
  if (sent < size) {
    held_.assign(carrier.buffer.get() + sent, carrier.buffer.get() + size);
    sent_ = 0;
    carrier.counts.held += held_.size();
  }
  return Step::kMoved;
}

Direction::Step Direction::flush(Carrier& carrier, Side& to) {
  return in_pipe_ != 0 ? flush_pipe(carrier, to) : flush_held(carrier, to);
}

Direction::Step Direction::flush_pipe(Carrier& carrier, Side& to) {
  while (in_pipe_ != 0) {
    const ssize_t put = splice_some(pipe_.read.get(), to.fd, in_pipe_);
    if (put <= 0) {
      if (put < 0 && !would_block()) return Step::kToFailed;
      to.writable = false;
      return Step::kMoved;
    }
    in_pipe_ -= static_cast<std::size_t>(put);
    carrier.counts.held -= static_cast<std::size_t>(put);
  }
  carrier.pipes.give_back(std::exchange(pipe_, {}));
  return Step::kMoved;
}

Direction::Step Direction::flush_held(Carrier& carrier, Side& to) {
  while (sent_ < held_.size()) {
    const ssize_t put = send_some(to.fd, held_.data() + sent_, held_.size() - sent_);
    if (put < 0) {
      if (!would_block()) return Step::kToFailed;
      to.writable = false;
      return Step::kMoved;
    }
    sent_ += static_cast<std::size_t>(put);
    carrier.counts.held -= static_cast<std::size_t>(put);
  }
  held_ = {};
  sent_ = 0;
  return Step::kMoved;
}

}  // namespace anabranch::relay
