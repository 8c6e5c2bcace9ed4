// SPDX-License-Identifier: MIT
// One thread, one connection, one loop: do what is due by the clock (sample, end of sending, hard
// stop), sleep until the socket or the clock has more, move one buffer of payload. The clock comes
// first so that a connection that is silent, or one that is always ready, is sampled alike.
//
// The sender ends by shutting down its direction and waits for the peer to close: only then has
// everything been acknowledged and are the figures of the subflows final.
#include "lab/workload.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include "kernel/mptcp_socket.hpp"
#include "lab/payload.hpp"
#include "lab/subflow_record.hpp"

namespace anabranch::lab {
namespace {

/// While the last octets are acknowledged the figures are read more often: the peer's close ends
/// them.
constexpr nanoseconds kRefreshAtTheEnd = milliseconds(5);
constexpr nanoseconds kShortestGap = milliseconds(20);
/// From the end of the payload to the receiver's close: long enough for the sender's next look.
constexpr nanoseconds kCloseAfter = milliseconds(25);
constexpr nanoseconds kConnectTimeout = seconds(10);
constexpr nanoseconds kHardStop = seconds(60);
constexpr std::size_t kReadBuffer = 262144;

std::int64_t nanoseconds_of(MonotonicTime time) {
  return std::chrono::duration_cast<nanoseconds>(time.time_since_epoch()).count();
}

std::string seconds_text(nanoseconds time) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count());
}

/// Events of `fd` among `events` (errors always), none when `until` comes first.
Result<short> wait_for(int fd, short events, MonotonicTime until) {
  const auto left = std::max(nanoseconds(0), nanoseconds(until - MonotonicClock::now()));
  const timespec timeout{.tv_sec = left.count() / 1000000000, .tv_nsec = left.count() % 1000000000};
  pollfd waiting{fd, events, 0};
  if (::ppoll(&waiting, 1, &timeout, nullptr) < 0 && errno != EINTR) return fail_errno("poll");
  return waiting.revents;
}

Result<void> write_event(int fd, const WorkloadEvent& event) {
  const std::string line = format_workload_event(event) + "\n";
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t written = ::write(fd, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno("cannot write the report");
    done += static_cast<std::size_t>(written);
  }
  return {};
}

Result<void> check(const WorkloadOptions& options) {
  if (options.send && options.duration.count() <= 0 && options.octets == 0)
    return fail("the sender has neither a duration nor a number of octets", {},
                "give --seconds or --octets", ExitCode::kBadInput);
  if (options.sample_every < milliseconds(1))
    return fail("samples closer than a millisecond", {}, {}, ExitCode::kBadInput);
  if (!options.listen && options.bind && options.bind->family() != options.remote.family())
    return fail("the address to bind and the address to connect to are of different families",
                options.bind->text() + ", " + options.remote.text(), {}, ExitCode::kBadInput);
  return {};
}

class Workload {
 public:
  Workload(const WorkloadOptions& options, int output_fd)
      : options_(options),
        output_fd_(output_fd),
        deadline_(MonotonicClock::now() + options.duration + kHardStop),
        payload_(options.seed),
        record_(options.send ? Direction::kAcknowledged : Direction::kReceived) {}

  Result<void> run();

 private:
  enum class Phase : std::uint8_t { kSending, kDraining, kReceiving, kFinished };

  Result<void> report(const WorkloadEvent& event) const { return write_event(output_fd_, event); }
  Result<UniqueFd> prepared_socket() const;
  Result<void> establish();
  Result<void> accept_one();
  Result<void> connect_out();
  Result<void> transfer();
  Result<void> step(short ready);
  Result<void> write_some();
  Result<void> read_some();
  Result<void> read_until_close();
  Result<void> close_gap(MonotonicTime now);
  Result<void> sample();
  void refresh();
  void moved(std::size_t octets, MonotonicTime now);
  std::string progress() const;

  const WorkloadOptions& options_;
  int output_fd_;
  MonotonicTime deadline_;
  MonotonicTime send_until_ = MonotonicTime::max();
  UniqueFd listener_;  // stays open for the life of the connection: it takes the further subflows
  UniqueFd fd_;
  Phase phase_ = Phase::kFinished;
  PayloadStream payload_;
  Sha256 hash_;
  SubflowRecord record_;
  std::vector<std::byte> buffer_;
  std::uint64_t octets_ = 0;
  std::optional<MonotonicTime> first_;
  MonotonicTime last_;
};

Result<UniqueFd> Workload::prepared_socket() const {
  const auto family =
      options_.listen && options_.bind ? options_.bind->family() : options_.remote.family();
  auto fd = kernel::open_stream_socket(
      family, options_.mptcp ? kernel::Transport::kMptcp : kernel::Transport::kTcp);
  if (!fd) return fd;
  ANABRANCH_TRY(kernel::set_congestion_control(fd->get(), options_.congestion));
  const int on = 1;
  if (options_.listen && ::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
    return fail_errno("SO_REUSEADDR");
  if (options_.listen || options_.bind) {
    sockaddr_storage address{};
    const IpAddress local = options_.bind.value_or(IpAddress{});
    const std::uint16_t port = options_.listen ? options_.port : 0;
    const unsigned length = local.to_sockaddr(port, address);
    if (::bind(fd->get(), reinterpret_cast<sockaddr*>(&address), length) != 0)
      return fail_errno(fmt::format("cannot bind to {} port {}", local.text(), port));
  }
  return fd;
}

Result<void> Workload::accept_one() {
  if (::listen(listener_.get(), SOMAXCONN) != 0) return fail_errno("listen");
  ANABRANCH_TRY(report(event::Listening{}));
  while (MonotonicClock::now() < deadline_) {
    ANABRANCH_TRY(wait_for(listener_.get(), POLLIN, deadline_));
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      fd_ = std::move(fd);
      return report(event::Connected{.mptcp = kernel::is_mptcp(fd_.get()), .setup_ms = 0});
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) return fail_errno("accept");
  }
  return fail("nobody connected within " + seconds_text(options_.duration + kHardStop));
}

Result<void> Workload::connect_out() {
  const auto what = fmt::format("connect to {} port {}", options_.remote.text(), options_.port);
  sockaddr_storage address{};
  const unsigned length = options_.remote.to_sockaddr(options_.port, address);
  const auto start = MonotonicClock::now();
  if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 &&
      errno != EINPROGRESS)
    return fail_errno(what);
  short ready = 0;
  while (ready == 0) {
    const auto events = wait_for(fd_.get(), POLLOUT, start + kConnectTimeout);
    if (!events) return std::unexpected(events.error());
    ready = *events;
    if (ready == 0 && MonotonicClock::now() >= start + kConnectTimeout)
      return fail(what + ": no answer within " + seconds_text(kConnectTimeout));
  }
  const std::chrono::duration<double, std::milli> setup = MonotonicClock::now() - start;
  int error = 0;
  socklen_t error_length = sizeof error;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &error_length);
  if (error != 0) return fail_errno(error, what);
  return report(event::Connected{.mptcp = kernel::is_mptcp(fd_.get()), .setup_ms = setup.count()});
}

Result<void> Workload::establish() {
  auto fd = prepared_socket();
  if (!fd) return std::unexpected(fd.error());
  (options_.listen ? listener_ : fd_) = std::move(*fd);
  return options_.listen ? accept_one() : connect_out();
}

void Workload::refresh() {
  // A connection on its way out shows nothing any more: the record keeps what was seen before.
  if (const auto seen = kernel::subflows(fd_.get())) record_.update(*seen);
}

Result<void> Workload::sample() {
  refresh();
  return report(event::Sample{.at_ns = nanoseconds_of(MonotonicClock::now()),
                              .octets = octets_,
                              .subflows = record_.samples()});
}

void Workload::moved(std::size_t octets, MonotonicTime now) {
  octets_ += octets;
  last_ = now;
  if (!first_) first_ = now;
}

std::string Workload::progress() const {
  const auto verb = options_.send ? "sent" : "received";
  if (!first_) return fmt::format("no octet {}", verb);
  return fmt::format("{} octets {}, the last {} ago", octets_, verb,
                     seconds_text(MonotonicClock::now() - last_));
}

Result<void> Workload::close_gap(MonotonicTime now) {
  if (options_.send || !first_ || now - last_ < kShortestGap) return {};
  return report(
      event::Gap{.start_ns = nanoseconds_of(last_), .length_ns = nanoseconds(now - last_).count()});
}

Result<void> Workload::write_some() {
  auto piece = payload_.ahead();
  if (options_.octets > 0)
    piece = piece.first(std::min<std::uint64_t>(piece.size(), options_.octets - octets_));
  const ssize_t written = ::send(fd_.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
  if (written < 0) {
    if (errno == EAGAIN || errno == EINTR) return {};
    return fail_errno(fmt::format("sending failed with {}", progress()));
  }
  const auto count = static_cast<std::size_t>(written);
  hash_.update(piece.first(count));
  payload_.consume(count);
  moved(count, MonotonicClock::now());
  return {};
}

Result<void> Workload::read_some() {
  const ssize_t got = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return {};
    return fail_errno(fmt::format("receiving failed with {}", progress()));
  }
  const auto now = MonotonicClock::now();
  if (got == 0) {
    phase_ = Phase::kFinished;
    return {};
  }
  ANABRANCH_TRY(close_gap(now));
  const auto count = static_cast<std::size_t>(got);
  moved(count, now);
  hash_.update(std::span(buffer_).first(count));
  return {};
}

Result<void> Workload::read_until_close() {
  std::byte octet;
  const ssize_t got = ::recv(fd_.get(), &octet, 1, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (got < 0) return fail_errno(fmt::format("the connection failed with {}", progress()));
  if (got > 0) return fail("the peer sends too", {}, "one end is to send, the other to receive");
  if (phase_ == Phase::kSending) return fail(fmt::format("the peer closed early, {}", progress()));
  phase_ = Phase::kFinished;
  return {};
}

Result<void> Workload::step(short ready) {
  const bool readable = (ready & ~POLLOUT) != 0;  // an error or hang-up is found by reading
  if (phase_ == Phase::kReceiving) return readable ? read_some() : Result<void>{};
  if (readable) return read_until_close();
  if (phase_ == Phase::kSending && (ready & POLLOUT) != 0) return write_some();
  return {};
}

Result<void> Workload::transfer() {
  phase_ = options_.send ? Phase::kSending : Phase::kReceiving;
  if (!options_.send) buffer_.resize(kReadBuffer);
  const auto start = MonotonicClock::now();
  if (options_.duration.count() > 0) send_until_ = start + options_.duration;
  auto next_sample = start + options_.sample_every;
  while (phase_ != Phase::kFinished) {
    const auto now = MonotonicClock::now();
    if (now >= deadline_)
      return fail(fmt::format("not finished after {}: {}",
                              seconds_text(options_.duration + kHardStop), progress()));
    if (now >= next_sample) {
      ANABRANCH_TRY(sample());
      // Samples keep their rhythm; after a pause of this process the missed ones are left out.
      while (next_sample <= now) next_sample += options_.sample_every;
    }
    const bool sent_all = options_.octets > 0 && octets_ == options_.octets;
    if (phase_ == Phase::kSending && (sent_all || now >= send_until_)) {
      if (::shutdown(fd_.get(), SHUT_WR) != 0)
        return fail_errno(fmt::format("the connection failed with {}", progress()));
      phase_ = Phase::kDraining;
    }
    auto wake = std::min(next_sample, deadline_);
    if (phase_ == Phase::kSending) wake = std::min(wake, send_until_);
    if (phase_ == Phase::kDraining) {
      refresh();
      wake = std::min(wake, now + kRefreshAtTheEnd);
    }
    const auto ready =
        wait_for(fd_.get(), phase_ == Phase::kSending ? POLLIN | POLLOUT : POLLIN, wake);
    if (!ready) return std::unexpected(ready.error());
    if (*ready != 0) ANABRANCH_TRY(step(*ready));
  }
  return {};
}

Result<void> Workload::run() {
  ANABRANCH_TRY(establish());
  const auto result = transfer();
  ANABRANCH_TRY(close_gap(MonotonicClock::now()));
  if (!result) {
    ANABRANCH_TRY(sample());
    return result;
  }
  refresh();
  // The last acknowledgement and a close right behind it would reach the sender as one, and a
  // closed socket no longer says what was acknowledged.
  if (!options_.send) ANABRANCH_TRY(wait_for(-1, 0, MonotonicClock::now() + kCloseAfter));
  return report(event::Done{.mptcp = kernel::is_mptcp(fd_.get()),
                            .octets = octets_,
                            .first_ns = first_ ? nanoseconds_of(*first_) : 0,
                            .last_ns = first_ ? nanoseconds_of(last_) : 0,
                            .sha256 = hash_.finish(),
                            .subflows = record_.samples()});
}

}  // namespace

Result<void> run_workload(const WorkloadOptions& options, int output_fd) {
  auto result = check(options);
  Workload workload(options, output_fd);
  if (result) result = workload.run();
  // When even this cannot be written the caller still has the error.
  if (!result) (void)write_event(output_fd, event::Failed{result.error().text()});
  return result;
}

}  // namespace anabranch::lab
