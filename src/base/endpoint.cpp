// SPDX-License-Identifier: MIT
#include "base/endpoint.hpp"

#include <charconv>

namespace anabranch {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t out = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, out);
  if (error != std::errc() || stop != end) return std::nullopt;
  return out;
}

}  // namespace

std::optional<HostAndPort> split_host_and_port(std::string_view text) {
  std::string_view host = text;
  std::optional<std::string_view> digits;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return std::nullopt;
    host = text.substr(1, end - 1);
    if (!host.contains(':')) return std::nullopt;
    const auto rest = text.substr(end + 1);
    if (rest.starts_with(':'))
      digits = rest.substr(1);
    else if (!rest.empty())
      return std::nullopt;
  } else if (const auto colon = text.find(':'); colon != text.npos && colon == text.rfind(':')) {
    host = text.substr(0, colon);
    digits = text.substr(colon + 1);
  }
  if (!digits) return HostAndPort{host, std::nullopt};
  const auto port = parse_port(*digits);
  if (!port) return std::nullopt;
  return HostAndPort{host, port};
}

Result<Endpoint> Endpoint::parse_with_or_without_port(std::string_view text) {
  const auto parts = split_host_and_port(text);
  const auto address = parts ? IpAddress::parse(parts->host) : Result<IpAddress>(fail({}));
  if (!address)
    return fail("'" + std::string(text) + "' is no address, with a port or without", {},
                "write it like 192.0.2.1, 192.0.2.1:443 or [2001:db8::1]:443", ExitCode::kBadInput);
  return Endpoint{*address, parts->port.value_or(0)};
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const auto parts = split_host_and_port(text);
  const auto address =
      parts && parts->port ? IpAddress::parse(parts->host) : Result<IpAddress>(fail({}));
  if (!address)
    return fail("'" + std::string(text) + "' is no address with a port", {},
                "write it like 192.0.2.1:443 or [2001:db8::1]:443", ExitCode::kBadInput);
  return Endpoint{*address, *parts->port};
}

std::string Endpoint::text() const {
  const std::string number = std::to_string(port);
  return address.is_v4() ? address.text() + ":" + number : "[" + address.text() + "]:" + number;
}

}  // namespace anabranch
