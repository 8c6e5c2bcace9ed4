// SPDX-License-Identifier: MIT
#include "host/told_converters.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/registry.hpp"
#include "wire/converter_addresses.hpp"

namespace anabranch::host {

std::vector<Endpoint> converters_in(const DhcpMessage& message) {
  const auto* addresses = message.option(registry::kConvertersCode);
  if (addresses == nullptr) return {};
  const auto* port = message.option(registry::kConverterPortCode);
  return wire::converter_endpoints(
      wire::decode_converters4(*addresses),
      port == nullptr ? std::nullopt : wire::decode_converter_port(*port));
}

void add_told(std::vector<ToldConverter>& known, unsigned index,
              std::span<const Endpoint> converters) {
  for (const auto& endpoint : converters) {
    auto found = std::ranges::find(known, endpoint, &ToldConverter::endpoint);
    if (found == known.end()) {
      if (known.size() == wire::kMostConverters) continue;
      found = known.insert(known.end(), {endpoint, {}});
    }
    // Both families of a path may tell the same.
    const auto place = std::ranges::lower_bound(found->paths, index);
    if (place == found->paths.end() || *place != index) found->paths.insert(place, index);
  }
}

std::string told_text(std::span<const ToldConverter> converters) {
  std::string out;
  for (const auto& one : converters)
    out += fmt::format("{}{} (path{} {})", out.empty() ? "" : ", ", one.endpoint.text(),
                       one.paths.size() == 1 ? "" : "s", fmt::join(one.paths, ", "));
  return out.empty() ? "none" : out;
}

nlohmann::json endpoints_to_json(std::span<const Endpoint> converters) {
  auto out = nlohmann::json::array();
  for (const auto& endpoint : converters) out.push_back(endpoint.text());
  return out;
}

std::vector<Endpoint> endpoints_from_json(const nlohmann::json& value) {
  std::vector<Endpoint> read;
  for (const auto& text : value) read.push_back(Endpoint::parse(text.get<std::string>()).value());
  std::vector<Endpoint> out;
  wire::add_converters<Endpoint>(out, read);
  return out;
}

}  // namespace anabranch::host
