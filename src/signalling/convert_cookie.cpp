// SPDX-License-Identifier: MIT
#include <array>
#include <string_view>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "signalling/convert.hpp"

namespace anabranch::signalling {
namespace {

constexpr std::size_t kCookie = 16;  ///< octets; whole words, so that padding changes nothing
/// What the secret is used for, so that the same one elsewhere says nothing of ours.
constexpr std::string_view kPurpose = "convert cookie 1";

}  // namespace

ConvertCookies::ConvertCookies(Octets secret, std::chrono::seconds slot)
    : secret_(std::move(secret)), slot_(slot) {}

Octets ConvertCookies::make(const IpAddress& client, Time now) const {
  return of_slot(client, now.time_since_epoch() / slot_);
}

bool ConvertCookies::good(Heard cookie, const IpAddress& client, Time now) const {
  if (cookie.size() != kCookie) return false;
  const std::int64_t slot = now.time_since_epoch() / slot_;
  const auto current = of_slot(client, slot);
  const auto previous = of_slot(client, slot - 1);
  // Both are compared whatever the first one says.
  if (current.empty() || previous.empty()) return false;
  const bool is_current = CRYPTO_memcmp(cookie.data(), current.data(), kCookie) == 0;
  const bool is_previous = CRYPTO_memcmp(cookie.data(), previous.data(), kCookie) == 0;
  return is_current || is_previous;
}

Octets ConvertCookies::of_slot(const IpAddress& client, std::int64_t slot) const {
  Octets message(kPurpose.begin(), kPurpose.end());
  const auto address = client.unmapped();  // a client of a dual-stack socket is the same client
  message.push_back(static_cast<std::uint8_t>(address.octets().size()));
  message.insert(message.end(), address.octets().begin(), address.octets().end());
  for (int shift = 56; shift >= 0; shift -= 8)
    message.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(slot) >> shift));
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto* made = ::HMAC(::EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
                            message.data(), message.size(), digest.data(), &size);
  if (made == nullptr || size < kCookie) return {};
  return {digest.begin(), digest.begin() + kCookie};
}

}  // namespace anabranch::signalling
