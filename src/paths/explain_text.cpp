// SPDX-License-Identifier: MIT
#include <algorithm>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "paths/explain.hpp"

namespace anabranch::paths {
namespace {

std::string side_text(const Endpoint& endpoint) {
  return endpoint.port == 0 ? endpoint.address.text() : endpoint.text();
}

std::string_view manager_name(Manager manager) {
  switch (manager) {
    case Manager::kDaemon:
      return "daemon";
    case Manager::kKernel:
      return "kernel";
    case Manager::kNobody:
      break;
  }
  return "nobody";
}

std::string coloured(ExplainKind kind, const std::string& text, bool colours) {
  if (!colours) return text;
  const char* code = kind == ExplainKind::kInUse ? "32" : kind == ExplainKind::kFault ? "31" : "33";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string title(const Explanation& explanation) {
  if (!explanation.token)
    return fmt::format("a new connection to {}", side_text(explanation.remote));
  return fmt::format("connection {:#010x}, {} to {}, path manager: {}", *explanation.token,
                     side_text(explanation.local), side_text(explanation.remote),
                     manager_name(explanation.manager));
}

std::string block(const Explanation& explanation, bool colours) {
  std::size_t local = 0;
  std::size_t remote = 0;
  std::size_t code = 0;
  std::size_t left_out = 0;
  for (const auto& pair : explanation.pairs) {
    local = std::max(local, (side_text(pair.local) + "%" + pair.interface).size());
    remote = std::max(remote, side_text(pair.remote).size());
    code = std::max(code, explain_name(pair.code).size());
  }
  auto out = title(explanation) + "\n";
  for (const auto& pair : explanation.pairs) {
    if (pair.code == ExplainCode::kFamilyMismatch) {
      ++left_out;
      continue;
    }
    const auto& entry = explain_entry(pair.code);
    const auto from = side_text(pair.local) + (pair.interface.empty() ? "" : "%" + pair.interface);
    out += fmt::format("  {:<{}} -> {:<{}}  {}  {}\n", from, local, side_text(pair.remote), remote,
                       coloured(entry.kind, fmt::format("{:<{}}", entry.name, code), colours),
                       pair.words);
    if (!pair.hint.empty())
      out += fmt::format("{:>{}}hint: {}\n", "", local + remote + code + 10, pair.hint);
  }
  if (left_out > 0)
    out += fmt::format("  {} pair{} of one IPv4 and one IPv6 address left out\n", left_out,
                       left_out == 1 ? "" : "s");
  if (explanation.pairs.empty()) out += "  this machine has no address to reach it from\n";
  for (const auto& remark : explanation.remarks) out += "  note: " + remark + "\n";
  return out;
}

}  // namespace

std::string explain_text(const std::vector<Explanation>& explanations, bool colours) {
  std::string out;
  for (const auto& explanation : explanations)
    out += (out.empty() ? "" : "\n") + block(explanation, colours);
  return out;
}

std::string explain_json(const std::vector<Explanation>& explanations) {
  using Json = nlohmann::ordered_json;
  Json connections = Json::array();
  for (const auto& explanation : explanations) {
    Json pairs = Json::array();
    for (const auto& pair : explanation.pairs)
      pairs.push_back({{"local", side_text(pair.local)},
                       {"remote", side_text(pair.remote)},
                       {"interface", pair.interface},
                       {"code", explain_name(pair.code)},
                       {"words", pair.words},
                       {"hint", pair.hint}});
    Json token;
    if (explanation.token) token = fmt::format("{:#010x}", *explanation.token);
    connections.push_back({{"token", token},
                           {"local", side_text(explanation.local)},
                           {"remote", side_text(explanation.remote)},
                           {"managed_by", manager_name(explanation.manager)},
                           {"pairs", std::move(pairs)},
                           {"remarks", explanation.remarks}});
  }
  return Json{{"connections", std::move(connections)}}.dump(2, ' ', false,
                                                            Json::error_handler_t::replace) +
         "\n";
}

}  // namespace anabranch::paths
