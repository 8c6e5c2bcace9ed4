// SPDX-License-Identifier: MIT
// A machine with addresses and one connection of which an Announcer tells the peer; what it wants
// done is told in short lines, as "announce 1 10.0.2.1".
#pragma once

#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "paths/announcer.hpp"

namespace anabranch::paths {

inline IpAddress address(const std::string& text) {
  return *IpAddress::parse(text);
}
inline Endpoint at(const std::string& text, std::uint16_t port) {
  return {address(text), port};
}

struct ActionLine {
  std::string operator()(const action::Announce& a) const {
    const auto port = a.endpoint.port == 0 ? "" : fmt::format(" port {}", a.endpoint.port);
    return fmt::format("announce {} {}{}", a.id, a.endpoint.address.text(), port);
  }
  std::string operator()(const action::RemoveAddress& a) const {
    return fmt::format("remove {}", a.id);
  }
  std::string operator()(const action::AskListening& a) const {
    return fmt::format("ask {} {}", a.endpoint.address.text(), a.endpoint.port);
  }
  std::string operator()(const action::OpenListener& a) const {
    return fmt::format("open {} {}", a.endpoint.address.text(), a.endpoint.port);
  }
  std::string operator()(const action::CloseListener& a) const {
    return fmt::format("close {} {}", a.endpoint.address.text(), a.endpoint.port);
  }
  std::string operator()(const action::Note& a) const { return "note " + a.code; }
  std::string operator()(const auto&) const { return "?"; }
};

inline std::string line(const Action& action) {
  return std::visit(ActionLine{}, action.what);
}

using Lines = std::vector<std::string>;

class Machine {
 public:
  static constexpr Token kToken = 0x1001;

  explicit Machine(AnnounceMode mode = AnnounceMode::kServer)
      : announcer(mode, [this](const Connection&, const Path& path) {
          return path.interface != denied;
        }) {}

  /// Gives the machine an address on an interface of its own.
  void has(const std::string& text, bool usable = true, unsigned ifindex = 0) {
    Path path;
    path.address = address(text);
    path.ifindex = ifindex != 0 ? ifindex : static_cast<unsigned>(paths.size() + 1);
    path.interface = fmt::format("eth{}", path.ifindex);
    path.usable = usable;
    paths[path.address] = path;
  }
  /// One that leads to `destination` only.
  void leads_only(const std::string& text, const std::string& destination) {
    Path& path = paths.at(address(text));
    path.usable = false;
    path.reason = "no-route";
    path.destinations = {*IpPrefix::parse(destination)};
  }
  /// A peer connects to port 443 of the address.
  Connection& connection(Token token = kToken, const std::string& local = "10.0.1.1") {
    Connection& out = connections[token];
    out.token = token;
    out.server_side = out.established = true;
    out.local = at(local, 443);
    out.remote = at("192.0.2.9", 40000);
    return out;
  }
  /// The application listens on every address.
  Lines established(Token token = kToken) {
    announcer.update(connections.at(token), paths, now, actions);
    Lines out;
    while (!actions.empty()) {
      const auto round = std::exchange(actions, {});
      for (const auto& action : round) {
        if (const auto* ask = std::get_if<action::AskListening>(&action.what))
          hears(ask->endpoint, true);
        else
          out.push_back(line(action));
      }
    }
    return out;
  }
  Lines update(Token token = kToken) {
    announcer.update(connections.at(token), paths, now, actions);
    return told();
  }
  Lines paths_changed() {
    announcer.paths_changed(connections, paths, now, actions);
    return told();
  }
  void hears(const Endpoint& endpoint, bool listens) {
    announcer.listening({endpoint, listens}, connections, paths, now, actions);
  }
  Lines answer(const std::string& text, std::uint16_t port, bool listens) {
    hears(at(text, port), listens);
    return told();
  }
  Lines after(nanoseconds time) {
    now += time;
    announcer.tick(connections, now, actions);
    return told();
  }
  void echoes(std::uint64_t sent, std::uint64_t received) {
    counters.announcements_sent += sent;
    counters.echoes_received += received;
    announcer.counters(counters);
  }
  Announcement::State state(std::uint8_t id, Token token = kToken) {
    return connections.at(token).announcements.at(id).state;
  }
  Lines told() {
    Lines out;
    for (const auto& action : std::exchange(actions, {})) out.push_back(line(action));
    return out;
  }

  std::string denied;
  Announcer announcer;
  Announcer::Connections connections;
  Announcer::Paths paths;
  input::Counters counters;
  std::vector<Action> actions;
  MonotonicTime now{seconds(1000)};
};

}  // namespace anabranch::paths
