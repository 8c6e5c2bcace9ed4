// SPDX-License-Identifier: MIT
// One thread and one epoll. A connection is its descriptor and what it waits for; everything that
// waits for a time waits equally long, so that a queue in order of arrival is a timer wheel.
#include "lab/herd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "kernel/mptcp_socket.hpp"

namespace anabranch::lab {
namespace {

constexpr std::size_t kRequest = 100;
constexpr int kEventsAtOnce = 256;
constexpr int kAcceptsAtOnce = 256;

/// Beside connections: standard streams, epoll, what the caller left open.
constexpr rlim_t kOtherDescriptors = 32;

/// Everyone may open as many descriptors as the hard limit says; who may raise that one does.
Result<void> raise_descriptor_limit(const HerdOptions& options) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return fail_errno("cannot tell the descriptor limit");
  const rlim_t needed =
      kOtherDescriptors + options.ports +
      (options.listen ? options.connections : std::max(options.connections, options.at_once));
  if (limit.rlim_max < needed) {
    const rlimit higher{needed, needed};
    if (::setrlimit(RLIMIT_NOFILE, &higher) == 0) return {};
    return fail(fmt::format("{} descriptors are needed, and one process may have {} here", needed,
                            limit.rlim_max),
                {}, fmt::format("ulimit -Hn {} as root, or LimitNOFILE={}", needed, needed));
  }
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    return fail_errno("cannot raise the descriptor limit");
  return {};
}

Result<void> write_report(int fd, const HerdReport& report) {
  const std::string line = format_herd_report(report) + "\n";
  if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    return fail_errno("cannot write the report");
  return {};
}

class Poller {
 public:
  static Result<Poller> open() {
    UniqueFd fd(::epoll_create1(EPOLL_CLOEXEC));
    if (!fd) return fail_errno("cannot make an epoll");
    return Poller(std::move(fd));
  }
  Result<void> watch(int fd, std::uint32_t events, int operation = EPOLL_CTL_ADD) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(fd_.get(), operation, fd, &event) != 0) return fail_errno("cannot watch");
    return {};
  }
  /// Visits descriptors that have something, waiting at most `patience` (negative: for ever).
  template <class Visit>
  Result<void> wait(nanoseconds patience, Visit visit) {
    std::array<epoll_event, kEventsAtOnce> events{};
    const auto left = std::chrono::ceil<milliseconds>(patience).count();
    const int count = ::epoll_wait(fd_.get(), events.data(), kEventsAtOnce, static_cast<int>(left));
    if (count < 0 && errno != EINTR) return fail_errno("cannot wait");
    for (int i = 0; i < count; ++i) ANABRANCH_TRY(visit(events[static_cast<std::size_t>(i)]));
    return {};
  }

 private:
  explicit Poller(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// Takes connections and sends back what comes.
class EchoServer {
 public:
  EchoServer(const HerdOptions& options, Poller poller)
      : options_(options), poller_(std::move(poller)) {}

  Result<void> run(int output) {
    for (unsigned i = 0; i < options_.ports; ++i)
      ANABRANCH_TRY(listen(static_cast<std::uint16_t>(options_.port + i)));
    ANABRANCH_TRY(write_report(output, {.listening = true}));
    for (;;)
      ANABRANCH_TRY(poller_.wait(seconds(60), [this](const epoll_event& event) {
        return is_listener(event.data.fd) ? accept(event.data.fd) : echo(event.data.fd);
      }));
  }

 private:
  Result<void> listen(std::uint16_t port) {
    auto fd = kernel::open_stream_socket(options_.address.family(), kernel::Transport::kMptcp);
    if (!fd) return std::unexpected(fd.error());
    const int one = 1;
    ::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_storage address{};
    const unsigned length = options_.address.to_sockaddr(port, address);
    if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        ::listen(fd->get(), SOMAXCONN) != 0)
      return fail_errno("cannot listen", options_.address.text());
    ANABRANCH_TRY(poller_.watch(fd->get(), EPOLLIN));
    listeners_.push_back(std::move(*fd));
    return {};
  }
  bool is_listener(int fd) const {
    for (const auto& listener : listeners_)
      if (listener.get() == fd) return true;
    return false;
  }
  Result<void> accept(int listener) {
    for (int i = 0; i < kAcceptsAtOnce; ++i) {
      UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd && (errno == EMFILE || errno == ENFILE))
        return fail_errno("cannot accept another connection");
      if (!fd) return {};
      ANABRANCH_TRY(poller_.watch(fd.release(), EPOLLIN));
    }
    return {};
  }
  Result<void> echo(int fd) {
    std::array<char, 4096> buffer{};
    const auto count = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EAGAIN) return {};
    // Requests are far smaller than any send buffer: what is refused is a connection that died.
    if (count <= 0 ||
        ::send(fd, buffer.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) != count)
      ::close(fd);
    return {};
  }

  HerdOptions options_;
  Poller poller_;
  std::vector<UniqueFd> listeners_;
};

class Clients {
 public:
  Clients(const HerdOptions& options, Poller poller)
      : options_(options), poller_(std::move(poller)) {}

  Result<void> run(int output) {
    const auto start = MonotonicClock::now();
    const bool hold = options_.connections > 0;
    bool told = false;
    for (;;) {
      const auto now = MonotonicClock::now();
      const bool over = !hold && now >= start + options_.duration;
      if (!over) ANABRANCH_TRY(open_more(now));
      ANABRANCH_TRY(send_due(now));
      if (!told && (over ? under_way_ == 0 : hold && held() >= options_.connections)) {
        report_.seconds = std::chrono::duration<double>(now - start).count();
        ANABRANCH_TRY(write_report(output, report_));
        told = true;
        if (!hold) return {};
      }
      ANABRANCH_TRY(poller_.wait(
          patience(now), [this](const epoll_event& e) { return event(e.data.fd, e.events); }));
    }
  }

 private:
  enum class Stage : std::uint8_t { kNone, kConnecting, kFirstEcho, kHeld };
  struct Client {
    Stage stage = Stage::kNone;
    std::size_t echoed = 0;
  };

  std::uint64_t held() const { return report_.opened + report_.failed; }
  nanoseconds patience(MonotonicTime now) const {
    nanoseconds out = milliseconds(100);
    if (!pausing_.empty()) out = std::min<nanoseconds>(out, pausing_.front().due - now);
    if (options_.spacing.count() > 0) out = std::min<nanoseconds>(out, next_opening_ - now);
    return std::max(out, nanoseconds(0));
  }
  Result<void> open_more(MonotonicTime now) {
    while (under_way_ < options_.at_once && now >= next_opening_ &&
           (options_.connections == 0 || held() + under_way_ < options_.connections)) {
      ANABRANCH_TRY(open());
      next_opening_ = options_.spacing.count() > 0 ? now + options_.spacing : MonotonicTime{};
    }
    return {};
  }
  Result<void> open() {
    auto fd = kernel::open_stream_socket(options_.address.family(), kernel::Transport::kMptcp);
    if (!fd) return std::unexpected(fd.error());
    sockaddr_storage address{};
    const auto port = static_cast<std::uint16_t>(options_.port + next_port_++ % options_.ports);
    const unsigned length = options_.address.to_sockaddr(port, address);
    if (::connect(fd->get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 &&
        errno != EINPROGRESS)
      return fail_errno("cannot connect", options_.address.text());
    ANABRANCH_TRY(poller_.watch(fd->get(), EPOLLOUT));
    client(fd->release()) = {Stage::kConnecting, 0};
    ++under_way_;
    return {};
  }
  Client& client(int fd) {
    const auto place = static_cast<std::size_t>(fd);
    if (clients_.size() <= place) clients_.resize(place + 1);
    return clients_[place];
  }
  Result<void> event(int fd, std::uint32_t events) {
    Client& state = client(fd);
    if (state.stage == Stage::kConnecting) return connected(fd, state);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) return answered(fd, state);
    return {};
  }
  Result<void> connected(int fd, Client& state) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0 || !request(fd)) return lost(fd, state);
    state.stage = Stage::kFirstEcho;
    return poller_.watch(fd, EPOLLIN, EPOLL_CTL_MOD);
  }
  static bool request(int fd) {
    const std::array<char, kRequest> octets{};
    return ::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(octets.size());
  }
  Result<void> answered(int fd, Client& state) {
    std::array<char, kRequest> buffer{};
    const auto count = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EAGAIN) return {};
    if (count <= 0) return lost(fd, state);
    state.echoed += static_cast<std::size_t>(count);
    if (state.echoed < kRequest) return {};
    state.echoed = 0;
    if (state.stage == Stage::kFirstEcho) {
      ++report_.opened;
      --under_way_;
      if (options_.connections == 0) {
        close(fd, state);
        return {};
      }
      state.stage = Stage::kHeld;
    }
    if (options_.pause.count() > 0)
      pausing_.push_back({MonotonicClock::now() + options_.pause, fd});
    return {};
  }
  Result<void> send_due(MonotonicTime now) {
    while (!pausing_.empty() && pausing_.front().due <= now) {
      const int fd = pausing_.front().fd;
      pausing_.pop_front();
      if (!request(fd)) ANABRANCH_TRY(lost(fd, client(fd)));
    }
    return {};
  }
  Result<void> lost(int fd, Client& state) {
    if (state.stage == Stage::kHeld) return fail("a held connection was lost");
    ++report_.failed;
    --under_way_;
    close(fd, state);
    return {};
  }
  static void close(int fd, Client& state) {
    state = {};
    ::close(fd);
  }

  struct Pausing {
    MonotonicTime due;
    int fd;
  };
  HerdOptions options_;
  Poller poller_;
  std::vector<Client> clients_;  // by descriptor
  std::deque<Pausing> pausing_;
  HerdReport report_;
  unsigned under_way_ = 0;
  unsigned next_port_ = 0;
  MonotonicTime next_opening_{};
};

}  // namespace

Result<void> run_herd(const HerdOptions& options, int output_fd) {
  ANABRANCH_TRY(raise_descriptor_limit(options));
  auto poller = Poller::open();
  if (!poller) return std::unexpected(poller.error());
  if (options.listen) return EchoServer(options, std::move(*poller)).run(output_fd);
  return Clients(options, std::move(*poller)).run(output_fd);
}

std::string format_herd_report(const HerdReport& report) {
  const nlohmann::json out = {{"listening", report.listening},
                              {"opened", report.opened},
                              {"failed", report.failed},
                              {"seconds", report.seconds}};
  return out.dump();
}

Result<HerdReport> parse_herd_report(std::string_view line) {
  const auto parsed = nlohmann::json::parse(line, nullptr, false);
  if (!parsed.is_object()) return fail("not a report: " + std::string(line));
  HerdReport out;
  out.listening = parsed.value("listening", false);
  out.opened = parsed.value("opened", std::uint64_t{0});
  out.failed = parsed.value("failed", std::uint64_t{0});
  out.seconds = parsed.value("seconds", 0.0);
  return out;
}

std::vector<std::string> herd_arguments(const HerdOptions& options) {
  const auto in_seconds = [](nanoseconds time) {
    return fmt::format("{}", std::chrono::duration<double>(time).count());
  };
  return {options.listen ? "--listen" : "--connect",
          options.address.text(),
          "--port",
          std::to_string(options.port),
          "--ports",
          std::to_string(options.ports),
          "--connections",
          std::to_string(options.connections),
          "--seconds",
          in_seconds(options.duration),
          "--at-once",
          std::to_string(options.at_once),
          "--pause",
          in_seconds(options.pause),
          "--spacing",
          in_seconds(options.spacing)};
}

}  // namespace anabranch::lab
