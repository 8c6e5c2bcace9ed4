// SPDX-License-Identifier: MIT
#include "gateway/translation.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace anabranch::gateway {
namespace {

/// IPv6 and TCP headers without options.
constexpr unsigned kHeaders = 60;

std::string leaving(const Uplink& through) {
  return fmt::format("oifname \"{}\"", through.interface);
}

/// Empty for addresses that leave through `through` as they are.
std::string outgoing_rule(const Uplink& uplink, const Uplink& through) {
  const std::string out = leaving(through);
  switch (through.nat) {
    case Nat::kMasquerade:
      return out + " masquerade";
    case Nat::kPrefix:
      if (!through.external_prefix) return {};
      if (&uplink != &through) return fmt::format("{} snat to {}", out, stand_in(through).text());
      return fmt::format("{} snat prefix to {}", out, uplink.external_prefix->text());
    case Nat::kNone:
      break;
  }
  return {};
}

const Uplink* rescuer_of(const Settings& settings, const Uplink& uplink) {
  return uplink.fail_open.empty() ? nullptr : settings.find(uplink.fail_open);
}

PathTranslation translate_ipv4(const Settings& settings, const Uplink& uplink) {
  PathTranslation out;
  out.name = std::to_string(uplink.index);
  out.source = uplink.source_prefix;
  const auto leaves_through = [&](const Uplink* through) {
    if (through == nullptr || !through->has_ipv4()) return;
    if (auto rule = outgoing_rule(uplink, *through); !rule.empty())
      out.outgoing.push_back(std::move(rule));
  };
  leaves_through(&uplink);
  leaves_through(rescuer_of(settings, uplink));
  if (uplink.nat == Nat::kPrefix && uplink.external_prefix) {
    out.external = uplink.external_prefix;
    out.incoming = {fmt::format("iifname \"{}\" dnat prefix to {}", uplink.interface,
                                uplink.source_prefix.text())};
  }
  return out;
}

/// What stands for hosts of other prefixes in packets that go to `uplink`'s interface. Without
/// state the inner one: the interface itself then puts the outer prefix in its place.
IpAddress stand_in(const Ipv6& uplink) {
  if (uplink.nat != Nat66::kStateful || !uplink.external_prefix) return uplink.router;
  std::array<std::uint8_t, 16> octets{};
  std::ranges::copy(uplink.external_prefix->network().octets().first(8), octets.begin());
  std::ranges::copy(uplink.router.octets().last(8), octets.begin() + 8);
  return IpAddress::v6(octets);
}

/// Guests of another uplink need a stand-in even where its own hosts need none: the other
/// provider's prefix is not known behind it.
std::vector<std::string> guest_rules(const Settings& settings, const Uplink& uplink) {
  const Uplink* other = rescuer_of(settings, uplink);
  if (other == nullptr || !other->ipv6) return {};
  return {fmt::format("{} snat to {}", leaving(*other), stand_in(*other->ipv6).text())};
}

std::string clamp(unsigned mtu) {
  const unsigned size = mtu - kHeaders;
  return fmt::format("tcp flags syn tcp option maxseg size > {0} tcp option maxseg size set {0}",
                     size);
}

/// Rules that keep the last 64 bits of one address of `from` and give it the first of `to`.
std::vector<std::string> rewrite(std::string_view which, const IpPrefix& from, const IpPrefix& to,
                                 unsigned mtu) {
  std::vector<std::string> out;
  const std::string match = fmt::format("ip6 {} {}", which, from.text());
  if (mtu > kHeaders) out.push_back(match + " " + clamp(mtu));
  out.push_back(fmt::format("{0} ip6 {1} set ip6 {1} & ::ffff:ffff:ffff:ffff | {2}", match, which,
                            to.network().text()));
  return out;
}

std::optional<StatelessTranslation> stateless(const Uplink& uplink,
                                              std::span<const kernel::LinkInfo> links) {
  const auto link = std::ranges::find(links, uplink.interface, &kernel::LinkInfo::name);
  if (link == links.end()) return std::nullopt;
  const Ipv6& ipv6 = *uplink.ipv6;
  return StatelessTranslation{
      uplink.interface, link->index,
      rewrite("saddr", ipv6.source_prefix, *ipv6.external_prefix, link->mtu),
      rewrite("daddr", *ipv6.external_prefix, ipv6.source_prefix, link->mtu)};
}

PathTranslation translate_ipv6(const Settings& settings, const Uplink& uplink,
                               std::span<const kernel::LinkInfo> links) {
  const Ipv6& ipv6 = *uplink.ipv6;
  PathTranslation out;
  out.name = std::to_string(uplink.index);
  out.source = ipv6.source_prefix;
  if (ipv6.nat == Nat66::kStateful && ipv6.external_prefix) {
    out.external = ipv6.external_prefix;
    out.outgoing.push_back(
        fmt::format("{} snat prefix to {}", leaving(uplink), ipv6.external_prefix->text()));
    out.incoming = {fmt::format("iifname \"{}\" dnat prefix to {}", uplink.interface,
                                ipv6.source_prefix.text())};
  }
  if (ipv6.nat == Nat66::kStateless && ipv6.external_prefix)
    out.stateless = stateless(uplink, links);
  for (auto& rule : guest_rules(settings, uplink)) out.outgoing.push_back(std::move(rule));
  return out;
}

}  // namespace

IpAddress stand_in(const Uplink& uplink) {
  const auto inside = uplink.router.to_v4() - uplink.source_prefix.network().to_v4();
  return IpAddress::v4(uplink.external_prefix->network().to_v4() + inside);
}

Translation make_translation(const Settings& settings, std::span<const kernel::LinkInfo> links) {
  Translation out;
  const auto add = [&](PathTranslation path) {
    if (!path.outgoing.empty() || path.stateless) out.push_back(std::move(path));
  };
  for (const auto& uplink : settings.uplinks) {
    if (uplink.has_ipv4()) add(translate_ipv4(settings, uplink));
    if (!uplink.ipv6) continue;
    add(translate_ipv6(settings, uplink, links));
    if (!uplink.ipv6->delegated) continue;
    PathTranslation delegated;
    delegated.name = fmt::format("{}-delegated", uplink.index);
    delegated.source = *uplink.ipv6->delegated;
    delegated.outgoing = guest_rules(settings, uplink);
    add(std::move(delegated));
  }
  return out;
}

}  // namespace anabranch::gateway
