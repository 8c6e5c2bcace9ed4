// SPDX-License-Identifier: MIT
// One thread and one poll. A place is where one connection follows the other; what it waits for is
// its stage and a moment.
#include "lab/balanced_downloads.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/mptcp_socket.hpp"
#include "lab/balanced_reply.hpp"

namespace anabranch::lab {
namespace {

/// Between two looks at a connection's subflows while it waits for them.
constexpr nanoseconds kLook = milliseconds(10);
/// A connection that is silent for so long is asked whether it has a subflow left.
constexpr nanoseconds kSuspicious = milliseconds(500);
constexpr unsigned kPiecesOfMark = 2;
/// A subflow with less has carried no payload: SYN, FIN and window updates count for an octet each.
constexpr std::uint64_t kLeastPayload = 100;

enum class Stage : std::uint8_t { kEmpty, kConnecting, kReading, kJoining, kPausing, kOver };

struct Place {
  Stage stage = Stage::kEmpty;
  UniqueFd fd;
  MonotonicTime due{};    ///< when to look, to go on, or to open
  MonotonicTime since{};  ///< of the silence, or of the wait for subflows
  std::optional<PieceReply> reply;
  unsigned server = 0;
  unsigned pieces = 0;  ///< of this connection
  std::size_t known_subflows = 0;
  unsigned to_mark = 0;  ///< pieces or broken connections that a mark still waits for

  bool has_connection() const { return static_cast<bool>(fd); }
};

std::size_t established(int fd) {
  const auto found = kernel::subflows(fd);
  return found ? static_cast<std::size_t>(
                     std::ranges::count(*found, true, &kernel::SubflowInfo::established))
               : 0;
}

class Downloads {
 public:
  Downloads(const DownloadOptions& options, int input, int output)
      : options_(options), input_(input), output_(output), places_(options.live) {
    // Not all at the same moment, now and at every later piece.
    const auto now = MonotonicClock::now();
    for (std::size_t i = 0; i < places_.size(); ++i)
      places_[i].due = now + options.pause * static_cast<std::int64_t>(i) /
                                 static_cast<std::int64_t>(places_.size());
  }

  Result<void> run() {
    while (!over()) {
      ANABRANCH_TRY(wait());
      for (auto& place : places_) ANABRANCH_TRY(advance(place, MonotonicClock::now()));
      if (marked_ && std::ranges::all_of(places_, [](const Place& p) { return p.to_mark == 0; })) {
        marked_ = false;
        ANABRANCH_TRY(report());
      }
    }
    return report();
  }

 private:
  bool over() const {
    return std::ranges::all_of(places_, [](const Place& p) { return p.stage == Stage::kOver; });
  }

  /// Until a socket or a word is there, or the next moment that a place waits for.
  Result<void> wait() {
    std::vector<pollfd> polls;
    polls.reserve(places_.size() + 1);
    auto next = MonotonicClock::now() + milliseconds(100);
    for (const auto& place : places_) {
      if (place.stage != Stage::kOver) next = std::min(next, place.due);
      const bool waits = place.stage == Stage::kConnecting || place.stage == Stage::kReading;
      // What ends while nothing is asked is seen by the next request.
      polls.push_back({waits ? place.fd.get() : -1,
                       static_cast<short>(place.stage == Stage::kConnecting ? POLLOUT : POLLIN),
                       0});
    }
    polls.push_back({input_, POLLIN, 0});
    const auto left =
        std::chrono::ceil<milliseconds>(std::max<nanoseconds>(next - MonotonicClock::now(), {}));
    if (::poll(polls.data(), polls.size(), static_cast<int>(left.count())) < 0 && errno != EINTR)
      return fail_errno("cannot poll");
    for (std::size_t i = 0; i < places_.size(); ++i)
      if (polls[i].revents != 0) ANABRANCH_TRY(socket_event(places_[i]));
    return polls.back().revents == 0 ? Result<void>{} : read_words();
  }

  Result<void> read_words() {
    std::array<char, 256> chunk;
    const auto got = ::read(input_, chunk.data(), chunk.size());
    if (got <= 0) input_ = -1;
    words_.append(chunk.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    for (auto end = words_.find('\n'); end != std::string::npos; end = words_.find('\n')) {
      const auto word = words_.substr(0, end);
      words_.erase(0, end + 1);
      if (word == kDownloadsEnd) ending_ = true;
      if (word != kDownloadsMark) continue;
      marked_ = true;
      for (auto& place : places_) place.to_mark = place.stage == Stage::kOver ? 0 : kPiecesOfMark;
    }
    return {};
  }

  /// What is due by the clock.
  Result<void> advance(Place& place, MonotonicTime now) {
    if (place.stage == Stage::kOver || now < place.due) return {};
    switch (place.stage) {
      case Stage::kEmpty:
        return open(place, now);
      case Stage::kConnecting:
      case Stage::kReading:
        return look_at_silence(place, now);
      case Stage::kJoining:
        return look_at_joins(place, now);
      case Stage::kPausing:
        return request(place, now);
      case Stage::kOver:
        break;
    }
    return {};
  }

  Result<void> open(Place& place, MonotonicTime now) {
    if (ending_ || (options_.total > 0 && opened_ >= options_.total)) {
      place.stage = Stage::kOver;
      place.to_mark = 0;
      return {};
    }
    const auto& service = options_.service;
    auto fd = kernel::open_stream_socket(service.address.family(), kernel::Transport::kMptcp);
    if (!fd) return std::unexpected(fd.error());
    ANABRANCH_TRY(kernel::set_congestion_control(fd->get(), "cubic"));
    sockaddr_storage address{};
    const auto length = service.address.to_sockaddr(service.port, address);
    ++opened_;
    const int error = ::connect(fd->get(), reinterpret_cast<sockaddr*>(&address), length) == 0 ||
                              errno == EINPROGRESS
                          ? 0
                          : errno;
    place.fd = *std::move(fd);
    place.reply.reset();
    place.server = place.pieces = 0;
    place.known_subflows = 0;
    if (error != 0) return broke(place, "connect", error);
    listen_to(place, Stage::kConnecting, now);
    return {};
  }

  void listen_to(Place& place, Stage stage, MonotonicTime now) {
    place.stage = stage;
    place.since = now;
    place.due = now + kSuspicious;
  }

  Result<void> look_at_silence(Place& place, MonotonicTime now) {
    place.due = now + kSuspicious;
    if (now - place.since >= options_.patience) return broke(place, "nothing came");
    if (place.stage == Stage::kReading && established(place.fd.get()) == 0)
      return broke(place, "no subflow is left");
    return {};
  }

  Result<void> look_at_joins(Place& place, MonotonicTime now) {
    place.known_subflows = established(place.fd.get());
    const bool complete = place.known_subflows > options_.joins;
    if (!complete && now - place.since < options_.join_patience) {
      place.due = now + kLook;
      return {};
    }
    if (complete) ++report_.joined;
    return go_on(place, now);
  }

  Result<void> request(Place& place, MonotonicTime now) {
    const auto text =
        fmt::format("GET /piece HTTP/1.1\r\nHost: {}\r\n\r\n", options_.service.text());
    if (::send(place.fd.get(), text.data(), text.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(text.size()))
      return broke(place, "send", errno);
    place.reply.emplace();
    listen_to(place, Stage::kReading, now);
    return {};
  }

  Result<void> socket_event(Place& place) {
    const auto now = MonotonicClock::now();
    if (place.stage == Stage::kConnecting) {
      int error = 0;
      socklen_t length = sizeof error;
      ::getsockopt(place.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
      return error == 0 ? request(place, now) : broke(place, "connect", error);
    }
    std::array<std::byte, 65536> chunk;
    while (place.stage == Stage::kReading) {
      const auto got = ::recv(place.fd.get(), chunk.data(), chunk.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
      if (got < 0) return broke(place, "receive", errno);
      if (got == 0) return broke(place, "it ended early");
      listen_to(place, Stage::kReading, now);
      const auto octets = std::span(chunk).first(static_cast<std::size_t>(got));
      const auto taken = place.reply->take(octets);
      if (!taken) return broke(place, taken.error().what);
      if (*taken < octets.size()) return broke(place, "more came than was asked for");
      if (place.reply->complete()) return piece_is_there(place, now);
    }
    return {};
  }

  Result<void> piece_is_there(Place& place, MonotonicTime now) {
    ++(place.reply->sha256() == options_.sha256 ? report_.pieces : report_.wrong);
    if (place.to_mark > 0) --place.to_mark;
    place.server = place.reply->server();
    if (++place.pieces > 1) return go_on(place, now);
    if (!kernel::is_mptcp(place.fd.get())) ++report_.plain;
    if (options_.joins == 0) return go_on(place, now);
    place.stage = Stage::kJoining;
    place.since = place.due = now;
    return {};
  }

  /// To the next piece, or to the next connection.
  Result<void> go_on(Place& place, MonotonicTime now) {
    place.due = now + options_.pause;
    place.stage = Stage::kPausing;
    if (!ending_ && (options_.pieces == 0 || place.pieces < options_.pieces)) return {};
    const auto found = kernel::subflows(place.fd.get());
    if (found && found->size() > options_.joins &&
        std::ranges::all_of(*found, [](const kernel::SubflowInfo& subflow) {
          return subflow.octets_received > kLeastPayload;
        }))
      ++report_.carried;
    ++report_.done;
    count_lost(place);
    leave(place);
    return {};
  }

  /// `error` is an errno; 0: none tells why.
  Result<void> broke(Place& place, const std::string& why, int error = 0) {
    report_.last_failure = error == 0 ? why : fmt::format("{}: {}", why, ::strerror(error));
    if (place.reply && place.reply->server() != 0) place.server = place.reply->server();
    ++report_.broken[place.server];
    if (place.to_mark > 0) --place.to_mark;
    place.due = MonotonicClock::now() + options_.pause;
    leave(place);
    return {};
  }

  void leave(Place& place) {
    place.fd.reset();
    place.stage = Stage::kEmpty;
  }

  void count_lost(Place& place) {
    const auto now = established(place.fd.get());
    if (now < place.known_subflows)
      report_.lost_subflows += static_cast<unsigned>(place.known_subflows - now);
    place.known_subflows = now;
  }

  Result<void> report() {
    report_.live = report_.subflows = 0;
    for (auto& place : places_) {
      if (!place.has_connection()) continue;
      ++report_.live;
      // Before it has its further subflows there are none to lose.
      if (place.stage == Stage::kReading || place.stage == Stage::kPausing) count_lost(place);
      report_.subflows += static_cast<unsigned>(established(place.fd.get()));
    }
    const auto line = format_download_report(report_) + "\n";
    if (::write(output_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      return fail_errno("cannot write the report");
    return {};
  }

  const DownloadOptions& options_;
  int input_;
  int output_;
  std::vector<Place> places_;
  std::string words_;
  DownloadReport report_;
  unsigned opened_ = 0;
  bool ending_ = false;
  bool marked_ = false;
};

}  // namespace

Result<void> run_downloads(const DownloadOptions& options, int input_fd, int output_fd) {
  return Downloads(options, input_fd, output_fd).run();
}

}  // namespace anabranch::lab
