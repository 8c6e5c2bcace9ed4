// SPDX-License-Identifier: MIT
#include "proxy/farewell.hpp"

#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "kernel/stream_socket.hpp"

namespace anabranch::proxy {
namespace {

/// How long a client that was told why may take to close.
constexpr std::chrono::milliseconds kPatience{2000};
/// Reads a turn; who goes on sending does not want to hear.
constexpr int kMostReads = 16;

}  // namespace

class Farewells::Farewell {
 public:
  Farewell(Farewells& all, UniqueFd client, ClientTable::Ticket ticket)
      : all_(all), client_(std::move(client)), ticket_(std::move(ticket)) {}
  ~Farewell() { all_.reactor_.forget(client_.get(), side_); }
  Farewell(const Farewell&) = delete;
  Farewell& operator=(const Farewell&) = delete;

  void begin(const signalling::Octets& words) {
    const auto sent = ::send(client_.get(), words.data(), words.size(), MSG_NOSIGNAL);
    // A first message always fits into an empty socket, or the connection is gone.
    if (sent != static_cast<ssize_t>(words.size()) || ::shutdown(client_.get(), SHUT_WR) != 0 ||
        !all_.reactor_.watch(client_.get(), EPOLLIN | EPOLLRDHUP, side_))
      return end();
    all_.reactor_.start(deadline_, kPatience);
  }

 private:
  void ready(std::uint32_t) {
    std::array<char, 4096> buffer;
    for (int left = kMostReads; left > 0; --left) {
      const auto got = ::recv(client_.get(), buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got == 0 || (got < 0 && errno != EINTR)) return end();
    }
    kernel::let_close_reset(client_.get());
    end();
  }
  void end() { all_.all_.erase(this); }

  Farewells& all_;
  UniqueFd client_;
  ClientTable::Ticket ticket_;
  WatchedSide<Farewell, &Farewell::ready> side_{*this};
  Alarm<Farewell, &Farewell::end> deadline_{*this};
};

Farewells::Farewells(relay::Reactor& reactor) : reactor_(reactor) {}

Farewells::~Farewells() = default;

void Farewells::say(UniqueFd client, const signalling::Octets& words, ClientTable::Ticket ticket) {
  auto farewell = std::make_unique<Farewell>(*this, std::move(client), std::move(ticket));
  auto& begun = *farewell;
  all_.emplace(&begun, std::move(farewell));
  begun.begin(words);
}

}  // namespace anabranch::proxy
