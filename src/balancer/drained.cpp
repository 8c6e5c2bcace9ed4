// SPDX-License-Identifier: MIT
#include "balancer/drained.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/directories.hpp"
#include "base/log.hpp"

namespace anabranch::balancer {

using nlohmann::json;

void Drained::load() {
  names_.clear();
  std::error_code error;
  if (!std::filesystem::exists(file_, error) && !error) return;
  const auto content = read_file(file_);
  const auto view = content ? json::parse(*content, nullptr, false) : json();
  const auto list = view.is_object() ? view.value("drained", json()) : json();
  const auto is_text = [](const json& name) { return name.is_string(); };
  if (!list.is_array() || !std::ranges::all_of(list, is_text)) {
    log::warning("{} cannot be read: no server counts as drained{}", file_.string(),
                 content ? "" : " (" + content.error().what + ")");
    return;
  }
  for (const auto& name : list) names_.insert(name.get<std::string>());
}

void Drained::keep_only(const std::vector<Server>& servers) {
  std::erase_if(names_, [&](const std::string& name) {
    if (std::ranges::find(servers, name, &Server::name) != servers.end()) return false;
    log::warning("{} was drained and is no server any more: that is forgotten", name);
    return true;
  });
}

Result<void> Drained::set(const std::string& server, bool drained) {
  auto wanted = names_;
  if (drained)
    wanted.insert(server);
  else
    wanted.erase(server);
  const json content{{"drained", wanted}};
  ANABRANCH_TRY(make_directory(file_.parent_path()));
  ANABRANCH_TRY(
      replace_file(file_, content.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"));
  names_ = std::move(wanted);
  return {};
}

}  // namespace anabranch::balancer
