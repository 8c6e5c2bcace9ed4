// SPDX-License-Identifier: MIT
// The status socket of a running role: a Unix stream socket that answers verbs and feeds
// subscribers.
//
// The conversation is JSON, one object a line. A client sends {"verb":"show"} and gets
// {"ok":true,"result":...} or {"ok":false,"error":{"what","where","hint","code"}}. After
// {"verb":"subscribe"} it gets the same answer as for "show" and then {"ok":true,"result":...}
// again whenever the role's state changes, until it closes.
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
  /// The peer is root or the role's own user (SO_PEERCRED); asked for by verbs that change
  /// something.
  bool privileged = false;
};

class Server {
 public:
  /// Answers with a JSON text.
  using Handler = std::function<Result<std::string>(const Request&)>;

  struct Limits {
    /// Beyond it the client that came first and is no subscriber has to go; when all subscribe, a
    /// newcomer is refused, or takes the place of one with less rights.
    std::size_t clients = 64;
    /// A client that is no subscriber is dropped when it asks nothing for so long.
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

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::status
