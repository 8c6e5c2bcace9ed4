// SPDX-License-Identifier: MIT
// Domain names as labels (RFC 1035 section 3.1), as Neighbour Discovery options hold them: never
// compressed. Only letters, digits, hyphen and underscore are taken: a name goes into log lines,
// files and keys, and a dot inside a label would make two names look the same.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace anabranch::wire {

/// A name in front of `octets`: lower case, without the final dot. `octets` then begins behind its
/// final zero octet. Nothing for what is no name, and for the root.
std::optional<std::string> take_domain_name(std::span<const std::uint8_t>& octets);

/// `name` ("isp1.example.org", with or without the final dot, in any case) as labels. Nothing for
/// what is no name.
std::optional<std::vector<std::uint8_t>> encode_domain_name(std::string_view name);

}  // namespace anabranch::wire
