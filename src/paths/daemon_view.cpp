// SPDX-License-Identifier: MIT
#include "paths/daemon_view.hpp"

#include <charconv>

#include <nlohmann/json.hpp>

namespace anabranch::paths {
namespace {

using nlohmann::json;

const json* member(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}
std::string text(const json& object, const char* name) {
  const auto* value = member(object, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}
bool truth(const json& object, const char* name, bool fallback = false) {
  const auto* value = member(object, name);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : fallback;
}
double number(const json& object, const char* name) {
  const auto* value = member(object, name);
  return value != nullptr && value->is_number() ? value->get<double>() : 0;
}
/// The entries of an array; none when it is none.
const json& entries(const json& object, const char* name) {
  static const json kNone = json::array();
  const auto* value = member(object, name);
  return value != nullptr && value->is_array() ? *value : kNone;
}
Endpoint endpoint(const json& object, const char* name) {
  return Endpoint::parse(text(object, name)).value_or(Endpoint{});
}

std::optional<Token> token_of(const json& object) {
  const auto digits = text(object, "token");
  if (!digits.starts_with("0x")) return std::nullopt;
  Token out = 0;
  const auto [end, error] =
      std::from_chars(digits.data() + 2, digits.data() + digits.size(), out, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return out;
}

Subject subject_of(const json& entry) {
  Subject out;
  out.token = token_of(entry);
  out.local = endpoint(entry, "local");
  out.remote = endpoint(entry, "remote");
  out.server_side = truth(entry, "server_side");
  out.deny_join_id0 = truth(entry, "deny_join_id0");
  out.plain_tcp = truth(entry, "plain_tcp");
  out.manager = truth(entry, "observed_only") ? Manager::kKernel : Manager::kDaemon;
  out.details_known = true;
  if (const auto* uid = member(entry, "uid"); uid != nullptr && uid->is_number_unsigned())
    out.uid = uid->get<std::uint32_t>();
  out.cgroup = text(entry, "cgroup");
  for (const auto& subflow : entries(entry, "subflows"))
    out.subflows.push_back({endpoint(subflow, "local"), endpoint(subflow, "remote"), true,
                            text(subflow, "state") == "silent", truth(subflow, "backup"), false,
                            text(subflow, "reason"), text(subflow, "rule")});
  for (const auto& peer : entries(entry, "peer_addresses"))
    out.peer_addresses.push_back({static_cast<std::uint8_t>(number(peer, "id")),
                                  endpoint(peer, "endpoint"), truth(peer, "announced")});
  for (const auto& told : entries(entry, "announcements"))
    out.announcements.push_back({endpoint(told, "endpoint"), text(told, "state")});
  for (const auto& waiting : entries(entry, "waiting")) {
    const auto local = IpAddress::parse(text(waiting, "local"));
    if (!local) continue;
    const auto retry = std::chrono::duration<double, std::milli>(number(waiting, "retry_in_ms"));
    const auto detail = text(waiting, "detail");
    out.waiting.push_back({*local, endpoint(waiting, "remote"), text(waiting, "code"),
                           detail.empty() ? text(waiting, "rule") : detail,
                           std::chrono::duration_cast<nanoseconds>(retry)});
  }
  return out;
}

}  // namespace

Result<DaemonView> parse_daemon_view(std::string_view text_of_answer) {
  const auto answer = json::parse(text_of_answer, nullptr, false);
  if (answer.is_discarded()) return fail("the path manager's answer is no JSON");
  DaemonView out;
  for (const auto& entry : entries(answer, "connections"))
    out.connections.push_back(subject_of(entry));
  for (const auto& entry : entries(answer, "paths")) {
    const auto address = IpAddress::parse(text(entry, "address"));
    if (!address) continue;
    auto& path = out.paths[*address];
    path = {text(entry, "interface"), truth(entry, "usable", true), truth(entry, "failed"),
            text(entry, "reason")};
    for (const auto& destination : entries(entry, "destinations"))
      if (destination.is_string())
        if (const auto prefix = IpPrefix::parse(destination.get<std::string>()))
          path.destinations.push_back(*prefix);
  }
  out.settings_file = text(answer, "settings_file");
  return out;
}

}  // namespace anabranch::paths
