// SPDX-License-Identifier: MIT
// Sequence numbers: the hash against its authors' vectors, and what a flow gets.
#include "probe/sequence.hpp"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace anabranch::probe {
namespace {

const Flow kFlow{.local = IpAddress::v4(0x0a010002),
                 .local_port = 40001,
                 .remote = IpAddress::v4(0xc6336401),
                 .remote_port = 443};

TEST(KeyedHash, IsSipHash) {
  const SequenceKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::vector<std::uint8_t> message;
  EXPECT_EQ(keyed_hash(key, message), 0x726fdb47dd0e0e31U);
  for (std::uint8_t i = 0; i < 8; ++i) message.push_back(i);
  EXPECT_EQ(keyed_hash(key, message), 0x93f5f5799a932462U);
  for (std::uint8_t i = 8; i < 15; ++i) message.push_back(i);
  EXPECT_EQ(keyed_hash(key, message), 0xa129ca6149be45e5U);
}

TEST(SequenceNumbers, OfOneFlowGrowALittleEachTime) {
  SequenceNumbers numbers({1, 2});
  const auto first = numbers.next(kFlow);
  auto other = kFlow;
  for (int i = 0; i < 1000; ++i) {
    other.local_port = static_cast<std::uint16_t>(50000 + i);
    numbers.next(other);
  }
  const auto again = numbers.next(kFlow);
  EXPECT_EQ(again - first, 1001U) << "inside the window of the half-open connection of the first";
}

TEST(SequenceNumbers, OfOneFlowTellNothingAboutAnother) {
  std::set<std::uint32_t> seen;
  for (std::uint16_t i = 0; i < 100; ++i) {
    SequenceNumbers numbers({1, 2});
    auto other = kFlow;
    other.remote_port = i;
    seen.insert(numbers.next(other) >> 8);
  }
  EXPECT_GT(seen.size(), 98U);
  EXPECT_NE(SequenceNumbers({1, 2}).next(kFlow), SequenceNumbers({2, 1}).next(kFlow))
      << "nor without the key";
}

}  // namespace
}  // namespace anabranch::probe
