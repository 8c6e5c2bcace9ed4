// SPDX-License-Identifier: MIT
// The Transport Converters that a network's DHCP servers tell of (wire/converter_addresses.hpp),
// each with the paths whose lease, or whose answer, told it. They come and go with these. The host
// uses none itself: it hands them on over its status socket.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/endpoint.hpp"
#include "host/dhcp_message.hpp"

namespace anabranch::host {

/// Those of a DHCPv4 message, the best first; few, and each one that a converter can have.
std::vector<Endpoint> converters_in(const DhcpMessage& message);

struct ToldConverter {
  Endpoint endpoint;
  std::vector<unsigned> paths;  ///< indexes, the lowest first

  bool operator==(const ToldConverter&) const = default;
};

/// Adds what path `index` tells. Of all paths together no more than wire::kMostConverters.
void add_told(std::vector<ToldConverter>& known, unsigned index,
              std::span<const Endpoint> converters);

/// "198.18.9.9:5124 (paths 1, 2), ..."; "none".
std::string told_text(std::span<const ToldConverter> converters);

/// ["198.18.9.9:5124", ...], as it lies in files.
nlohmann::json endpoints_to_json(std::span<const Endpoint> converters);
/// Throws what the JSON library and std::expected throw when `value` is no such list.
std::vector<Endpoint> endpoints_from_json(const nlohmann::json& value);

}  // namespace anabranch::host
