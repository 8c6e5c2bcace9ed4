// SPDX-License-Identifier: MIT
// What a Router Advertisement and a PvD option inside it have in common: the header of RFC 4861
// section 4.2 and the options that follow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "wire/router_advertisement.hpp"

namespace anabranch::wire {

inline constexpr std::uint8_t kRouterAdvertisementType = 134;
inline constexpr std::uint8_t kNdSourceLinkAddress = 1;
inline constexpr std::size_t kRouterHeaderSize = 16;
/// Options count their length in these.
inline constexpr std::size_t kNdUnit = 8;
inline constexpr std::size_t kLongestNdOption = 255 * kNdUnit;

/// The octets of an option, its type and length among them.
using NdOption = std::span<const std::uint8_t>;

/// The options one after another. Nothing when one has no length or ends beyond the end: what
/// follows it cannot be known, and RFC 4861 section 6.1.2 discards the whole message.
std::optional<std::vector<NdOption>> split_nd_options(std::span<const std::uint8_t> octets);

/// Adds what an option says; one of another kind, or with a wrong length of its own, adds nothing.
void decode_nd_option(NdOption option, RouterOptions& options);

/// False when there is something that has no form on the wire.
bool append_nd_options(const RouterOptions& options, std::vector<std::uint8_t>& out);

/// The header with its type, code and checksum, all three zero but for the type.
void append_router_header(const RouterHeader& header, std::vector<std::uint8_t>& out);
/// Type, code and checksum are not looked at.
RouterHeader decode_router_header(std::span<const std::uint8_t, kRouterHeaderSize> octets);

/// Zeros up to a whole number of units.
void pad_nd_option(std::vector<std::uint8_t>& out);

}  // namespace anabranch::wire
