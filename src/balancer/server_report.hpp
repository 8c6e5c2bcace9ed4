// SPDX-License-Identifier: MIT
// What `anabranch balancer server show` tells: JSON by the running agent, text made of it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "balancer/control_link.hpp"
#include "balancer/server_connections.hpp"
#include "balancer/server_duties.hpp"
#include "balancer/server_machine.hpp"

namespace anabranch::balancer {

/// What the running agent knows, for one look.
struct ServerView {
  std::string file;
  const Server& server;
  const ServerDuties& duties;
  const MachineFacts& facts;
  std::span<const Announcement> announcements;
  std::span<const Finding> findings;
  const ServerConnections& connections;
  bool initial_denied = false;
  std::string trouble = {};  ///< what could not be done at the last look
  std::vector<ControlLink::Balancer> balancers = {};
  /// Of each service how many places this server has had from others of late.
  std::map<Endpoint, std::size_t> places_from_others = {};
  /// By the numbers of steer_arrival; nothing: there is no program.
  std::optional<std::vector<std::uint64_t>> arrivals = std::nullopt;
};

std::string server_report_json(const ServerView& view);
Result<std::string> server_report_text(const std::string& report);

/// A line, or two with the hint.
std::string finding_text(const Finding& finding);

/// "announced", "no-address", ...
std::string_view state_name(Announcement::State state);

}  // namespace anabranch::balancer
