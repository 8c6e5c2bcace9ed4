// SPDX-License-Identifier: MIT
#include "balancer/control_listener.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <optional>
#include <utility>

#include <sys/socket.h>

#include "balancer/control_connection.hpp"
#include "balancer/history.hpp"
#include "balancer/told_tokens.hpp"
#include "base/log.hpp"
#include "kernel/stream_socket.hpp"

namespace anabranch::balancer {
namespace {

using Kind = ControlFault::Kind;
using Tokens = std::span<const std::uint32_t>;

constexpr seconds kShortagePause{1};
constexpr seconds kLogInterval{10};
constexpr int kBacklog = 256;

/// Unlike kernel::listen_on(): the address is taken for this process alone.
std::expected<UniqueFd, int> listen_alone(const Endpoint& endpoint) {
  UniqueFd fd(::socket(address_family(endpoint.address.family()),
                       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage address{};
  const socklen_t length = endpoint.address.to_sockaddr(endpoint.port, address);
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::listen(fd.get(), kBacklog) != 0)
    return std::unexpected(errno);
  return fd;
}

}  // namespace

struct ControlListener::Impl {
  struct Client {
    Endpoint peer;
    std::unique_ptr<ControlConnection> connection;
    std::uint16_t server = 0;  ///< 0: a stranger yet
    std::uint32_t told = 0;    ///< histories
    std::uint32_t taken = 0;   ///< of them
  };
  using Place = std::list<Client>::iterator;
  struct Known {
    std::string name;
    std::optional<Place> client;
    ToldTokens tokens;
    ServerState state;
    MonotonicTime expected_until{};  ///< that a newcomer connects
  };
  struct Door {
    UniqueFd fd;
    Loop::Handle watch;
    Loop::Handle resume;
  };

  Impl(Loop& l, ControlKey k, Events e, const Limits& m)
      : loop(l), key(std::move(k)), events(std::move(e)), limits(m) {}

  Result<void> listen_on(std::span<const Endpoint> endpoints) {
    for (const auto& endpoint : endpoints) {
      auto fd = listen_alone(endpoint);
      if (!fd && fd.error() == EADDRNOTAVAIL) continue;  // another balancer's
      if (!fd) return fail_errno(fd.error(), "cannot listen for servers", endpoint.text());
      doors.emplace_back().fd = *std::move(fd);
    }
    if (doors.empty())
      return fail("no address of [control] listen is one of this machine", {},
                  "name one that it has, or leave the section out");
    for (auto& door : doors) open(door);
    return {};
  }

  void open(Door& door) {
    door.watch = loop.on_readable(door.fd.get(), [this, &door] { accept(door); });
  }

  void accept(Door& door) {
    auto accepted = kernel::accept_from(door.fd.get());
    if (accepted.error != 0) {
      log::warning("servers cannot connect ({}); trying again every {}",
                   std::strerror(accepted.error), duration_text(kShortagePause));
      // It stays readable, so that watching it on would only burn the processor.
      door.watch.reset();
      door.resume = loop.after(kShortagePause, [this, &door] { open(door); });
      return;
    }
    const auto nonce = control_nonce();
    if (!accepted.fd || !nonce) return;
    make_room();
    const auto client = clients.emplace(clients.end());
    client->peer = accepted.peer;
    ++strangers;
    auto session = ControlSession::of_balancer(
        key, [this](auto id, auto name) { return admit(id, name); }, *nonce, MonotonicClock::now());
    client->connection = std::make_unique<ControlConnection>(
        loop, std::move(accepted.fd), std::move(session),
        ControlConnection::Events{
            .opened = [this, client] { opened(client); },
            .heard = [this, client](const auto& message) { heard(client, message); },
            .closed = [this, client](const auto& fault) { closed(client, fault); }});
  }

  /// The oldest stranger goes: who has the key is no stranger after one round trip.
  void make_room() {
    if (strangers < limits.strangers) return;
    const auto oldest = std::ranges::find(clients, std::uint16_t{0}, &Client::server);
    if (oldest == clients.end()) return;
    ++counts.crowded_out;
    --strangers;
    clients.erase(oldest);
  }

  std::optional<wire::ControlRefused> admit(std::uint16_t id, std::string_view name) const {
    const auto found = servers.find(id);
    if (found == servers.end()) return wire::ControlRefused::kServer;
    if (found->second.name != name) return wire::ControlRefused::kName;
    return {};
  }

  void opened(Place client) {
    const auto id = client->connection->session().server();
    const auto found = servers.find(id);
    if (found == servers.end())  // it was taken out of the configuration meanwhile
      return client->connection->end({Kind::kRefused, "it is no server any more"});
    --strangers;
    client->server = id;
    ++counts.connections;
    auto& server = found->second;
    const bool is_again = server.client.has_value();
    if (is_again) {
      log::info("{} connects again, from {}; its former connection ends", server.name,
                client->peer.text());
      clients.erase(*server.client);
    } else {
      log::info("{} is connected from {}", server.name, client->peer.text());
    }
    server.client = client;
    const auto now = MonotonicClock::now();
    for (const auto& service : history.services())
      if (auto whole = history.whole(service, now); whole.full || !whole.runs.empty()) {
        client->connection->tell(std::move(whole));
        ++client->told;
      }
    if (!is_again && events.presence) events.presence(id, true);
  }

  void heard(Place client, const ControlSession::Message& message) {
    const auto found = servers.find(client->server);
    if (found == servers.end()) return;
    if (const auto* tokens = std::get_if<wire::ControlTokens>(&message))
      take(found->first, found->second, *tokens);
    if (const auto* state = std::get_if<wire::ControlState>(&message)) {
      found->second.state = *state;
      if (events.state) events.state(found->first, *state);
    }
    if (const auto* taken = std::get_if<wire::ControlTaken>(&message)) {
      client->taken = taken->histories;
      if (events.taken) events.taken(found->first);
    }
  }

  void take(std::uint16_t id, Known& server, const wire::ControlTokens& message) {
    const auto before = server.tokens.size();
    const auto others = held - before;
    const auto news = server.tokens.take(message, limits.tokens - std::min(others, limits.tokens));
    held = others + server.tokens.size();
    if (news.refused != 0) {
      counts.refused_tokens += news.refused;
      if (too_many.allow(MonotonicClock::now()))
        log::warning("{} has more tokens than there is room for: {} in all; {} are left out",
                     server.name, limits.tokens, news.refused);
    }
    if (!events.tokens) return;
    Tokens learned = news.learned;
    Tokens gone = news.gone;
    while (!learned.empty() || !gone.empty()) {
      const auto first = learned.first(std::min(learned.size(), wire::kControlMostTokens));
      const auto then = gone.first(std::min(gone.size(), wire::kControlMostTokens - first.size()));
      learned = learned.subspan(first.size());
      gone = gone.subspan(then.size());
      events.tokens(id, first, then);
    }
  }

  void closed(Place client, const ControlFault& fault) {
    count(fault.kind);
    const auto id = std::exchange(client->server, std::uint16_t{0});
    const auto found = servers.find(id);
    const bool was_connected = found != servers.end() && found->second.client == client;
    if (was_connected) {
      log::warning("{} is cut off: {}", found->second.name, fault.what);
      found->second.client.reset();
    } else if (id == 0 && fault.kind != Kind::kClosed && noise.allow(MonotonicClock::now())) {
      log::warning("{} is kept out of the control channel: {} ({} more were)", client->peer.text(),
                   fault.what, noise.suppressed());
    }
    if (id == 0) --strangers;
    clients.erase(client);
    if (was_connected && events.presence) events.presence(id, false);
  }

  void count(Kind kind) {
    switch (kind) {
      case Kind::kBadMac:
        ++counts.bad_macs;
        break;
      case Kind::kMalformed:
        ++counts.malformed;
        break;
      case Kind::kRefused:
        ++counts.refused;
        break;
      case Kind::kSilent:
        ++counts.timeouts;
        break;
      case Kind::kSlow:
        ++counts.slow;
        break;
      case Kind::kClosed:
        break;
    }
  }

  bool set_servers(std::span<const Server> wanted) {
    bool has_newcomers = false;
    std::map<std::uint16_t, Known> kept;
    held = 0;
    for (const auto& server : wanted) {
      const auto found = servers.find(server.id);
      if (found != servers.end() && found->second.name == server.name) {
        held += found->second.tokens.size();
        kept.insert(servers.extract(found));
      } else {
        auto& newcomer = kept[server.id];
        newcomer.name = server.name;
        if (history.services().empty()) continue;
        newcomer.expected_until = MonotonicClock::now() + kNewcomer;
        has_newcomers = true;
      }
    }
    for (const auto& [id, leaves] : servers)
      if (leaves.client)
        (*leaves.client)->connection->end({Kind::kRefused, "it is no server any more"});
    servers = std::move(kept);
    return has_newcomers;
  }

  void publish(const ServiceNumbers& services, const Rings& rings) {
    const auto now = MonotonicClock::now();
    for (const auto& service : history.services())
      if (!services.contains(service)) history.remove(service);
    for (const auto& [service, number] : services) {
      const auto ring = rings.find(number);
      if (ring == rings.end()) continue;
      History changes{.service = service, .runs = history.take(service, ring->second, now)};
      if (changes.runs.empty()) continue;
      const ControlSession::Message message = std::move(changes);
      const auto bodies = wire::encode(message);
      for (const auto& [id, server] : servers)
        if (server.client) {
          (*server.client)->connection->tell(wire::control_type(message), bodies);
          ++(*server.client)->told;
        }
    }
  }

  Loop& loop;
  ControlKey key;
  Events events;
  Limits limits;
  Counts counts;
  std::list<Door> doors;
  std::list<Client> clients;  ///< in the order in which they came
  std::size_t strangers = 0;  ///< of them
  std::map<std::uint16_t, Known> servers;
  std::size_t held = 0;  ///< tokens of all servers
  OwnerHistory history;
  log::RateLimit noise{kLogInterval};
  log::RateLimit too_many{kLogInterval};
};

ControlListener::ControlListener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlListener::ControlListener(ControlListener&&) noexcept = default;
ControlListener& ControlListener::operator=(ControlListener&&) noexcept = default;
ControlListener::~ControlListener() = default;

Result<ControlListener> ControlListener::open(Loop& loop, const ControlSettings& settings,
                                              std::span<const Server> servers, Events events) {
  return open(loop, settings, servers, std::move(events), Limits());
}

Result<ControlListener> ControlListener::open(Loop& loop, const ControlSettings& settings,
                                              std::span<const Server> servers, Events events,
                                              const Limits& limits) {
  auto key = ControlKey::load(settings.key_file);
  if (!key) return std::unexpected(key.error());
  auto impl = std::make_unique<Impl>(loop, *std::move(key), std::move(events), limits);
  ANABRANCH_TRY(impl->listen_on(settings.listen));
  impl->set_servers(servers);
  return ControlListener(std::move(impl));
}

bool ControlListener::set_servers(std::span<const Server> servers) {
  return impl_->set_servers(servers);
}

void ControlListener::publish(const ServiceNumbers& services, const Rings& rings) {
  impl_->publish(services, rings);
}

bool ControlListener::has_taken(std::uint16_t server) const {
  const auto found = impl_->servers.find(server);
  if (found == impl_->servers.end()) return true;
  if (!found->second.client) return MonotonicClock::now() >= found->second.expected_until;
  const auto& client = **found->second.client;
  return client.taken >= client.told;
}

std::map<std::uint16_t, ControlListener::Presence> ControlListener::servers() const {
  std::map<std::uint16_t, Presence> out;
  for (const auto& [id, server] : impl_->servers)
    out.emplace(id, Presence{.name = server.name,
                             .is_connected = server.client.has_value(),
                             .tokens = server.tokens.size(),
                             .state = server.state});
  return out;
}

ControlListener::Counts ControlListener::counts() const {
  return impl_->counts;
}

std::vector<Endpoint> ControlListener::endpoints() const {
  std::vector<Endpoint> out;
  for (const auto& door : impl_->doors)
    if (const auto endpoint = kernel::own_endpoint(door.fd.get())) out.push_back(*endpoint);
  return out;
}

}  // namespace anabranch::balancer
