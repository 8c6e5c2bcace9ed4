// SPDX-License-Identifier: MIT
#include "balancer/control_link.hpp"

#include <algorithm>
#include <cstring>
#include <list>
#include <optional>
#include <random>
#include <utility>

#include "balancer/control_connection.hpp"
#include "balancer/token_set.hpp"
#include "base/log.hpp"
#include "kernel/stream_socket.hpp"

namespace anabranch::balancer {
namespace {

using Kind = ControlFault::Kind;

constexpr milliseconds kFirstPause{400};
constexpr milliseconds kLongestPause{10'000};
/// After the balancer has refused this server: its file may have it any moment.
constexpr milliseconds kRefusedPause{800};

/// A history whose frames have not all come.
class Assembly {
 public:
  /// The whole history once it is there; nothing before. False: the frames do not fit together.
  bool add(const History& part, std::optional<History>& whole) {
    if (rest_ && (rest_->service != part.service || rest_->full != part.full)) return false;
    if (!rest_) rest_.emplace(History{.service = part.service, .full = part.full});
    rest_->runs.insert(rest_->runs.end(), part.runs.begin(), part.runs.end());
    if (rest_->runs.size() > wire::kControlPlaces) return false;
    if (part.last) whole = std::exchange(rest_, std::nullopt);
    return true;
  }

 private:
  std::optional<History> rest_;
};

}  // namespace

struct ControlLink::Impl {
  struct Peer {
    Endpoint address;
    UniqueFd fd;  ///< connecting
    Loop::Handle watch;
    Loop::Handle timer;
    std::unique_ptr<ControlConnection> connection;
    Assembly assembly;
    std::uint32_t taken = 0;  ///< histories, by this connection
    bool is_open = false;
    MonotonicTime opened;
    milliseconds pause = kFirstPause;
    std::string trouble;
  };

  Impl(Loop& l, ControlKey k, Self s, Events e)
      : loop(l), key(std::move(k)), self(std::move(s)), events(std::move(e)) {}

  void connect(Peer& peer) {
    auto fd = kernel::open_stream_socket(peer.address.address.family(), kernel::Transport::kTcp);
    if (!fd) return retry(peer, fd.error().what);
    if (const auto begun = kernel::begin_connect(fd->get(), peer.address, {}); begun.error != 0)
      return retry(peer, std::strerror(begun.error));
    peer.fd = *std::move(fd);
    peer.watch = loop.on_writable(peer.fd.get(), [this, &peer] { connected(peer); });
    peer.timer = loop.after(ControlSession::kHandshake, [this, &peer] {
      retry(peer, "no connection within " + duration_text(ControlSession::kHandshake));
    });
  }

  void connected(Peer& peer) {
    peer.watch.reset();
    peer.timer.reset();
    if (const int error = kernel::take_error(peer.fd.get()); error != 0)
      return retry(peer, std::strerror(error));
    const auto nonce = control_nonce();
    if (!nonce) return retry(peer, nonce.error().what);
    peer.connection = std::make_unique<ControlConnection>(
        loop, std::move(peer.fd),
        ControlSession::of_server(key, self.id, self.name, *nonce, MonotonicClock::now()),
        ControlConnection::Events{
            .opened = [this, &peer] { opened(peer); },
            .heard = [this, &peer](const auto& message) { heard(peer, message); },
            .closed = [this, &peer](const auto& fault) { closed(peer, fault); }});
  }

  void opened(Peer& peer) {
    log::info("balancer {} is connected", peer.address.text());
    peer.is_open = true;
    peer.opened = MonotonicClock::now();
    peer.trouble.clear();
    peer.assembly = {};
    peer.taken = 0;
    peer.connection->tell(
        wire::ControlTokens{.begins = true, .ends = true, .learned = tokens.values()});
    if (state) peer.connection->tell(*state);
    if (events.presence) events.presence(peer.address, true);
  }

  void heard(Peer& peer, const ControlSession::Message& message) {
    std::optional<History> whole;
    if (!peer.assembly.add(std::get<History>(message), whole))
      return peer.connection->end({Kind::kMalformed, "the parts of its history do not fit"});
    if (!whole) return;
    if (events.history) events.history(peer.address, *whole);
    peer.connection->tell(wire::ControlTaken{.histories = ++peer.taken});
  }

  void closed(Peer& peer, const ControlFault& fault) {
    const bool was_open = std::exchange(peer.is_open, false);
    // One that lived was no trouble; one that ended at once may do so again.
    if (was_open && MonotonicClock::now() - peer.opened >= ControlSession::kSilence)
      peer.pause = kFirstPause;
    if (fault.kind == Kind::kRefused) peer.pause = std::min(peer.pause, kRefusedPause);
    peer.connection.reset();
    retry(peer, fault.what);
    if (was_open && events.presence) events.presence(peer.address, false);
  }

  /// Half of the pause and up to all of it, so that servers do not come back all at once.
  void retry(Peer& peer, std::string why) {
    if (why != peer.trouble)
      log::warning("balancer {} is not connected: {}", peer.address.text(), why);
    peer.trouble = std::move(why);
    peer.watch.reset();
    peer.fd.reset();
    const auto half = peer.pause.count() / 2;
    const milliseconds delay{half +
                             std::uniform_int_distribution<milliseconds::rep>(0, half)(chance)};
    peer.pause = std::min(2 * peer.pause, kLongestPause);
    peer.timer = loop.after(delay, [this, &peer] { connect(peer); });
  }

  void tell(const ControlSession::Message& message) {
    const auto bodies = wire::encode(message);
    for (auto& peer : peers)
      if (peer.is_open) peer.connection->tell(wire::control_type(message), bodies);
  }

  Loop& loop;
  ControlKey key;
  Self self;
  Events events;
  std::list<Peer> peers;
  TokenSet tokens;
  std::optional<ServerState> state;
  std::minstd_rand chance{std::random_device{}()};
};

ControlLink::ControlLink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlLink::ControlLink(ControlLink&&) noexcept = default;
ControlLink& ControlLink::operator=(ControlLink&&) noexcept = default;
ControlLink::~ControlLink() = default;

Result<ControlLink> ControlLink::open(Loop& loop, const ControlSettings& settings, const Self& self,
                                      Events events) {
  auto key = ControlKey::load(settings.key_file);
  if (!key) return std::unexpected(key.error());
  if (wire::encode(wire::ControlHello{.name = self.name}).empty())
    return fail("the control channel cannot tell the name '" + self.name + "'", {},
                "1 to 255 octets without control characters", ExitCode::kBadInput);
  auto impl = std::make_unique<Impl>(loop, *std::move(key), self, std::move(events));
  for (const auto& address : settings.listen) {
    auto& peer = impl->peers.emplace_back();
    peer.address = address;
    // Not at once: nothing is called before this has returned.
    peer.timer = loop.after(nanoseconds{0}, [owner = impl.get(), &peer] { owner->connect(peer); });
  }
  return ControlLink(std::move(impl));
}

void ControlLink::tell_tokens(std::span<const std::uint32_t> learned,
                              std::span<const std::uint32_t> gone) {
  wire::ControlTokens news;
  for (const auto token : learned)
    if (impl_->tokens.insert(token)) news.learned.push_back(token);
  for (const auto token : gone)
    if (impl_->tokens.erase(token)) news.gone.push_back(token);
  if (!news.learned.empty() || !news.gone.empty()) impl_->tell(news);
}

void ControlLink::tell_state(const ServerState& state) {
  if (impl_->state == state) return;
  impl_->state = state;
  impl_->tell(state);
}

std::vector<ControlLink::Balancer> ControlLink::balancers() const {
  std::vector<Balancer> out;
  for (const auto& peer : impl_->peers)
    out.push_back({.address = peer.address, .is_connected = peer.is_open, .trouble = peer.trouble});
  return out;
}

}  // namespace anabranch::balancer
