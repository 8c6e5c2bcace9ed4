// SPDX-License-Identifier: MIT
// A host's provisioning domains against Router Advertisements and a clock made of the input; and
// the addresses that come of them. Whatever is told:
//
//   a path has so many domains and a domain so many entries, and no more;
//   the domain in charge of a path, while it is alive, is not pushed aside by another one's
//   advertisement;
//   what has ended is gone, and the next change lies ahead;
//   an address is never valid for less than two hours because of an advertisement, nor preferred
//   for longer than it is valid.
#include "host/pvd_table.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "input.hpp"

using namespace anabranch;
using namespace anabranch::host;
using fuzz::require;

namespace {

constexpr std::size_t kLongest = 600;

IpAddress link_local(std::uint8_t last) {
  std::array<std::uint8_t, 16> octets{0xfe, 0x80};
  octets[15] = last;
  return IpAddress::v6(octets);
}

/// One of few domains, routers, paths and prefixes, so that they meet; with lifetimes of all kinds.
wire::RouterAdvertisement made(fuzz::Input& input) {
  static constexpr std::array<std::uint32_t, 8> kLifetimes{0,    1,     60,    1800,
                                                           7200, 90000, 65535, 0xffffffff};
  const auto lifetime = [&] { return seconds(kLifetimes[input.octet() & 7]); };
  const auto address = [&] {
    std::array<std::uint8_t, 16> octets{};
    octets[0] = input.octet();
    octets[1] = octets[7] = input.octet() & 3;
    return IpAddress::v6(octets);
  };
  wire::RouterAdvertisement out;
  const std::uint8_t shape = input.octet();
  out.header.lifetime = std::min(lifetime(), seconds(65535));
  auto& domain = out.domain.emplace();
  domain.id = std::string(1, static_cast<char>('a' + (shape & 7)));
  if ((shape & 8) != 0) domain.id = std::string(1, static_cast<char>('A' + (shape & 7)));
  if ((shape & 16) != 0) {
    domain.header.emplace();
    domain.header->lifetime = std::min(lifetime(), seconds(65535));
  }
  domain.options.ext_route =
      wire::ExtRoute{static_cast<std::uint8_t>(input.octet() % 11), input.octet()};
  for (unsigned count = shape >> 5; count > 0; --count) {
    const std::uint8_t kind = input.octet();
    const unsigned length = (kind & 4) != 0 ? 64 : input.octet() % 129;
    if ((kind & 3) == 0)
      domain.options.routes.push_back({IpPrefix(address(), length), {}, lifetime()});
    else if ((kind & 3) == 1)
      domain.options.dns.push_back({lifetime(), {address(), address()}});
    else
      domain.options.prefixes.push_back(
          {IpPrefix(address(), length), (kind & 8) != 0, (kind & 16) != 0, lifetime(), lifetime()});
  }
  return out;
}

class World {
 public:
  void step(fuzz::Input& input) {
    const std::uint8_t what = input.octet();
    switch (what & 7) {
      case 0:
        now_ += seconds(input.number(2));
        break;
      case 1:  // straight to the next change
        if (const auto next = table_.next_change(now_); next != MonotonicTime::max()) now_ = next;
        break;
      case 2: {
        const auto octets = input.take(input.number(2) % kLongest);
        if (const auto heard = wire::decode_router_advertisement(octets))
          hear(*heard, link_local(what >> 6));
        break;
      }
      case 3:
        if ((what & 8) != 0)
          table_.doubt();
        else
          table_.forget_doubted();
        break;
      default:
        hear(made(input), link_local(what >> 6));
    }
    check();
  }

 private:
  void hear(const wire::RouterAdvertisement& heard, const IpAddress& router) {
    table_.expire(now_);
    std::array<std::optional<Domain>, PvdTable::kLastIndex + 1> before;
    for (const auto index : table_.indices()) before[index] = *table_.of_path(index);
    const auto outcome = table_.receive(heard, router, now_);
    for (unsigned index = 1; index <= PvdTable::kLastIndex; ++index) {
      const auto* after = table_.of_path(index);
      if (!before[index]) continue;
      require(after != nullptr, "an advertisement ends no domain");
      if (before[index]->alive(now_))
        require(after->id == before[index]->id, "who is alive stays in charge");
      if (outcome == PvdTable::Outcome::kRefused || outcome == PvdTable::Outcome::kNotForUs)
        require(*after == *before[index], "what is refused changes nothing");
      if (after->id == before[index]->id) compare(*before[index], *after);
    }
  }

  void compare(const Domain& before, const Domain& after) const {
    for (const auto& old : before.prefixes) {
      if (!old.autonomous) continue;
      const auto fresh = std::ranges::find(after.prefixes, old.prefix, &Domain::Prefix::prefix);
      require(fresh != after.prefixes.end(), "no advertisement takes an address away");
      require(fresh->valid_until >= std::min<MonotonicTime>(old.valid_until, now_ + seconds(7200)),
              "the rule of two hours");
    }
  }

  void check() {
    table_.expire(now_);
    require(table_.next_change(now_) > now_, "the next change lies ahead");
    std::array<std::size_t, PvdTable::kLastIndex + 1> domains{};
    for (const auto& domain : table_.domains()) {
      require(domain.route.index > 0 && domain.route.index <= PvdTable::kLastIndex,
              "an index that a path can have");
      require(++domains[domain.route.index] <= PvdTable::kDomainsPerPath, "domains of a path");
      require(domain.prefixes.size() <= PvdTable::kPrefixes &&
                  domain.routes.size() <= PvdTable::kRoutes &&
                  domain.resolvers.size() <= PvdTable::kResolvers,
              "entries of a domain");
      for (const auto& prefix : domain.prefixes) {
        require(!prefix.autonomous || (prefix.valid_until > now_ && prefix.prefix.length() == 64),
                "addresses come from what is valid");
        require(!prefix.autonomous || prefix.preferred_until <= prefix.valid_until,
                "preferred no longer than valid");
      }
    }
  }

  PvdTable table_;
  MonotonicTime now_{std::chrono::hours(1)};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  fuzz::Input input({data, size});
  for (int steps = 0; !input.empty() && steps < 200; ++steps) world.step(input);
  return 0;
}
