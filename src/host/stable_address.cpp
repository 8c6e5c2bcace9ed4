// SPDX-License-Identifier: MIT
#include "host/stable_address.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include "base/directories.hpp"
#include "base/log.hpp"

namespace anabranch::host {
namespace {

constexpr std::size_t kIdentifier = 8;  ///< octets

std::optional<AddressSecret> parse_secret(std::string_view text) {
  AddressSecret out;
  if (text.size() < 2 * out.size()) return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto* digits = text.data() + 2 * i;
    if (std::from_chars(digits, digits + 2, out[i], 16).ptr != digits + 2) return std::nullopt;
  }
  return out;
}

/// A text that no other one begins with.
void append(std::vector<std::uint8_t>& out, std::string_view text) {
  out.push_back(static_cast<std::uint8_t>(text.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

void append(std::vector<std::uint8_t>& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(number >> shift));
}

}  // namespace

AddressSecret load_or_make_secret(const std::filesystem::path& file) {
  if (const auto content = read_file(file)) {
    if (const auto known = parse_secret(*content)) return *known;
    log::warning("{} holds no secret for addresses; a new one is made", file.string());
  }
  AddressSecret out{};
  if (::getrandom(out.data(), out.size(), 0) < 0) log::warning("no random octets for addresses");
  std::string text;
  for (const auto octet : out) text += fmt::format("{:02x}", octet);
  if (const auto kept = replace_file(file, text + "\n", 0600); !kept)
    log::warning("IPv6 addresses will be others after a restart: {}", kept.error().text());
  return out;
}

bool is_reserved_identifier(std::span<const std::uint8_t, 8> identifier) {
  std::uint64_t value = 0;
  for (const auto octet : identifier) value = value << 8 | octet;
  return value == 0 || (value >= 0x02005efffe000000 && value <= 0x02005efffeffffff) ||
         (value >= 0xfdffffffffffff80 && value <= 0xfdffffffffffffff);
}

StableAddress stable_address(const AddressSecret& secret, const IpPrefix& prefix,
                             const AddressPlace& place, unsigned counter) {
  const auto network = prefix.network();
  std::array<std::uint8_t, 16> octets{};
  std::ranges::copy(network.octets().first(kIdentifier), octets.begin());
  for (;; ++counter) {
    std::vector<std::uint8_t> input(octets.begin(), octets.begin() + kIdentifier);
    append(input, place.interface);
    append(input, place.path);
    append(input, place.network);
    append(input, counter);
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
    ::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), input.data(), input.size(),
           digest.data(), nullptr);
    std::copy_n(digest.begin(), kIdentifier, octets.begin() + kIdentifier);
    if (!is_reserved_identifier(std::span(octets).last<kIdentifier>())) break;
  }
  return {IpAddress::v6(octets), counter};
}

}  // namespace anabranch::host
