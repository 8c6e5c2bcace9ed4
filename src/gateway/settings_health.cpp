// SPDX-License-Identifier: MIT
#include "gateway/settings_health.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "gateway/setting_definitions_health.hpp"

namespace anabranch::gateway {
namespace {

namespace health = definition::health;
using Kind = HealthProbe::Kind;

constexpr std::size_t kMostProbes = 8;
constexpr std::size_t kLongestText = 256;
constexpr std::uint16_t kHttpPort = 80;
constexpr std::string_view kHost = " Host: ";

/// Takes `prefix` from the front of `text`.
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// "192.0.2.1" or "[2001:db8::1]" from the front of `text`; what follows stays.
std::optional<IpAddress> take_address(std::string_view& text) {
  const bool brackets = text.starts_with('[');
  const auto end = brackets ? text.find(']') : std::min(text.find_first_of(":/"), text.size());
  if (end == text.npos) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(brackets ? 1 : 0, end - (brackets ? 1 : 0)));
  if (!address || address->is_v4() == brackets) return std::nullopt;
  text.remove_prefix(end + (brackets ? 1 : 0));
  return *address;
}

/// ":443" from the front of `text`.
std::optional<std::uint16_t> take_port(std::string_view& text) {
  if (!take(text, ":")) return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || port == 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return port;
}

/// What may stand in a request line or a header field as it is.
bool is_plain(std::string_view text) {
  return text.size() <= kLongestText &&
         std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

std::optional<HealthProbe> parse_http(std::string_view text) {
  HealthProbe out{.kind = Kind::kHttp};
  const auto host = text.find(kHost);
  const auto authority = text.substr(0, std::min(text.find('/'), host));
  out.host = host == text.npos ? authority : text.substr(host + kHost.size());
  text = text.substr(0, host);
  const auto address = take_address(text);
  if (!address) return std::nullopt;
  out.address = *address;
  out.port = kHttpPort;
  if (text.starts_with(':')) {
    const auto port = take_port(text);
    if (!port) return std::nullopt;
    out.port = *port;
  }
  if (!text.empty() && !text.starts_with('/')) return std::nullopt;
  out.path = text.empty() ? "/" : text;
  if (out.host.empty() || !is_plain(out.host) || !is_plain(out.path)) return std::nullopt;
  return out;
}

std::optional<HealthProbe> parse_probe(std::string_view text) {
  if (take(text, "http://")) return parse_http(text);
  HealthProbe out;
  out.kind = text.starts_with("tcp:") ? Kind::kTcp : Kind::kIcmp;
  if (!take(text, "icmp:") && !take(text, "tcp:")) return std::nullopt;
  const auto address = take_address(text);
  if (!address) return std::nullopt;
  out.address = *address;
  if (out.kind == Kind::kTcp) {
    const auto port = take_port(text);
    if (!port) return std::nullopt;
    out.port = *port;
  }
  return text.empty() ? std::optional(out) : std::nullopt;
}

bool is_far_away(const IpAddress& address) {
  const auto in = [&](const char* prefix) { return IpPrefix::parse(prefix)->contains(address); };
  if (address.is_unspecified()) return false;
  return address.is_v4()
             ? !in("0.0.0.0/8") && !in("127.0.0.0/8") && !in("224.0.0.0/3")
             : !in("::1/128") && !in("ff00::/8") && !in("fe80::/10") && !in("::ffff:0:0/96");
}

void check(const config::Section& section, const Uplink& uplink, const HealthProbe& probe) {
  const auto complain = [&](const std::string& what, std::string hint) {
    section.complain(health::kProbes, "'" + probe_text(probe) + "' " + what, std::move(hint));
  };
  const bool v4 = probe.address.is_v4();
  if (!is_far_away(probe.address))
    complain("asks nobody beyond the uplink", "the address of a single machine of the Internet");
  else if (v4 ? !uplink.has_ipv4() && uplink.ipv6.has_value() : !uplink.ipv6.has_value())
    complain(fmt::format("is {}, which this uplink does not carry", v4 ? "IPv4" : "IPv6"),
             v4 ? "it has no source_prefix" : "it has no [uplink.ipv6]");
  else if (v4 ? uplink.source_prefix.contains(probe.address)
              : uplink.ipv6->source_prefix.contains(probe.address))
    complain("lies on the LAN", "the address of a machine beyond the uplink");
}

std::vector<HealthProbe> read_probes(const config::Section& section, const Uplink& uplink) {
  std::vector<HealthProbe> out;
  const auto texts = section.texts(health::kProbes);
  if (texts.size() > kMostProbes)
    section.complain(health::kProbes, fmt::format("{} probes are too many", texts.size()),
                     fmt::format("at most {}", kMostProbes));
  for (const auto& text : texts) {
    const auto probe = parse_probe(text);
    if (!probe) {
      const bool https = text.starts_with("https:");
      section.complain(health::kProbes, "'" + text + "' is no probe",
                       https ? "TLS is not spoken here: write \"tcp:ADDRESS:443\""
                             : "write \"icmp:198.51.100.1\", \"tcp:198.51.100.1:443\" or "
                               "\"http://198.51.100.1/\", IPv6 addresses in brackets");
      continue;
    }
    check(section, uplink, *probe);
    if (std::ranges::find(out, *probe) != out.end())
      section.complain(health::kProbes, "'" + text + "' is there twice");
    out.push_back(*probe);
  }
  return out;
}

}  // namespace

Health read_health(const config::Section& section, const Uplink& uplink) {
  Health out;
  out.probes = read_probes(section, uplink);
  out.interval = section.duration(health::kInterval);
  out.timeout = section.duration(health::kTimeout);
  out.down_after = static_cast<unsigned>(section.number(health::kDownAfter));
  out.up_after = static_cast<unsigned>(section.number(health::kUpAfter));
  if (out.timeout > out.interval) {
    if (section.has(health::kTimeout))
      section.complain(health::kTimeout,
                       fmt::format("the timeout {} is longer than the interval {}",
                                   duration_text(out.timeout), duration_text(out.interval)),
                       "a round ends before the next one begins");
    out.timeout = out.interval;
  }
  return out;
}

std::string probe_text(const HealthProbe& probe) {
  const std::string address =
      probe.address.is_v4() ? probe.address.text() : "[" + probe.address.text() + "]";
  switch (probe.kind) {
    case Kind::kIcmp:
      return "icmp:" + address;
    case Kind::kTcp:
      return fmt::format("tcp:{}:{}", address, probe.port);
    case Kind::kHttp:
      return probe.port == kHttpPort
                 ? fmt::format("http://{}{}", address, probe.path)
                 : fmt::format("http://{}:{}{}", address, probe.port, probe.path);
  }
  return {};
}

}  // namespace anabranch::gateway
