// SPDX-License-Identifier: MIT
// Tells peers of the addresses they can reach us at (RFC 8684 section 3.4). Every usable address is
// announced at once when a connection is established, again with a fresh id when it comes back, and
// is taken back at once when it goes. Where nobody listens for joins a listener of our own is asked
// for first. An announcement that does not seem to arrive is sent again, a few times.
//
// Pure, a part of the Decider. The owner of the connections calls it after it has changed them; the
// actions it appends have no number yet.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "paths/action.hpp"
#include "paths/echo_watch.hpp"
#include "paths/input.hpp"
#include "paths/listener_plan.hpp"
#include "paths/model.hpp"
#include "paths/settings.hpp"

namespace anabranch::paths {

class Announcer {
 public:
  using Connections = std::map<Token, Connection>;
  using Paths = std::map<IpAddress, Path>;
  /// Whether the rules let the connection use the path. An announced address that is not allowed
  /// any more is taken back.
  using Allowed = std::function<bool(const Connection&, const Path&)>;

  /// Announcements of one connection: the kernel and most peers keep no more of each other's
  /// addresses.
  static constexpr std::size_t kMostAnnouncements = 8;
  /// Sendings of one announcement by us; the kernel repeats each of them three times by itself.
  static constexpr unsigned kMostAttempts = 4;

  Announcer(AnnounceMode mode, Allowed allowed);

  /// The connection was established or adopted, or what is allowed to it has changed: announces
  /// what should be and is not, takes back what should not be. Twice changes nothing.
  void update(Connection& connection, const Paths& paths, MonotonicTime now,
              std::vector<Action>& out);
  /// The same for every connection after the paths have changed. To be called before the subflows
  /// of lost paths are destroyed; of ids that it has taken back `Connection::ids` says unused.
  void paths_changed(Connections& connections, const Paths& paths, MonotonicTime now,
                     std::vector<Action>& out);
  void listening(const input::Listening& answer, Connections& connections, const Paths& paths,
                 MonotonicTime now, std::vector<Action>& out);
  /// An event kListenerCreated or kListenerClosed; or events were lost.
  void listener_changed(std::uint16_t port) { listeners_.listener_changed(port); }
  void events_lost() { listeners_.forget_listeners(); }
  /// To be fed about once a second while wants_counters(), and right before a tick.
  void counters(const input::Counters& counters) { echoes_.counters(counters); }
  bool wants_counters() const { return echoes_.next().has_value(); }
  /// A subflow was established on this address and port of ours: the peer knows it.
  void established_on(Connection& connection, const Endpoint& local);
  /// An id of ours was taken back by somebody else's action::RemoveAddress.
  void removed(Connection& connection, std::uint8_t id, MonotonicTime now);
  /// The kernel refused the announcement.
  void failed(Connection& connection, std::uint8_t id);
  void closed(Token token, MonotonicTime now);
  void tick(Connections& connections, MonotonicTime now, std::vector<Action>& out);
  std::optional<MonotonicTime> next() const;

 private:
  bool announces(const Connection& connection) const;
  void take_back(Connection& connection, const Paths& paths, MonotonicTime now,
                 std::vector<Action>& out);
  void offer(Connection& connection, const Path& path, MonotonicTime now, std::vector<Action>& out);
  void send(const Connection& connection, Announcement& announcement, std::string reason,
            MonotonicTime now, std::vector<Action>& out);
  void forget(Connection& connection, const Announcement& announcement, MonotonicTime now);

  AnnounceMode mode_;
  Allowed allowed_;
  Paths known_;  // of the last paths_changed()
  ListenerPlan listeners_;
  EchoWatch echoes_;
};

}  // namespace anabranch::paths
