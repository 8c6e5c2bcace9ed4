// SPDX-License-Identifier: MIT
#include "host/report.hpp"

#include <algorithm>
#include <map>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace anabranch::host {
namespace {

const char* support_name(Discovery::Support support) {
  switch (support) {
    case Discovery::Support::kYes:
      return "yes";
    case Discovery::Support::kNo:
      return "no";
    case Discovery::Support::kUnknown:
      return "unknown";
  }
  return "";
}

const char* state_text(PathState state) {
  switch (state) {
    case PathState::kUp:
      return "up";
    case PathState::kAcquiring:
      return "acquiring";
    case PathState::kDown:
      return "down";
    case PathState::kNoOffer:
      return "no-offer";
    case PathState::kWithdrawn:
      return "withdrawn";
    case PathState::kDeprecated:
      return "deprecated";
    case PathState::kDuplicate:
      return "duplicate";
  }
  return "";
}

nlohmann::json text_or_null(const std::optional<IpAddress>& address) {
  return address ? nlohmann::json(address->text()) : nlohmann::json(nullptr);
}

}  // namespace

ReportedPath report_path(const Path& path, bool operational, MonotonicTime now) {
  const auto& lease = path.client().lease();
  ReportedPath out;
  out.index = path.index();
  out.interface = path.macvlan().name;
  out.ignored = path.traffic().ignored;
  out.conflicts = path.client().conflicts();
  if (lease) {
    out.address = lease->address.address();
    out.router = lease->router();
    out.lease = lease->remaining(now);
    out.state = operational ? PathState::kUp : PathState::kDown;
  } else if (path.client().state() == DhcpClient::State::kNoOffer) {
    out.state = PathState::kNoOffer;
  } else if (!operational) {
    out.state = PathState::kDown;
  }
  return out;
}

std::string report_json(const Report& report) {
  auto paths = nlohmann::json::array();
  for (const auto& path : report.paths)
    paths.push_back(
        {{"index", path.index},
         {"family", family_name(path.family)},
         {"address", text_or_null(path.address)},
         {"interface", path.interface},
         {"state", state_text(path.state)},
         {"router", text_or_null(path.router)},
         {"lease_s", path.lease ? nlohmann::json(path.lease->count()) : nlohmann::json(nullptr)},
         {"pvd", path.domain.empty() ? nlohmann::json(nullptr) : nlohmann::json(path.domain)},
         {"ignored", path.ignored}});
  auto converters = nlohmann::json::array();
  for (const auto& one : report.converters)
    converters.push_back({{"endpoint", one.endpoint.text()}, {"paths", one.paths}});
  const auto& heard = report.advertisements;
  return nlohmann::json{
      {"interface", report.interface},
      {"interfaces", attachment_name(report.attachment)},
      {"interfaces_reason", reason_name(report.reason)},
      {"support", support_name(report.support)},
      {"count", report.count},
      {"advertisements",
       {{"used", heard.used}, {"refused", heard.refused}, {"ignored", heard.ignored}}},
      {"paths", std::move(paths)},
      {"converters", std::move(converters)}}
      .dump();
}

std::string report_sentence(const Report& report) {
  if (report.support == Discovery::Support::kUnknown)
    return "neither a DHCP server nor a Router Advertisement has told of paths yet";
  if (report.support == Discovery::Support::kNo) return "the network offers no further paths";
  // A path with an address that is up is up, whatever the family.
  std::map<unsigned, bool> up;
  for (const auto& path : report.paths) up[path.index] |= path.state == PathState::kUp;
  return fmt::format("{} of {} paths up",
                     std::ranges::count(up, true, [](const auto& entry) { return entry.second; }),
                     up.size());
}

}  // namespace anabranch::host
