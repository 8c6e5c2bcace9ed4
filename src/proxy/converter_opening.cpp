// SPDX-License-Identifier: MIT
#include "proxy/converter_opening.hpp"

#include <chrono>
#include <utility>

#include <sys/random.h>

#include "base/directories.hpp"
#include "kernel/stream_socket.hpp"
#include "proxy/converter_setting_definitions.hpp"
#include "proxy/listening.hpp"

namespace anabranch::proxy {
namespace {

namespace key = definition::converter;

constexpr std::size_t kSecretOctets = 32;
constexpr std::size_t kLeastSecret = 16;

Result<signalling::Octets> secret_of(const std::filesystem::path& file) {
  const auto content = read_file(file);
  if (!content) return std::unexpected(content.error());
  if (content->size() < kLeastSecret)
    return fail("the secret is too short", file.string(), "at least 16 octets",
                ExitCode::kBadInput);
  return signalling::Octets(content->begin(), content->end());
}

}  // namespace

std::optional<Obstacle> machine_obstacle(const ConverterSettings& settings) {
  if (const auto there = congestion_control_there(settings.congestion); !there)
    return Obstacle{&key::kConverter, &definition::relayed::kCongestion, there.error()};
  for (const auto& address : settings.source.pool) {
    const auto fd = kernel::open_stream_socket(address.family(), kernel::Transport::kTcp);
    if (!fd) return Obstacle{&key::kSource, &key::source::kPool, fd.error()};
    auto own = kernel::connect_from(fd->get(), address);
    if (own) continue;
    own.error().hint = "give the machine that address, or take it out of [source] pool";
    return Obstacle{&key::kSource, &key::source::kPool, own.error()};
  }
  return std::nullopt;
}

Result<signalling::Octets> random_secret() {
  signalling::Octets out(kSecretOctets);
  if (::getrandom(out.data(), out.size(), 0) != static_cast<ssize_t>(out.size()))
    return fail_errno("getrandom");
  return out;
}

std::expected<Cookies, Obstacle> cookies_of(const ConverterSettings& settings,
                                            const signalling::Octets& own_secret,
                                            const Cookies& before) {
  using signalling::ConvertCookies;
  if (!settings.cookie_required) return nullptr;
  auto secret = settings.cookie_secret.empty() ? Result<signalling::Octets>(own_secret)
                                               : secret_of(settings.cookie_secret);
  if (!secret)
    return std::unexpected(
        Obstacle{&key::kClients, &key::clients::kCookieSecretFile, secret.error()});
  return std::make_shared<const ConvertCookies>(
      before ? before->renewed(*std::move(secret), settings.cookie_slot,
                               std::chrono::system_clock::now())
             : ConvertCookies(*std::move(secret), settings.cookie_slot));
}

}  // namespace anabranch::proxy
