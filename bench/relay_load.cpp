// SPDX-License-Identifier: MIT
// Both ends of what bench/relay.py measures. Addresses are IPv4 ADDRESS:PORT.
//   relay_load sink LISTEN [mptcp]
//   relay_load source TO [mptcp] [connections=N] [seconds=N] [socks=ADDRESS:PORT]
//   relay_load rate TO [mptcp] [connections=N] [seconds=N] [socks=...]     N at a time
//   relay_load idle TO [mptcp] [connections=N] [socks=...]                 until standard input
//   ends
// The first octet of a connection says what is to become of it: S: all that follows is dropped, and
// its number answered when an E came, as not every relay passes a closed half on; R: one octet
// comes back and the connection closes; I: one octet comes back.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "kernel/mptcp_numbers.hpp"

namespace {

using namespace anabranch;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBuffer = 256 * 1024;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Options {
  std::string_view mode;
  Endpoint endpoint;
  int protocol = IPPROTO_TCP;
  int connections = 1;
  int seconds = 3;
  std::optional<Endpoint> socks;
};

sockaddr_in socket_address(const Endpoint& of) {
  sockaddr_storage out{};
  of.address.to_sockaddr(of.port, out);
  sockaddr_in address{};
  std::memcpy(&address, &out, sizeof address);
  return address;
}

UniqueFd open_socket(int protocol) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol));
  if (!fd || ::setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) != 0)
    give_up("socket");
  return fd;
}

void send_all(int fd, const void* octets, std::size_t size) {
  if (::send(fd, octets, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) give_up("send");
}

void receive_all(int fd, void* octets, std::size_t size) {
  if (::recv(fd, octets, size, MSG_WAITALL) != static_cast<ssize_t>(size)) give_up("receive");
}

/// SOCKS 5 without authentication, to an IPv4 address.
void ask_socks(int fd, const sockaddr_in& target) {
  send_all(fd, "\x05\x01\x00", 3);
  std::uint8_t answer[10] = {};
  receive_all(fd, answer, 2);
  std::uint8_t request[10] = {5, 1, 0, 1};
  std::memcpy(request + 4, &target.sin_addr, 4);
  std::memcpy(request + 8, &target.sin_port, 2);
  send_all(fd, request, sizeof request);
  receive_all(fd, answer, sizeof answer);
  if (answer[1] != 0) give_up("refused by the SOCKS server");
}

UniqueFd connect_to(const Options& options, char purpose) {
  auto fd = open_socket(options.protocol);
  const auto target = socket_address(options.endpoint);
  const auto address = options.socks ? socket_address(*options.socks) : target;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    give_up("connect");
  if (options.socks) ask_socks(fd.get(), target);
  send_all(fd.get(), &purpose, 1);
  return fd;
}

struct Received {
  char purpose = 0;
  std::uint64_t octets = 0;
};

/// False when the connection is over.
bool serve(int fd, Received& received, std::vector<char>& buffer) {
  const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN;
  if (got == 0) return false;
  received.octets += static_cast<std::uint64_t>(got);
  if (received.purpose == 'S' && buffer[static_cast<std::size_t>(got) - 1] == 'E')
    ::send(fd, &received.octets, sizeof received.octets, MSG_NOSIGNAL);
  if (received.purpose != 0) return true;
  received.purpose = buffer[0];
  if (received.purpose != 'S') ::send(fd, "!", 1, MSG_NOSIGNAL);
  return received.purpose != 'R';
}

void sink(const Options& options) {
  const auto listener = open_socket(options.protocol);
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = socket_address(options.endpoint);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), 4096) != 0)
    give_up("listen");
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  std::unordered_map<int, Received> connections;
  const auto watch = [&](int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event);
  };
  watch(listener.get());
  std::vector<char> buffer(kBuffer);
  for (;;) {
    epoll_event events[64];
    const int ready = ::epoll_wait(epoll.get(), events, 64, -1);
    for (int at = 0; at < ready; ++at) {
      const int fd = events[at].data.fd;
      if (fd == listener.get()) {
        const int accepted = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
        if (accepted < 0) continue;
        connections[accepted] = {};
        watch(accepted);
      } else if (!serve(fd, connections[fd], buffer)) {
        connections.erase(fd);
        ::close(fd);
      }
    }
  }
}

/// Octets of all connections, as the sink counted them, and the seconds it took.
void source(const Options& options) {
  std::vector<UniqueFd> fds;
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  for (int number = 0; number < options.connections; ++number) {
    fds.push_back(connect_to(options, 'S'));
    const int fd = fds.back().get();
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    epoll_event event{.events = EPOLLOUT, .data = {.fd = fd}};
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event);
  }
  const std::vector<char> buffer(kBuffer, 'x');
  const auto begin = Clock::now();
  while (Clock::now() - begin < std::chrono::seconds(options.seconds)) {
    epoll_event events[64];
    const int ready = ::epoll_wait(epoll.get(), events, 64, 1000);
    for (int at = 0; at < ready; ++at)
      if (::send(events[at].data.fd, buffer.data(), buffer.size(), MSG_NOSIGNAL) < 0 &&
          errno != EAGAIN)
        give_up("send");
  }
  std::uint64_t octets = 0;
  for (const auto& fd : fds) {
    ::fcntl(fd.get(), F_SETFL, 0);
    send_all(fd.get(), "E", 1);
  }
  for (const auto& fd : fds) {
    std::uint64_t arrived = 0;
    receive_all(fd.get(), &arrived, sizeof arrived);
    octets += arrived;
  }
  const std::chrono::duration<double> took = Clock::now() - begin;
  std::printf("%llu %.6f\n", static_cast<unsigned long long>(octets), took.count());
}

void rate(const Options& options) {
  std::atomic<std::uint64_t> done = 0;
  const auto begin = Clock::now();
  const auto connect_again_and_again = [&] {
    while (Clock::now() - begin < std::chrono::seconds(options.seconds)) {
      const auto fd = connect_to(options, 'R');
      char answer[2];
      receive_all(fd.get(), answer, 1);
      if (::recv(fd.get(), answer, 1, 0) != 0) give_up("the connection did not end");
      ++done;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int number = 0; number < options.connections; ++number)
      threads.emplace_back(connect_again_and_again);
  }
  const std::chrono::duration<double> took = Clock::now() - begin;
  std::printf("%llu %.6f\n", static_cast<unsigned long long>(done.load()), took.count());
}

void idle(const Options& options) {
  std::vector<UniqueFd> fds;
  for (int number = 0; number < options.connections; ++number) {
    fds.push_back(connect_to(options, 'I'));
    char answer = 0;
    receive_all(fds.back().get(), &answer, 1);
  }
  std::printf("ready\n");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

Options parse(int argc, char** argv) {
  Options options;
  const auto endpoint = [](std::string_view text) {
    const auto parsed = Endpoint::parse(text);
    if (!parsed) {
      std::fprintf(stderr, "%s\n", parsed.error().text().c_str());
      std::exit(2);
    }
    return *parsed;
  };
  if (argc < 3) {
    std::fprintf(stderr,
                 "usage: relay_load sink|source|rate|idle ADDRESS:PORT [mptcp] [NAME=VALUE...]\n");
    std::exit(2);
  }
  options.mode = argv[1];
  options.endpoint = endpoint(argv[2]);
  for (int at = 3; at < argc; ++at) {
    const std::string_view word = argv[at];
    const char* value = argv[at] + std::min(word.size(), word.find('=') + 1);
    if (word == "mptcp") options.protocol = kernel::kIpprotoMptcp;
    if (word.starts_with("connections=")) options.connections = std::atoi(value);
    if (word.starts_with("seconds=")) options.seconds = std::atoi(value);
    if (word.starts_with("socks=")) options.socks = endpoint(value);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (options.mode == "sink") sink(options);
  if (options.mode == "source") source(options);
  if (options.mode == "rate") rate(options);
  if (options.mode == "idle") idle(options);
  return 0;
}
