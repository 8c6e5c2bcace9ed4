// SPDX-License-Identifier: MIT
#include "proxy/dhcp_converters.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/address_scope.hpp"
#include "base/log.hpp"

namespace anabranch::proxy {
namespace {

using nlohmann::json;

constexpr std::string_view kHostRoles = "host-";
/// Of one host, whatever it says.
constexpr std::size_t kMostTold = 16;

}  // namespace

Result<HostSays> host_says(std::string_view text) {
  try {
    const json status = json::parse(text);
    HostSays out{status.at("interface").get<std::string>(), std::nullopt};
    std::vector<Endpoint> told;
    // One of an older release tells of none.
    for (const auto& one : status.value("converters", json::array())) {
      const auto endpoint = Endpoint::parse(one.at("endpoint").get<std::string>());
      if (!endpoint) return std::unexpected(endpoint.error());
      if (!is_global(endpoint->address) || endpoint->port == 0)
        return fail(endpoint->text() + " cannot be a converter");
      if (told.size() < kMostTold) told.push_back(*endpoint);
    }
    if (!told.empty() || status.at("support").get<std::string>() != "unknown")
      out.converters = std::move(told);
    return out;
  } catch (const std::exception& error) {
    return fail(std::string("this is no report of a host: ") + error.what());
  }
}

std::vector<ConverterEntry> with_told(
    std::vector<ConverterEntry> entries,
    const std::map<std::string, std::vector<Endpoint>>& told_by_interface) {
  auto out = std::move(entries);
  std::erase_if(out, [](const ConverterEntry& entry) { return !entry.told_by.empty(); });
  for (const auto& [interface, converters] : told_by_interface)
    for (const auto& endpoint : converters)
      if (std::ranges::find(out, endpoint, &ConverterEntry::endpoint) == out.end())
        out.push_back({endpoint.text(), endpoint, 0, interface});
  return out;
}

void DhcpConverters::follow(bool wanted) {
  if (wanted == followers_.has_value()) return;
  followers_.reset();
  told_.clear();
  if (!wanted) return;
  followers_.emplace(loop_, std::string(kHostRoles),
                     status::RoleFollowers::Callbacks{
                         [this](const std::string&, std::string_view state) { return said(state); },
                         [](const std::string&) {}});
}

CpeSettings DhcpConverters::completed(CpeSettings settings) const {
  static const decltype(told_) kNone;
  settings.converters =
      with_told(std::move(settings.converters), settings.converters_from_dhcp ? told_ : kNone);
  return settings;
}

std::vector<std::string> DhcpConverters::hosts() const {
  auto out = followers_ ? followers_->roles() : std::vector<std::string>();
  for (auto& role : out) role.erase(0, kHostRoles.size());
  return out;
}

Result<void> DhcpConverters::said(std::string_view state) {
  auto says = host_says(state);
  if (!says) return std::unexpected(says.error());
  if (!says->converters) return {};
  auto& told = told_[says->interface];
  if (told == *says->converters) return {};
  told = *std::move(says->converters);
  std::string list;
  for (const auto& endpoint : told) list += (list.empty() ? "" : ", ") + endpoint.text();
  log::info("the network of {} tells of {}", says->interface,
            list.empty() ? "no converter" : "converters: " + list);
  changed_();
  return {};
}

}  // namespace anabranch::proxy
