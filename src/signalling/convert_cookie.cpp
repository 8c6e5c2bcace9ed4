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

Octets of_slot(const Octets& secret, const IpAddress& client, std::int64_t slot) {
  Octets message(kPurpose.begin(), kPurpose.end());
  const auto address = client.unmapped();  // a client of a dual-stack socket is the same client
  message.push_back(static_cast<std::uint8_t>(address.octets().size()));
  message.insert(message.end(), address.octets().begin(), address.octets().end());
  for (int shift = 56; shift >= 0; shift -= 8)
    message.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(slot) >> shift));
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto* made = ::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                            message.data(), message.size(), digest.data(), &size);
  if (made == nullptr || size < kCookie) return {};
  return {digest.begin(), digest.begin() + kCookie};
}

}  // namespace

ConvertCookies::ConvertCookies(Octets secret, std::chrono::seconds slot)
    : key_{std::move(secret), slot} {}

ConvertCookies ConvertCookies::renewed(Octets secret, std::chrono::seconds slot, Time now) const {
  ConvertCookies out(std::move(secret), slot);
  const bool other = out.key_ != key_;
  out.former_ = other ? key_ : former_;
  out.former_until_ = other ? now + key_.slot : former_until_;
  return out;
}

Octets ConvertCookies::make(const IpAddress& client, Time now) const {
  return of_slot(key_.secret, client, now.time_since_epoch() / key_.slot);
}

bool ConvertCookies::good(Heard cookie, const IpAddress& client, Time now) const {
  if (cookie.size() != kCookie) return false;
  // All are compared whatever the first ones say.
  const bool present = good(key_, cookie, client, now);
  const bool former = former_ && good(*former_, cookie, client, now);
  return present || (former && now < former_until_);
}

bool ConvertCookies::good(const Key& key, Heard cookie, const IpAddress& client, Time now) {
  const std::int64_t slot = now.time_since_epoch() / key.slot;
  const auto current = of_slot(key.secret, client, slot);
  const auto previous = of_slot(key.secret, client, slot - 1);
  if (current.empty() || previous.empty()) return false;
  const bool is_current = CRYPTO_memcmp(cookie.data(), current.data(), kCookie) == 0;
  const bool is_previous = CRYPTO_memcmp(cookie.data(), previous.data(), kCookie) == 0;
  return is_current || is_previous;
}

}  // namespace anabranch::signalling
