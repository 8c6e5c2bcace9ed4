// SPDX-License-Identifier: MIT
#include "balancer/control_key.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace anabranch::balancer {
namespace {

constexpr std::size_t kSha256 = 32;
constexpr std::size_t kMostKey = 4096;
constexpr std::string_view kMakeOne =
    "make one: (umask 077; head -c 32 /dev/urandom | base64 > FILE), the same on all of them";

using Digest = std::array<std::uint8_t, kSha256>;

/// Fetched once: looking an algorithm up costs more than a MAC.
::EVP_MAC* hmac() {
  static const std::unique_ptr<::EVP_MAC, decltype(&::EVP_MAC_free)> kHmac(
      ::EVP_MAC_fetch(nullptr, "HMAC", nullptr), ::EVP_MAC_free);
  return kHmac.get();
}

std::optional<Digest> digest(std::span<const std::uint8_t> key, ControlKey::Parts parts) {
  if (key.empty()) return std::nullopt;  // one that could not be made
  const std::unique_ptr<::EVP_MAC_CTX, decltype(&::EVP_MAC_CTX_free)> context(
      ::EVP_MAC_CTX_new(hmac()), ::EVP_MAC_CTX_free);
  if (!context) return std::nullopt;
  char name[] = "SHA256";
  const std::array parameters{::OSSL_PARAM_construct_utf8_string("digest", name, 0),
                              ::OSSL_PARAM_construct_end()};
  if (::EVP_MAC_init(context.get(), key.data(), key.size(), parameters.data()) != 1)
    return std::nullopt;
  for (const auto& part : parts)
    if (!part.empty() && ::EVP_MAC_update(context.get(), part.data(), part.size()) != 1)
      return std::nullopt;
  Digest out{};
  std::size_t size = 0;
  if (::EVP_MAC_final(context.get(), out.data(), &size, out.size()) != 1 || size != out.size())
    return std::nullopt;
  return out;
}

std::span<const std::uint8_t> octets_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Result<ControlKey> ControlKey::load(const std::filesystem::path& file) {
  // Not held up by a file that is a pipe.
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    auto error = fail_errno("cannot read the key of the control channel", file.string());
    error.error().hint = kMakeOne;
    return error;
  }
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) return fail_errno("cannot read it", file.string());
  if (!S_ISREG(about.st_mode)) return fail("the key is no file", file.string());
  if ((about.st_mode & (S_IROTH | S_IWOTH)) != 0)
    return fail("every user of this machine may read or write the key", file.string(),
                "chmod 600 " + file.string() + ", and a new key where others have read it");
  std::string text(kMostKey + 1, '\0');
  const auto got = ::read(fd.get(), text.data(), text.size());
  if (got < 0) return fail_errno("cannot read it", file.string());
  text.resize(static_cast<std::size_t>(got));
  if (text.size() > kMostKey)
    return fail("the key is longer than " + std::to_string(kMostKey) + " octets", file.string(),
                std::string(kMakeOne));
  constexpr std::string_view kWhite = " \t\r\n";
  const auto begin = std::min(text.find_first_not_of(kWhite), text.size());
  text = text.substr(begin, text.find_last_not_of(kWhite) + 1 - begin);
  if (text.size() < kLeast)
    return fail("the key has less than " + std::to_string(kLeast) + " octets", file.string(),
                std::string(kMakeOne));
  return ControlKey(octets_of(text));
}

ControlKey ControlKey::derive(std::string_view purpose, Parts parts) const {
  // In two steps, so that no purpose can run over into what follows it.
  const auto of_purpose = digest(octets_, {octets_of(purpose)});
  if (!of_purpose) return ControlKey(std::span<const std::uint8_t>());
  const auto out = digest(*of_purpose, parts);
  return ControlKey(out ? std::span<const std::uint8_t>(*out) : std::span<const std::uint8_t>());
}

ControlMac ControlKey::mac(Parts parts) const {
  ControlMac out{};
  if (const auto whole = digest(octets_, parts))
    std::copy_n(whole->begin(), out.size(), out.begin());
  return out;
}

bool ControlKey::is_mac(std::span<const std::uint8_t> told, Parts parts) const {
  const auto whole = digest(octets_, parts);
  return whole && told.size() == wire::kControlMac &&
         CRYPTO_memcmp(told.data(), whole->data(), wire::kControlMac) == 0;
}

Result<wire::ControlNonce> control_nonce() {
  wire::ControlNonce out{};
  if (::getrandom(out.data(), out.size(), GRND_NONBLOCK) != static_cast<ssize_t>(out.size()))
    return fail_errno("getrandom");
  return out;
}

}  // namespace anabranch::balancer
