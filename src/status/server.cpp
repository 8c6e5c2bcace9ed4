// SPDX-License-Identifier: MIT
#include "status/server.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <system_error>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/directories.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "status/protocol.hpp"

namespace anabranch::status {
namespace {

constexpr int kSendBuffer = 1 << 20;
/// What may wait for all clients that do not read, beside what their sockets hold; for one client
/// it is the largest answer.
constexpr std::size_t kMaxWaiting = 4 * kMaxAnswer;
constexpr seconds kShortagePause{1};

/// Descriptors or memory have run out; anything else is one connection's own trouble.
bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool answers(const sockaddr_un& address) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe &&
         ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool is_privileged(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

}  // namespace

std::filesystem::path socket_path(std::string_view role) {
  return runtime_directory() / (std::string(role) + ".sock");
}

struct Server::Impl {
  struct Client {
    UniqueFd fd;
    std::string input;
    std::string pending = {};  ///< answers that its socket has not taken yet, and their
    std::size_t taken = 0;     ///< first octets, which it has
    bool subscribed = false;
    bool monitors = false;
    bool privileged = false;
    Loop::Handle watch;
    Loop::Handle deadline;

    bool follows() const { return subscribed || monitors; }
  };
  using Place = std::list<Client>::iterator;

  Impl(Loop& l, std::filesystem::path p, Handler h, Limits m)
      : loop(l), path(std::move(p)), handler(std::move(h)), limits(m) {}
  ~Impl() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }

  void listen_on() {
    resume.reset();
    watch = loop.on_readable(listener.get(), [this] { accept(); });
  }

  void accept() {
    UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      if (is_shortage(errno)) pause(errno);
      return;
    }
    const bool privileged = is_privileged(fd.get());
    if (clients.size() >= limits.clients && !make_room(privileged)) return;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
    auto client = clients.emplace(clients.end());
    client->privileged = privileged;
    client->fd = std::move(fd);
    expect_input(client);
    expect_request(client);
  }

  /// The listener stays readable, so that watching it on would only burn the processor.
  void pause(int error) {
    if (shortages.allow(MonotonicClock::now()))
      log::warning("{} cannot take connections ({}); trying again every {}", path.string(),
                   std::strerror(error), duration_text(kShortagePause));
    watch.reset();
    resume = loop.after(kShortagePause, [this] { listen_on(); });
  }

  /// The longest silent one goes; one that follows only when it has less rights than who comes.
  bool make_room(bool privileged) {
    auto leaves = std::ranges::find(clients, false, &Client::follows);
    if (leaves == clients.end() && privileged)
      leaves = std::ranges::find(clients, false, &Client::privileged);
    if (leaves == clients.end()) return false;
    drop(leaves);
    return true;
  }

  void expect_input(Place client) {
    client->watch.reset();  // a descriptor has one watch
    client->watch = loop.on_readable(client->fd.get(), [this, client] { read(client); });
  }

  /// Octets alone do not count: one every now and then would hold a place for ever.
  void expect_request(Place client) {
    client->deadline = loop.after(limits.silence, [this, client] { drop(client); });
  }

  void read(Place client) {
    char buffer[1024];
    const ssize_t got = ::recv(client->fd.get(), buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return drop(client);
    client->input.append(buffer, static_cast<std::size_t>(got));
    for (auto end = client->input.find('\n'); end != std::string::npos;
         end = client->input.find('\n')) {
      const std::string line = client->input.substr(0, end);
      client->input.erase(0, end + 1);
      if (!answer(client, line)) return drop(client);
      if (client->follows())
        client->deadline.reset();
      else
        expect_request(client);
    }
    if (client->input.size() > kMaxRequest) drop(client);
  }

  bool answer(Place client, const std::string& line) {
    auto question = parse_request(line);
    if (!question) return send(client, format_answer(std::unexpected(question.error())));
    if (question->verb == "subscribe") {
      client->subscribed = true;
      question->verb = "show";
    }
    const auto result = handler({question->verb, question->argument, client->privileged});
    if (question->verb == "monitor" && result) client->monitors = true;
    return send(client, format_answer(result));
  }

  std::size_t waiting() const {
    std::size_t out = 0;
    for (const auto& client : clients) out += client.pending.size();
    return out;
  }

  /// False when the client is gone or has not read too much already.
  bool send(Place client, std::string_view text) {
    if (client->pending.empty()) {
      const ssize_t put = ::send(client->fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (put < 0 && errno != EAGAIN) return false;
      text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(put, 0)));
      if (text.empty()) return true;
      // It is not asked for more until it has read this.
      client->watch.reset();
      client->watch = loop.on_writable(client->fd.get(), [this, client] { flush(client); });
    }
    if (client->pending.size() + text.size() > kMaxAnswer || waiting() + text.size() > kMaxWaiting)
      return false;
    client->pending.append(text);
    return true;
  }

  void flush(Place client) {
    const auto rest = std::string_view(client->pending).substr(client->taken);
    const ssize_t put = ::send(client->fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (put < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (put < 0) return drop(client);
    client->taken += static_cast<std::size_t>(put);
    if (client->taken < client->pending.size()) return;
    client->pending = {};
    client->taken = 0;
    expect_input(client);
  }

  /// To all that `wants` holds for; one that does not read is dropped.
  void send_to(bool Client::*wants, const std::string& line) {
    for (auto client = clients.begin(); client != clients.end(); ++client) {
      if (!((*client).*wants) || send(client, line)) continue;
      log::warning("a follower of {} does not read; dropped", path.string());
      // Not erased here: it may be the one whose request is being answered.
      client->subscribed = client->monitors = false;
      ::shutdown(client->fd.get(), SHUT_RDWR);
    }
  }

  void drop(Place client) {
    client->watch.reset();
    client->deadline.reset();
    clients.erase(client);
  }

  Loop& loop;
  std::filesystem::path path;
  Handler handler;
  Limits limits;
  UniqueFd listener;
  log::RateLimit shortages{seconds(60)};
  Loop::Handle watch;
  Loop::Handle resume;
  std::list<Client> clients;  ///< in the order in which they came
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

Result<Server> Server::open(Loop& loop, const std::filesystem::path& path, Handler handler,
                            Limits limits) {
  const auto address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  ANABRANCH_TRY(make_directory(path.parent_path()));
  if (answers(*address))
    return fail("it runs already", path.string(), "stop the other process first");
  ::unlink(path.c_str());
  auto impl = std::make_unique<Impl>(loop, path, std::move(handler), limits);
  impl->listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const mode_t mask = ::umask(0117);
  const bool bound = ::bind(impl->listener.get(), reinterpret_cast<const sockaddr*>(&*address),
                            sizeof *address) == 0;
  const int bind_error = errno;
  ::umask(mask);
  if (!bound) return fail_errno(bind_error, "cannot make the status socket", path.string());
  if (::listen(impl->listener.get(), 16) != 0) return fail_errno("cannot listen", path.string());
  impl->listen_on();
  return Server(std::move(impl));
}

void Server::publish() {
  if (std::ranges::any_of(impl_->clients, &Impl::Client::subscribed))
    impl_->send_to(&Impl::Client::subscribed, format_answer(impl_->handler({"show", {}, false})));
}

bool Server::monitored() const {
  return std::ranges::any_of(impl_->clients, &Impl::Client::monitors);
}

void Server::publish_event(std::string_view event) {
  if (monitored()) impl_->send_to(&Impl::Client::monitors, format_answer(std::string(event)));
}

}  // namespace anabranch::status
