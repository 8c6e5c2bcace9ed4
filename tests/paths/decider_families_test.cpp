// SPDX-License-Identifier: MIT
// IPv4 and IPv6 of one path of a host role are one path.
#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "paths/decider.hpp"

namespace anabranch::paths {
namespace {

using Type = kernel::MptcpEvent::Type;

constexpr Token kToken = 0x1234;
const IpAddress kOne4 = *IpAddress::parse("10.1.0.2");
const IpAddress kOne6 = *IpAddress::parse("2001:db8:1::2");
const IpAddress kTwo4 = *IpAddress::parse("10.2.0.2");
const IpAddress kTwo6 = *IpAddress::parse("2001:db8:2::2");
const Endpoint kServer4{*IpAddress::parse("198.51.100.1"), 443};
const Endpoint kServer6{*IpAddress::parse("2001:db8:ff::1"), 443};

Path path(const IpAddress& address, unsigned ifindex, std::string group) {
  Path out;
  out.address = address;
  out.interface = "c" + std::to_string(ifindex);
  out.ifindex = ifindex;
  out.group = std::move(group);
  return out;
}

class DeciderFamilies : public testing::Test {
 protected:
  /// A connection over `first` to a server that has told of its address of the other family, on a
  /// machine with these paths; the local addresses of the subflows that are asked for in a while.
  std::set<IpAddress> joined(std::vector<Path> paths, const IpAddress& first,
                             bool both_families = false) {
    auto settings = default_settings();
    settings.both_families = both_families;
    Decider decider(std::move(settings));
    MonotonicTime now{seconds(1000)};
    std::set<IpAddress> out;
    std::vector<input::Measured> answers;
    std::vector<kernel::MptcpEvent> events;
    const auto give = [&](const Input& input) {
      for (const auto& action : decider.handle(input, now)) {
        if (const auto* asked = std::get_if<action::Measure>(&action.what))
          answers.push_back({asked->id, 6, milliseconds(20), BitRate::mbit(20)});
        if (const auto* asked = std::get_if<action::CreateSubflow>(&action.what)) {
          out.insert(asked->local);
          events.push_back(event(Type::kSubflowEstablished,
                                 {asked->local, static_cast<std::uint16_t>(50000 + events.size())},
                                 asked->remote, asked->local_id));
        }
      }
    };
    const auto server = first.is_v4() ? kServer4 : kServer6;
    give(input::Paths{std::move(paths)});
    give(input::Event{event(Type::kCreated, {first, 40000}, server)});
    give(input::Event{event(Type::kEstablished, {first, 40000}, server)});
    auto announced = event(Type::kAnnounced, {first, 40000}, first.is_v4() ? kServer6 : kServer4);
    announced.remote_id = 1;
    give(input::Event{announced});
    std::size_t answered = 0;
    std::size_t established = 0;
    for (const auto end = now + seconds(5); now < end; now += milliseconds(10)) {
      while (decider.next_tick() && *decider.next_tick() <= now) give(input::Tick{});
      while (answered < answers.size()) give(Input{answers[answered++]});
      while (established < events.size()) give(input::Event{events[established++]});
    }
    return out;
  }

  static kernel::MptcpEvent event(Type type, const Endpoint& local, const Endpoint& remote,
                                  std::uint8_t id = 0) {
    kernel::MptcpEvent out;
    out.type = type;
    out.token = kToken;
    out.local = local;
    out.remote = remote;
    out.local_id = id;
    return out;
  }
};

using Addresses = std::set<IpAddress>;

TEST_F(DeciderFamilies, APathIsUsedInTheConnectionsFamilyAndNotInBoth) {
  const std::vector paths{path(kOne4, 1, "eth0/1"), path(kOne6, 1, "eth0/1"),
                          path(kTwo4, 2, "eth0/2"), path(kTwo6, 2, "eth0/2")};
  EXPECT_EQ(joined(paths, kOne4), (Addresses{kTwo4}));
  EXPECT_EQ(joined(paths, kOne6), (Addresses{kTwo6}));
}

TEST_F(DeciderFamilies, APathWithoutTheConnectionsFamilyIsUsedInTheOther) {
  const std::vector paths{path(kOne4, 1, "eth0/1"), path(kTwo6, 2, "eth0/2")};
  EXPECT_EQ(joined(paths, kOne4), (Addresses{kTwo6}));
}

TEST_F(DeciderFamilies, BothAreUsedWhereThatIsWanted) {
  const std::vector paths{path(kOne4, 1, "eth0/1"), path(kOne6, 1, "eth0/1"),
                          path(kTwo4, 2, "eth0/2"), path(kTwo6, 2, "eth0/2")};
  EXPECT_EQ(joined(paths, kOne4, true), (Addresses{kTwo4, kOne6, kTwo6}));
}

TEST_F(DeciderFamilies, AddressesThatNoHostRoleHasStayWithTheirFamily) {
  const std::vector paths{path(kOne4, 1, ""), path(kOne6, 1, ""), path(kTwo6, 2, "")};
  EXPECT_EQ(joined(paths, kOne4, true), Addresses{});
}

}  // namespace
}  // namespace anabranch::paths
