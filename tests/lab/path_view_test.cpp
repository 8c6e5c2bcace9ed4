// SPDX-License-Identifier: MIT
#include "lab/path_view.hpp"

#include <gtest/gtest.h>

namespace anabranch::lab {
namespace {

SubflowSample subflow(const char* local, std::uint16_t port, std::uint64_t octets) {
  return {.local = IpAddress::parse(local).value_or(IpAddress()),
          .local_port = port,
          .remote = IpAddress::v4(0xc6120001),
          .remote_port = 5001,
          .octets = octets};
}

/// Path 2 is lost at 300 ns and has another subflow at 400.
TransferRecord record() {
  TransferRecord out;
  out.samples = {
      {100, 30, {subflow("10.1.16.0", 1, 10), subflow("10.2.16.0", 2, 20)}},
      {200, 60, {subflow("10.1.16.0", 1, 20), subflow("10.2.16.0", 2, 40)}},
      {300, 70, {subflow("10.1.16.0", 1, 30), subflow("10.2.16.0", 2, 40)}},
      {400,
       87,
       {subflow("10.1.16.0", 1, 40), subflow("10.2.16.0", 2, 40), subflow("10.2.16.0", 3, 7)}}};
  return out;
}

TEST(OctetsByPath, CountsWhatCameInBetween) {
  EXPECT_EQ(octets_by_path(record(), 100, 200, 2), (std::vector<std::uint64_t>{10, 20}));
}

TEST(OctetsByPath, APathThatStoodStillHasNone) {
  EXPECT_EQ(octets_by_path(record(), 200, 300, 2), (std::vector<std::uint64_t>{10, 0}));
}

TEST(OctetsByPath, ANewSubflowOfThePathCounts) {
  EXPECT_EQ(octets_by_path(record(), 300, 400, 2), (std::vector<std::uint64_t>{10, 7}));
}

TEST(OctetsByPath, BeforeTheFirstSampleThereWasNothing) {
  EXPECT_EQ(octets_by_path(record(), 0, 100, 2), (std::vector<std::uint64_t>{10, 20}));
}

}  // namespace
}  // namespace anabranch::lab
