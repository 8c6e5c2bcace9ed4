// SPDX-License-Identifier: MIT
// A port forwarder and nothing else: what bench/relay.py compares with other relays.
//   relay_forwarder LISTEN TO [mptcp-listen] [mptcp-to] [splice|copy] [threads=N]
// Addresses are IPv4 ADDRESS:PORT. SIGTERM ends it and prints its counts.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/endpoint.hpp"
#include "kernel/mptcp_socket.hpp"
#include "relay/relay.hpp"

namespace {

using namespace anabranch;
using kernel::Transport;

struct Options {
  Endpoint listen;
  Endpoint to;
  Transport listen_transport = Transport::kTcp;
  Transport to_transport = Transport::kTcp;
  relay::Way way = relay::Way::kMeasured;
  unsigned threads = 1;
};

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().text().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

sockaddr_storage socket_address(const Endpoint& of) {
  sockaddr_storage out{};
  of.address.to_sockaddr(of.port, out);
  return out;
}

UniqueFd open_socket(Transport transport) {
  auto fd = must(kernel::open_stream_socket(Family::kIpv4, transport));
  must(kernel::set_congestion_control(fd.get(), "cubic"));
  return fd;
}

/// One thread: its listener, its connections.
class Worker {
 public:
  explicit Worker(const Options& options)
      : options_(options),
        reactor_(must(relay::Reactor::create())),
        relays_(*reactor_, {.way = options.way}),
        listener_(*this) {}

  void run() {
    listener_.fd = open_socket(options_.listen_transport);
    const int on = 1;
    for (const int option : {SO_REUSEADDR, SO_REUSEPORT})
      ::setsockopt(listener_.fd.get(), SOL_SOCKET, option, &on, sizeof on);
    const auto address = socket_address(options_.listen);
    if (::bind(listener_.fd.get(), reinterpret_cast<const sockaddr*>(&address),
               sizeof(sockaddr_in)) != 0 ||
        ::listen(listener_.fd.get(), 4096) != 0) {
      std::perror("cannot listen");
      std::exit(1);
    }
    must(reactor_->watch(listener_.fd.get(), EPOLLIN, listener_));
    reactor_->run();
  }
  void stop() { reactor_->stop(); }
  const relay::RelayCounts& counts() const { return relays_.counts(); }

 private:
  struct Listener final : relay::Reactor::Watcher {
    explicit Listener(Worker& of) : worker(of) {}
    void ready(std::uint32_t) override {
      for (;;) {
        UniqueFd client(::accept4(fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (client)
          worker.connect(std::move(client));
        else if (errno != ECONNABORTED && errno != EINTR)
          return;
      }
    }
    Worker& worker;
    UniqueFd fd;
  };

  /// Waits for the connection to the destination.
  struct Connecting final : relay::Reactor::Watcher {
    Connecting(Worker& of, UniqueFd from, UniqueFd towards)
        : worker(of), client(std::move(from)), server(std::move(towards)) {}
    void ready(std::uint32_t events) override {
      worker.reactor_->forget(server.get(), *this);
      const std::unique_ptr<Connecting> self(this);
      if ((events & (EPOLLERR | EPOLLHUP)) != 0) return;
      worker.relays_.add({std::move(client), worker.options_.listen_transport == Transport::kMptcp},
                         {std::move(server), worker.options_.to_transport == Transport::kMptcp},
                         nullptr);
    }
    Worker& worker;
    UniqueFd client;
    UniqueFd server;
  };

  void connect(UniqueFd client) {
    auto server = open_socket(options_.to_transport);
    const auto address = socket_address(options_.to);
    if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in)) !=
            0 &&
        errno != EINPROGRESS)
      return;
    const int fd = server.get();
    // Owns itself until the connection is there.
    auto* connecting = new Connecting(*this, std::move(client), std::move(server));
    if (!reactor_->watch(fd, EPOLLOUT, *connecting)) delete connecting;
  }

  const Options& options_;
  std::unique_ptr<relay::Reactor> reactor_;
  relay::Relays relays_;
  Listener listener_;
};

Options parse(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(
        stderr,
        "usage: relay_forwarder LISTEN TO [mptcp-listen] [mptcp-to] [splice|copy] [threads=N]\n");
    std::exit(2);
  }
  Options options;
  options.listen = must(Endpoint::parse(argv[1]));
  options.to = must(Endpoint::parse(argv[2]));
  for (int at = 3; at < argc; ++at) {
    const std::string_view word = argv[at];
    if (word == "mptcp-listen") options.listen_transport = Transport::kMptcp;
    if (word == "mptcp-to") options.to_transport = Transport::kMptcp;
    if (word == "splice") options.way = relay::Way::kSplice;
    if (word == "copy") options.way = relay::Way::kCopy;
    if (word.starts_with("threads="))
      options.threads = static_cast<unsigned>(std::atoi(argv[at] + 8));
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

  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::jthread> threads;
  for (unsigned number = 0; number < options.threads; ++number)
    workers.push_back(std::make_unique<Worker>(options));
  for (auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
  int signal = 0;
  ::sigwait(&ends, &signal);
  for (auto& worker : workers) worker->stop();
  threads.clear();

  for (const auto& worker : workers) {
    const auto& counts = worker->counts();
    std::printf("spliced %llu copied %llu in order %llu reset %llu\n",
                static_cast<unsigned long long>(counts.spliced),
                static_cast<unsigned long long>(counts.copied),
                static_cast<unsigned long long>(counts.ended[0]),
                static_cast<unsigned long long>(counts.ended[1] + counts.ended[2]));
  }
  return 0;
}
