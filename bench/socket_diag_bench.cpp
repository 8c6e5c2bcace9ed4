// SPDX-License-Identifier: MIT
// What it costs to ask the kernel about MPTCP connections of other processes: one by one, many at
// once, and by a dump of all.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "kernel/mptcp_numbers.hpp"
#include "kernel/namespaces.hpp"
#include "kernel/socket_diag.hpp"

namespace {

using namespace anabranch;

constexpr int kConnections = 200;

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().text().c_str());
  std::exit(1);
}

/// Connections over the loopback of a namespace of their own; both ends are in it.
struct Connections {
  std::vector<UniqueFd> sockets;
  std::vector<std::uint32_t> tokens;
  std::vector<kernel::SocketDiag::Key> keys;
  std::optional<kernel::SocketDiag> diag;

  Connections() {
    const auto netns = must(kernel::create_network_namespace());
    const auto done = kernel::inside_network_namespace(netns.get(), [&]() -> Result<void> {
      connect_all();
      diag = must(kernel::SocketDiag::open());
      return {};
    });
    if (!done) std::exit(1);
    for (const auto& connection : must(diag->connections())) tokens.push_back(connection.token);
    for (const auto& subflow : must(diag->subflows()))
      keys.push_back({subflow.local, subflow.remote, 0});
  }

 private:
  void connect_all() {
    UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, kernel::kIpprotoMptcp));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    ::bind(listener.get(), generic, sizeof address);
    ::listen(listener.get(), kConnections);
    ::getsockname(listener.get(), generic, &length);
    for (int i = 0; i < kConnections; ++i) {
      UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, kernel::kIpprotoMptcp));
      if (::connect(client.get(), generic, sizeof address) != 0) std::perror("connect");
      sockets.emplace_back(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      sockets.push_back(std::move(client));
    }
  }
};

Connections& all() {
  static Connections connections;
  return connections;
}

/// `ask` puts `state.range(0)` questions with one call; the figure is the time for each.
template <class Key, class Ask>
void batches(benchmark::State& state, const std::vector<Key>& keys, Ask ask) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::size_t first = 0;
  for (auto _ : state) {
    if (first + count > keys.size()) first = 0;
    benchmark::DoNotOptimize(ask(std::span<const Key>(keys).subspan(first, count)));
    first += count;
  }
  state.counters["each"] =
      benchmark::Counter(static_cast<double>(count), benchmark::Counter::kIsIterationInvariantRate |
                                                         benchmark::Counter::kInvert);
}

void subflows_by_key(benchmark::State& state) {
  batches(state, all().keys, [](auto keys) { return must(all().diag->subflows(keys)); });
}
BENCHMARK(subflows_by_key)->Arg(1)->Arg(8)->Arg(32)->Arg(256);

void connections_by_token(benchmark::State& state) {
  batches(state, all().tokens, [](auto tokens) { return must(all().diag->connections(tokens)); });
}
BENCHMARK(connections_by_token)->Arg(1)->Arg(8)->Arg(32)->Arg(256);

void dump_of_subflows(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(must(all().diag->subflows()));
}
BENCHMARK(dump_of_subflows);

void dump_of_connections(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(must(all().diag->connections()));
}
BENCHMARK(dump_of_connections);

}  // namespace
