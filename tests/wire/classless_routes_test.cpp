// SPDX-License-Identifier: MIT
#include "wire/classless_routes.hpp"

#include <gtest/gtest.h>

namespace anabranch::wire {
namespace {

using Octets = std::vector<std::uint8_t>;
IpPrefix prefix(const char* text) {
  return IpPrefix::parse(text).value();
}
IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

// The descriptors of RFC 3442's own table: only significant octets of the destination are sent.
TEST(ClasslessRoutes, ExamplesOfTheRfc) {
  const struct {
    Octets destination;
    const char* expected;
  } rows[] = {
      {{0}, "0.0.0.0/0"},
      {{8, 10}, "10.0.0.0/8"},
      {{24, 10, 0, 0}, "10.0.0.0/24"},
      {{16, 10, 17}, "10.17.0.0/16"},
      {{24, 10, 27, 129}, "10.27.129.0/24"},
      {{25, 10, 229, 0, 128}, "10.229.0.128/25"},
      {{32, 10, 198, 122, 47}, "10.198.122.47/32"},
  };
  for (const auto& row : rows) {
    Octets value = row.destination;
    value.insert(value.end(), {10, 1, 0, 1});
    EXPECT_EQ(decode_classless_routes(value),
              (std::vector<ClasslessRoute>{{prefix(row.expected), address("10.1.0.1")}}));
  }
}

TEST(ClasslessRoutes, RouterZeroMeansOnTheLink) {
  const Octets value{32, 10, 1, 0, 1, 0, 0, 0, 0, 0, 10, 1, 0, 1};
  EXPECT_EQ(decode_classless_routes(value),
            (std::vector<ClasslessRoute>{{prefix("10.1.0.1/32"), std::nullopt},
                                         {prefix("0.0.0.0/0"), address("10.1.0.1")}}));
}

TEST(ClasslessRoutes, BitsBeyondTheWidthAreCleared) {
  const auto routes = decode_classless_routes(Octets{9, 10, 255, 10, 1, 0, 1});
  ASSERT_TRUE(routes);
  EXPECT_EQ(routes->front().to, prefix("10.128.0.0/9"));
}

TEST(ClasslessRoutes, AMalformedListIsIgnoredAsAWhole) {
  EXPECT_FALSE(decode_classless_routes({}));
  EXPECT_FALSE(decode_classless_routes(Octets{33, 10, 0, 0, 0, 0, 10, 1, 0, 1}));
  EXPECT_FALSE(decode_classless_routes(Octets{0, 10, 1, 0}));
  EXPECT_FALSE(decode_classless_routes(Octets{0, 10, 1, 0, 1, 24, 10, 1}));
}

// Option 33 carries no widths: they follow from the classes of RFC 791.
TEST(StaticRoutes, WidthsFollowFromTheClass) {
  const struct {
    Octets destination;
    const char* expected;
  } rows[] = {
      {{10, 0, 0, 0}, "10.0.0.0/8"},    {{172, 16, 0, 0}, "172.16.0.0/16"},
      {{192, 0, 2, 0}, "192.0.2.0/24"}, {{10, 1, 0, 0}, "10.1.0.0/32"},
      {{192, 0, 2, 7}, "192.0.2.7/32"},
  };
  for (const auto& row : rows) {
    Octets value = row.destination;
    value.insert(value.end(), {10, 2, 0, 1});
    EXPECT_EQ(decode_static_routes(value),
              (std::vector<ClasslessRoute>{{prefix(row.expected), address("10.2.0.1")}}));
  }
}

TEST(StaticRoutes, DefaultRoutesAndMulticastAreLeftOut) {
  const Octets value{0, 0, 0, 0, 10, 2, 0, 1, 224, 0, 0, 0, 10, 2, 0, 1, 10, 0, 0, 0, 10, 2, 0, 2};
  EXPECT_EQ(decode_static_routes(value),
            (std::vector<ClasslessRoute>{{prefix("10.0.0.0/8"), address("10.2.0.2")}}));
}

TEST(StaticRoutes, WrongLengthsAreRefused) {
  EXPECT_FALSE(decode_static_routes({}));
  for (const std::size_t size : {1u, 4u, 7u, 9u, 15u})
    EXPECT_FALSE(decode_static_routes(Octets(size))) << size;
}

}  // namespace
}  // namespace anabranch::wire
