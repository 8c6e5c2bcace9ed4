// SPDX-License-Identifier: MIT
// Messages of the control channel: what they look like, that they come back, what is refused.
#include "wire/balancer_control.hpp"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::SizeIs;

const Endpoint kService{*IpAddress::parse("198.51.100.10"), 443};
const Endpoint kService6{*IpAddress::parse("2001:db8::10"), 8443};

ControlNonce nonce() {
  ControlNonce out;
  for (std::size_t i = 0; i < out.size(); ++i) out.at(i) = static_cast<std::uint8_t>(0x40 + i);
  return out;
}

ControlHello hello() {
  return {.server = 0x0107, .nonce = nonce(), .name = "web7"};
}

/// The one body of a message.
ControlOctets body_of(const ControlMessage& message) {
  auto bodies = encode(message);
  EXPECT_THAT(bodies, SizeIs(1));
  return bodies.empty() ? ControlOctets{} : bodies.front();
}

template <class Message>
std::string fault_of(ControlOctets body) {
  const auto read = decode_control(control_type(Message{}), body);
  return read ? "" : std::string(read.error());
}

void expect_back(const ControlMessage& message) {
  EXPECT_EQ(decode_control(control_type(message), body_of(message)), message);
}

/// All frames of a history, put together again.
ControlHistory told(const ControlHistory& history) {
  ControlHistory out{.service = history.service, .full = history.full, .last = false};
  for (const auto& body : encode(history)) {
    EXPECT_LE(body.size(), kControlMostBody);
    EXPECT_FALSE(out.last) << "nothing comes behind the last";
    const auto part = decode_control(control_type(history), body);
    if (!part) {
      ADD_FAILURE() << part.error();
      break;
    }
    const auto& read = std::get<ControlHistory>(*part);
    EXPECT_EQ(read.service, history.service);
    EXPECT_EQ(read.full, history.full);
    out.last = read.last;
    out.runs.insert(out.runs.end(), read.runs.begin(), read.runs.end());
  }
  return out;
}

/// Place by place, whatever runs it is told in.
std::vector<std::array<std::uint32_t, 3>> places_of(const ControlHistory& history) {
  std::vector<std::array<std::uint32_t, 3>> out(kControlPlaces, {0xffff'ffff});
  for (const auto& run : history.runs)
    for (std::uint32_t i = 0; i < run.count; ++i)
      out.at(run.place + i) = {run.owner, run.previous, run.age};
  return out;
}

TEST(ControlFrame, IsLengthTypeBodyMac) {
  std::array<std::uint8_t, kControlMac> mac{};
  std::ranges::fill(mac, std::uint8_t{0xee});
  ControlOctets out;
  append_control_frame(6, body_of(ControlState{.connections = 0x01020304}), mac, out);
  EXPECT_THAT(out, ElementsAreArray({0,    0,    0,    22,   6,    1,    1,    2,    3,
                                     4,    0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
                                     0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee}));
  const auto frame = control_frame(out, kControlMostFrame);
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->size, out.size());
  EXPECT_EQ((*frame)->type, 6);
  EXPECT_THAT((*frame)->body, ElementsAre(1, 1, 2, 3, 4));
  EXPECT_TRUE(std::ranges::equal((*frame)->mac, mac));
}

TEST(ControlFrame, IsAwaitedUntilItsEndIsThere) {
  ControlOctets out;
  append_control_frame(4, {}, std::array<std::uint8_t, kControlMac>{}, out);
  for (std::size_t size = 0; size < out.size(); ++size) {
    const auto frame = control_frame(std::span(out).first(size), kControlMostFrame);
    ASSERT_TRUE(frame);
    EXPECT_FALSE(*frame) << size;
  }
  out.push_back(0);  // of the next one
  EXPECT_EQ((*control_frame(out, kControlMostFrame))->size, out.size() - 1);
}

TEST(ControlFrame, IsRefusedByItsLengthAlone) {
  const auto refused = [](ControlOctets octets, std::size_t most) {
    return !control_frame(octets, most).has_value();
  };
  EXPECT_TRUE(refused({0, 0, 0, 0}, kControlMostFrame));
  EXPECT_TRUE(refused({0, 0, 0, 16}, kControlMostFrame)) << "no type";
  EXPECT_FALSE(refused({0, 0, 0, 17}, kControlMostFrame));
  EXPECT_FALSE(refused({0, 0, 0xff, 0xfc}, kControlMostFrame)) << "64 KiB with its length";
  EXPECT_TRUE(refused({0, 0, 0xff, 0xfd}, kControlMostFrame));
  EXPECT_TRUE(refused({0xff, 0xff, 0xff, 0xff}, kControlMostFrame));
  EXPECT_TRUE(refused({0, 0, 2, 0}, kControlMostHandshake)) << "too long for a stranger";
}

TEST(ControlMessage, OctetsOfEach) {
  auto octets = body_of(hello());
  EXPECT_THAT(std::span(octets).first(5), ElementsAre(1, 0x01, 0x07, 0x40, 0x41));
  EXPECT_THAT(std::span(octets).subspan(3 + 31), ElementsAre(0x5f, 4, 'w', 'e', 'b', '7'));
  octets = body_of(ControlWelcome{.nonce = nonce()});
  EXPECT_THAT(std::span(octets).first(2), ElementsAre(1, 0x40));
  EXPECT_THAT(octets, SizeIs(33));
  EXPECT_THAT(body_of(ControlRefusal{.reason = ControlRefused::kName}), ElementsAre(1, 3));
  EXPECT_THAT(body_of(ControlPing{}), ElementsAre());
  EXPECT_THAT(body_of(ControlState{.connections = 258, .serving = false}),
              ElementsAre(0, 0, 0, 1, 2));
  EXPECT_THAT(body_of(ControlTokens{.begins = true, .learned = {0x01020304}, .gone = {5, 6}}),
              ElementsAre(1, 0, 1, 0, 2, 1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 6));
}

TEST(ControlMessage, OctetsOfAHistory) {
  const ControlHistory history{
      .service = kService,
      .full = true,
      .runs = {{.place = 7, .count = 2, .owner = 3, .previous = 2, .age = 9},
               {.place = 300, .count = 1, .owner = 3, .previous = 2, .age = 9},
               {.place = 0, .count = 300, .owner = 4, .previous = 2}}};
  EXPECT_THAT(body_of(history), ElementsAre(3, 4, 198, 51, 100, 10, 0x01, 0xbb,        //
                                            0, 3, 0, 2, 0, 0, 0, 9, 0, 0, 0, 7, 0, 3,  //
                                            0, 2, 255, 0, 36, 1,                       //
                                            0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,  //
                                            0, 255, 0, 45));
}

TEST(ControlMessage, EachComesBack) {
  expect_back(hello());
  expect_back(ControlHello{.version = 9, .server = 1, .name = std::string(255, 'x')});
  expect_back(ControlWelcome{.nonce = nonce()});
  expect_back(ControlRefusal{.version = 2, .reason = static_cast<ControlRefused>(77)});
  expect_back(ControlPing{});
  expect_back(ControlState{.connections = 0xffffffff, .serving = true});
  expect_back(ControlTokens{});
  expect_back(ControlTaken{.histories = 0x01020304});
  expect_back(ControlTokens{.ends = true, .learned = {0, 0xffffffff}, .gone = {7}});
  expect_back(ControlHistory{.service = kService6, .full = true});
  expect_back(ControlHistory{.service = kService6,
                             .last = false,
                             .runs = {{.place = 65'536, .count = 1, .owner = 0, .previous = 9}}});
}

TEST(ControlMessage, ManyTokensNeedManyFrames) {
  ControlTokens all{.begins = true, .ends = true};
  for (std::uint32_t token = 0; token < 200'000; ++token) all.learned.push_back(token * 21'473);
  for (std::uint32_t token = 0; token < 20'000; ++token) all.gone.push_back(token);
  const auto bodies = encode(all);
  EXPECT_THAT(bodies, SizeIs(14));
  ControlTokens back;
  for (const auto& body : bodies) {
    EXPECT_LE(body.size(), kControlMostBody);
    const auto read = decode_control(control_type(all), body);
    ASSERT_TRUE(read);
    const auto& part = std::get<ControlTokens>(*read);
    EXPECT_EQ(part.begins, &body == &bodies.front());
    EXPECT_EQ(part.ends, &body == &bodies.back());
    back.learned.insert(back.learned.end(), part.learned.begin(), part.learned.end());
    back.gone.insert(back.gone.end(), part.gone.begin(), part.gone.end());
  }
  EXPECT_EQ(back.learned, all.learned);
  EXPECT_EQ(back.gone, all.gone);
}

TEST(ControlMessage, AServersShareOfTheRingIsOneFrame) {
  // One of four servers goes: its places, every fourth or so, go to the three others.
  std::minstd_rand random(1);
  ControlHistory history{.service = kService};
  for (std::uint32_t place = 0; place < kControlPlaces; ++place)
    if (random() % 4 == 0)
      history.runs.push_back({.place = place,
                              .count = 1,
                              .owner = static_cast<std::uint16_t>(1 + random() % 3),
                              .previous = 4});
  EXPECT_GT(history.runs.size(), 16'000u);
  EXPECT_THAT(encode(history), SizeIs(1));
  EXPECT_EQ(places_of(told(history)), places_of(history));
}

TEST(ControlMessage, AnyHistoryComesBackPlaceByPlace) {
  std::minstd_rand random(2);
  const auto below = [&](std::uint32_t bound) {
    return static_cast<std::uint32_t>(random() % bound);
  };
  for (unsigned round = 0; round < 40; ++round) {
    ControlHistory history{.service = round % 2 == 0 ? kService : kService6,
                           .full = round % 3 == 0};
    const unsigned servers = 1u << below(11);
    const unsigned ages = 1 + below(3);
    for (std::uint32_t place = below(2000); place < kControlPlaces;) {
      const auto count =
          std::min<std::uint32_t>(1 + below(round % 5 == 0 ? 1000 : 3), kControlPlaces - place);
      history.runs.push_back({.place = place,
                              .count = count,
                              .owner = static_cast<std::uint16_t>(below(servers)),
                              .previous = static_cast<std::uint16_t>(below(servers)),
                              .age = below(ages)});
      place += count + below(round % 7 == 0 ? 3000 : 4);
    }
    std::ranges::shuffle(history.runs, random);
    const auto back = told(history);
    ASSERT_TRUE(back.last);
    ASSERT_EQ(places_of(back), places_of(history)) << "round " << round;
  }
}

TEST(ControlMessage, WhatCannotBeSaidIsNotSaid) {
  EXPECT_THAT(encode(ControlHello{.name = ""}), SizeIs(0));
  EXPECT_THAT(encode(ControlHello{.name = std::string(256, 'x')}), SizeIs(0));
  EXPECT_THAT(encode(ControlHello{.name = "a\nb"}), SizeIs(0));
  const auto with = [](OwnerRun run) {
    return encode(ControlHistory{.service = kService, .runs = {run}});
  };
  EXPECT_THAT(with({.place = 65'536, .count = 2}), SizeIs(0));
  EXPECT_THAT(with({.place = 65'537, .count = 1}), SizeIs(0));
  EXPECT_THAT(with({.place = 1, .count = 0xffffffff}), SizeIs(0));
  EXPECT_THAT(with({.place = 1, .count = 0}), SizeIs(0));
  EXPECT_THAT(encode(ControlHistory{}), SizeIs(0)) << "no port";
}

TEST(ControlMessage, TypesThereAreNot) {
  for (const unsigned type : {0u, 9u, 255u}) {
    const auto read = decode_control(static_cast<std::uint8_t>(type), {});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), "type");
  }
}

TEST(ControlMessage, OtherLengthsAreRefused) {
  const ControlHistory history{.service = kService6, .runs = {{.place = 1, .count = 1}}};
  const ControlMessage all[]{hello(),          ControlWelcome{},
                             ControlRefusal{}, ControlPing{},
                             ControlState{},   ControlTokens{.learned = {1}, .gone = {2}},
                             history,          ControlTaken{}};
  for (const auto& message : all) {
    auto body = body_of(message);
    const auto type = control_type(message);
    for (std::size_t size = 0; size < body.size(); ++size) {
      const auto cut = decode_control(type, std::span(body).first(size));
      // What ends before its groups is a history without any.
      if (type == 7 && size == 20) continue;
      ASSERT_FALSE(cut) << unsigned{type} << " of " << size;
      EXPECT_EQ(cut.error(), "length") << unsigned{type} << " of " << size;
    }
    body.push_back(0);
    const auto longer = decode_control(type, body);
    ASSERT_FALSE(longer) << unsigned{type};
    EXPECT_EQ(longer.error(), "length");
  }
}

TEST(ControlMessage, MalformedFieldsAreRefused) {
  auto octets = body_of(hello());
  octets.back() = '\x1b';
  EXPECT_EQ(fault_of<ControlHello>(octets), "name");
  octets.resize(36);
  octets.back() = 0;
  EXPECT_EQ(fault_of<ControlHello>(octets), "name") << "empty";
  EXPECT_EQ(fault_of<ControlState>({2, 0, 0, 0, 0}), "flags");
  EXPECT_EQ(fault_of<ControlTokens>({4, 0, 0, 0, 0}), "flags");
  EXPECT_EQ(fault_of<ControlTokens>({0, 0, 2, 0, 0, 1, 2, 3, 4}), "length");
}

/// A history of kService with these octets behind it.
std::string fault_of_groups(std::vector<unsigned> groups) {
  ControlOctets body{2, 4, 198, 51, 100, 10, 1, 187};
  body.insert(body.end(), groups.begin(), groups.end());
  return fault_of<ControlHistory>(body);
}

TEST(ControlMessage, MalformedHistoriesAreRefused) {
  EXPECT_EQ(fault_of<ControlHistory>({4, 4, 1, 2, 3, 4, 0, 1}), "flags");
  EXPECT_EQ(fault_of<ControlHistory>({0, 5, 1, 2, 3, 4, 0, 1}), "family");
  EXPECT_EQ(fault_of<ControlHistory>({0, 4, 1, 2, 3, 4, 0, 0}), "family") << "port 0";
  EXPECT_EQ(
      fault_of<ControlHistory>({0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4, 0, 1}),
      "family")
      << "an IPv4 address has one form";
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 0, 1}), "");
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0}), "group");
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 0, 1,  //
                             0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 1}),
            "group")
      << "twice the same";
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 0, 0}), "run");
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 255, 0}), "run");
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 254, 0, 0, 1}), "run");
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 255, 0, 0, 1}), "");
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1}), "");
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2}), "place");
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1}), "place");
  EXPECT_EQ(fault_of_groups({0, 1, 0, 2, 0, 0, 0, 0, 255, 255, 255, 255, 0, 1, 0, 1}), "place");
}

TEST(ControlMessage, NoiseIsReadOrRefusedAndReadTheSameAgain) {
  std::minstd_rand random(3);
  unsigned read = 0;
  for (unsigned round = 0; round < 100'000; ++round) {
    const auto type = static_cast<std::uint8_t>(random() % 9);
    ControlOctets body(random() % 80);
    for (auto& octet : body) octet = static_cast<std::uint8_t>(random() % 5);
    const auto message = decode_control(type, body);
    if (!message) continue;
    ++read;
    ASSERT_EQ(decode_control(type, body_of(*message)), message);
  }
  EXPECT_GT(read, 0u);
}

}  // namespace
}  // namespace anabranch::wire
