// SPDX-License-Identifier: MIT
// The status socket of a running role: a Unix stream socket that answers verbs and feeds
// subscribers.
//
// The conversation is JSON, one object a line. A client sends {"verb":"show"} and gets
// {"ok":true,"result":...} or {"ok":false,"error":{"what","where","hint","code"}}. After
// {"verb":"subscribe"} it gets the same answer as for "show" and then {"ok":true,"result":...}
// again whenever the role's state changes, until it closes. After {"verb":"monitor"}, of a role
// that knows it, one answer comes and then {"ok":true,"result":...} for each event. A request may
// have an "argument", a text: what the verb is about.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

#include "base/loop.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::status {

/// <runtime directory>/<role>.sock
std::filesystem::path socket_path(std::string_view role);

struct Request {
  std::string verb;
  std::string argument = {};
  /// The peer is root or the role's own user (SO_PEERCRED); asked for by verbs that change
  /// something.
  bool privileged = false;
};

class Server {
 public:
  /// Answers with a JSON text.
  using Handler = std::function<Result<std::string>(const Request&)>;

  struct Limits {
    /// Beyond it the client that came first and follows nothing has to go; when all follow, a
    /// newcomer is refused, or takes the place of one with less rights.
    std::size_t clients = 64;
    /// A client that neither subscribes nor monitors is dropped when it asks nothing for so long.
    nanoseconds silence = seconds(30);
  };

  /// Listens with mode 0660. A socket file left by a dead process is replaced; one that answers is
  /// an error (the role runs already).
  static Result<Server> open(Loop& loop, const std::filesystem::path& path, Handler handler,
                             Limits limits);
  static Result<Server> open(Loop& loop, const std::filesystem::path& path, Handler handler) {
    return open(loop, path, std::move(handler), Limits());
  }
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();

  /// Asks the handler for "show" and sends it to every subscriber. One that does not read is
  /// dropped.
  void publish();
  /// Somebody monitors: only then is an event worth being made.
  bool monitored() const;
  /// Sends an event, a JSON text, to all who monitor. One that does not read is dropped.
  void publish_event(std::string_view event);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::status
